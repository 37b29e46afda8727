// Package cli is the command line: it reads what is asked for, wires the rooms
// together and turns what came of it into an exit code. It is the only place
// that knows every room.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/report"
	"github.com/hallmark-ci/hallmark/internal/terminal"
)

// Exit codes. Nothing but a pass, and a no under gate: warn, is 0.
const (
	exitPassed    = 0
	exitFailed    = 1
	exitUsage     = 2
	exitDenied    = 3
	exitUndecided = 4
)

// Stdio is where a command writes: results to Out, progress and errors to Err.
type Stdio struct {
	Out, Err io.Writer
}

// Main runs the command line in args, without the program's name, and returns
// the exit code. Ending ctx stops whatever is under way; its cause is printed.
func Main(ctx context.Context, args []string, stdio Stdio, env func(string) (string, bool)) int {
	a := &app{stdio: stdio, env: env}
	root := a.root()
	root.SetArgs(args)
	return a.finish(unknownCommand(root.ExecuteContext(ctx)))
}

// app is one invocation of the program.
type app struct {
	stdio   Stdio
	env     lookup
	warning bool // gate: warn
}

// denied is the error of a verdict that is not a pass. Its reasons have been
// printed already.
type denied struct{ outcome policy.Outcome }

func (d denied) Error() string { return "the verdict is " + d.outcome.String() }

// finish prints an error, with its hint on the next line, and returns the exit
// code that it stands for.
func (a *app) finish(err error) int {
	code := exitCode(err)
	var verdict denied
	if err != nil && !errors.As(err, &verdict) {
		_, _ = fmt.Fprintf(a.stdio.Err, "hallmark: %s\n", oneLine(err))
		if hint := fault.HintOf(err); hint != "" {
			_, _ = fmt.Fprintf(a.stdio.Err, "    hint: %s\n", hint)
		}
	}
	if a.warning && (code == exitDenied || code == exitUndecided) {
		_, _ = fmt.Fprintf(a.stdio.Err, "hallmark: warning: the gate says no (%d), but gate is warn\n", code)
		return exitPassed
	}
	return code
}

// exitCode is the one place where errors become exit codes.
func exitCode(err error) int {
	var verdict denied
	switch {
	case err == nil:
		return exitPassed
	case errors.As(err, &verdict) && verdict.outcome == policy.Deny:
		return exitDenied
	case errors.As(err, &verdict):
		return exitUndecided
	}
	switch fault.KindOf(err) {
	case fault.Usage:
		return exitUsage
	case fault.Undecided:
		return exitUndecided
	case fault.Failed:
	}
	return exitFailed
}

// stopped replaces an error by the reason for which the job was ended, if it
// was: what the network or a parser made of that helps nobody.
func stopped(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("stopped before the end: %w", context.Cause(ctx))
}

// oneLine returns an error as one line, as errors of libraries may have many.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "hallmark",
		Short:         "Make, sign, attach, verify and gate attestations of a container image",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fault.Usagef("unknown command %q", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetOut(a.stdio.Out)
	root.SetErr(a.stdio.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fault.WithHint(fault.Usagef("%w", err), "hallmark %s --help lists the flags", c.Name())
	})
	root.AddCommand(a.run(), a.attest(), a.verify(), a.gate(), a.inspect(), a.keygen(), a.demo(), a.version())
	return root
}

// unknownCommand marks cobra's complaint about a command as wrong usage.
func unknownCommand(err error) error {
	if err != nil && strings.HasPrefix(err.Error(), "unknown command") {
		return fault.WithHint(fault.Usagef("%w", err), "hallmark --help lists the commands")
	}
	return err
}

// command returns a command with the flags of its inputs.
func (a *app) command(name, argument, short string, run func(ctx context.Context, v values, args []string) error) *cobra.Command {
	taken := inputsOf(name)
	c := &cobra.Command{
		Use:   strings.TrimSpace(name + " " + argument),
		Short: short,
		Args: func(_ *cobra.Command, args []string) error {
			if most := len(strings.Fields(argument)); len(args) > most {
				return fault.Usagef("hallmark %s takes %d arguments, not %d", name, most, len(args))
			}
			return nil
		},
	}
	define(c.Flags(), taken)
	c.RunE = func(c *cobra.Command, args []string) error {
		return run(c.Context(), values{flags: c.Flags(), env: a.env, inputs: taken}, args)
	}
	return c
}

// style returns how results are written to Out.
func (a *app) style() report.Style {
	f, ok := a.stdio.Out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return report.Style{}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 80
	}
	return report.Style{Width: width, Color: a.colors()}
}

func (a *app) colors() bool {
	if value, ok := a.env("NO_COLOR"); ok && value != "" {
		return false // https://no-color.org
	}
	kind, _ := a.env("TERM")
	return kind != "dumb"
}

// progress returns where stages are shown, as log-format asks.
func (a *app) progress(v values) (*terminal.Progress, error) {
	format, err := v.oneOf("log-format", "auto", "text", "json")
	if err != nil {
		return nil, err
	}
	f, isFile := a.stdio.Err.(*os.File)
	switch {
	case format == "json":
		return terminal.NewProgress(a.stdio.Err, terminal.JSON), nil
	case format == "auto" && isFile && term.IsTerminal(int(f.Fd())):
		return terminal.NewProgress(a.stdio.Err, terminal.Live), nil
	}
	return terminal.NewProgress(a.stdio.Err, terminal.Plain), nil
}
