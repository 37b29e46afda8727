// Package cli is the command line: it reads what is asked for, wires the rooms
// together and turns what came of it into an exit code. It is the only place
// that knows every room.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
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

// maxMessage bounds an error message, in bytes: those of libraries may hold what
// a registry answered.
const maxMessage = 1000

// about is what hallmark --help says first.
const about = `Hallmark makes the SBOM and the vulnerability scan of a container image, signs
them and other evidence as attestations, attaches them to the image in its
registry, reads them back, verifies them and decides by your policies.

  hallmark keygen
  hallmark run registry.example.com/team/shop:1.4.2 --key cosign.key --severity-cutoff critical
  hallmark verify registry.example.com/team/shop:1.4.2 --key cosign.pub

Exit codes: 0 passed, 1 the job could not be done, 2 wrong usage, 3 denied,
4 could not decide. Every flag can be set as HALLMARK_<NAME> too, with dashes as
underscores. COSIGN_PASSWORD holds the password of a key file; COSIGN_REPOSITORY
names another repository for attestations.`

// Stdio is where a command writes: results to Out, progress and errors to Err. From
// In, which may be nil, it reads the inputs of GitLab's component and nothing else.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the command line in args, without the program's name, and returns
// the exit code. Ending ctx stops whatever is under way; its cause is printed. The
// environment is in the form of os.Environ.
func Main(ctx context.Context, args []string, stdio Stdio, environ []string) int {
	log.SetOutput(io.Discard) // where libraries write to, past all that keeps secrets and commands out of a log
	a := newApp(stdio, environ)
	defer func() { a.flush() }()
	root := a.root()
	root.SetArgs(args)
	return a.finish(unknownCommand(root.ExecuteContext(ctx)))
}

// app is one invocation of the program.
type app struct {
	stdio   Stdio
	environ []string
	env     lookup
	host    ci.Context // what the CI host says of this job
	desk    ci.Desk    // where it takes things
	flush   func()     // writes what is left of the log
	json    bool       // log-format: json
	cache   string     // of this invocation alone; empty: none was made
	secrets []string   // that are known, and that no message shows
	warning bool       // gate: warn
	verdict policy.Outcome
	decided bool // verdict is that of a gate which was reached
}

// finish prints what went wrong, with its hint on the next line, and returns the
// exit code. gate: warn softens what a gate said; a job that never reached its
// gate has failed all the same.
func (a *app) finish(err error) int {
	if err != nil {
		a.complain("error", plain.Line(a.redact(err.Error()), maxMessage), a.redact(fault.HintOf(err)))
		a.mourn(err)
		return failureCode(err)
	}
	code := a.verdictCode()
	if a.warning && code != exitPassed {
		a.complain("warning", fmt.Sprintf("the gate says %s (%d), but gate is warn", a.verdict, code), "")
		return exitPassed
	}
	return code
}

// verdictCode is the exit code of a command that did what it was asked for.
func (a *app) verdictCode() int {
	switch {
	case !a.decided || a.verdict == policy.Pass:
		return exitPassed
	case a.verdict == policy.Deny:
		return exitDenied
	}
	return exitUndecided
}

// decide keeps the verdict of a gate.
func (a *app) decide(v policy.Verdict) { a.verdict, a.decided = v.Outcome, true }

// complain prints a message, and a hint on the next line; as one JSON object
// where machines read.
func (a *app) complain(level, message, hint string) {
	if a.json {
		fields := map[string]string{level: message}
		if hint != "" {
			fields["hint"] = hint
		}
		_ = json.NewEncoder(a.stdio.Err).Encode(fields)
		return
	}
	if level != "error" {
		message = level + ": " + message
	}
	_, _ = fmt.Fprintf(a.stdio.Err, "hallmark: %s\n", message)
	if hint != "" {
		_, _ = fmt.Fprintf(a.stdio.Err, "    hint: %s\n", hint)
	}
}

// tell prints what a person should know of a job that succeeded.
func (a *app) tell(notes []string) {
	for _, note := range notes {
		a.complain("note", plain.Line(a.redact(note), maxMessage), "")
	}
}

// failureCode is the one place where errors become exit codes.
func failureCode(err error) int {
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
	stop := fmt.Errorf("stopped before the end: %w", context.Cause(ctx))
	var late timeoutError
	if errors.As(stop, &late) {
		return fault.WithHint(stop, "give it more time with timeout")
	}
	return stop
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "hallmark",
		Short:         "Make, sign, attach, verify and gate attestations of a container image",
		Long:          about,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fault.Usagef("unknown command %q", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			return errors.Join(c.Help(), fault.Usagef("no command given"))
		},
		Version: buildVersion(),
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().String(stepFlag, "", "")
	_ = root.PersistentFlags().MarkHidden(stepFlag) // it is there
	root.SetOut(a.stdio.Out)
	root.SetErr(a.stdio.Err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && unknown.GetSpecifiedShortnames() != "" {
			letter := unknown.GetSpecifiedName() // without what stands behind it, which may be a password
			err = fmt.Errorf("unknown shorthand flag: %q in -%s", letter, letter)
		}
		return fault.WithHint(fault.Usagef("%w", err), "%s", flagHint(c, err))
	})
	root.AddCommand(a.run(), a.attest(), a.verify(), a.gate(), a.inspect(), a.sign(), a.rescan(), a.policy(), a.keygen(), a.demo(), a.version())
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
			if i := slices.IndexFunc(args, truthValue); i >= 0 {
				return fault.WithHint(fault.Usagef("%s takes no argument %q", name, args[i]),
					"a switch takes its value behind an equals sign: --switch=%s", args[i])
			}
			if most := len(strings.Fields(argument)); len(args) > most && !strings.HasSuffix(argument, "...]") {
				return fault.WithHint(fault.Usagef("%s takes %s, and %q is one too many", name, []string{"no argument", "one argument"}[most], args[most]),
					"a list is given by repeating its flag")
			}
			return nil
		},
	}
	define(c.Flags(), taken)
	c.RunE = func(c *cobra.Command, args []string) error {
		v, err := a.read(c.Flags(), taken, args)
		if err != nil {
			return err
		}
		if v.login, err = givenLogin(name, v, args); err != nil {
			return err
		}
		return run(c.Context(), v, args)
	}
	return c
}

// truthValue reports whether an argument is meant as the value of a switch: as
// with most programs, it is none in "--switch false".
func truthValue(s string) bool { return s == "true" || s == "false" }

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
