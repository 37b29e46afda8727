package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/advisory"
	"github.com/hallmark-ci/hallmark/internal/demo"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sign"
)

const (
	demoPassword = "demo"
	demoMarker   = ".hallmark-demo" // marks a folder that an earlier demonstration made
)

func (a *app) demo() *cobra.Command {
	return a.command(cmdDemo, "", "Show everything on this machine alone",
		func(ctx context.Context, v values, _ []string) error {
			return a.timed(ctx, v, func(ctx context.Context) error { return a.demoJob(ctx, v.text("output-dir")) })
		})
}

// demonstration is one demonstration under way. It types the commands that a
// user would and shows them.
type demonstration struct {
	app      *app
	dir      string
	registry *demo.Registry
}

func (a *app) demoJob(ctx context.Context, dir string) (err error) {
	if err := prepareDemo(dir); err != nil {
		return err
	}
	registry, err := demo.StartRegistry(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registry.Close()) }()
	d := demonstration{app: a, dir: dir, registry: registry}

	d.say("Everything happens on this machine: a registry on %s, files in %s/.", registry.Host(), dir)
	if err := d.materials(ctx); err != nil {
		return err
	}
	vulnerable, fixed := demo.Releases()
	first, err := d.push(ctx, vulnerable, "An image with old packages.")
	if err != nil {
		return err
	}
	d.say("The whole job, gated by the policy. It denies: the image has a critical finding.")
	if err := d.expect(ctx, exitDenied, d.runCommand(first, vulnerable.Tag)); err != nil {
		return err
	}
	second, err := d.push(ctx, fixed, "The fix: the same image with the packages updated.")
	if err != nil {
		return err
	}
	d.say("The same policy passes.")
	if err := d.expect(ctx, exitPassed, d.runCommand(second, fixed.Tag)); err != nil {
		return err
	}
	d.say("Anyone with the public key can check what is attached.")
	if err := d.expect(ctx, exitPassed, []string{cmdVerify, second, "--key", d.path("cosign.pub")}); err != nil {
		return err
	}
	d.say("Left for you in %s/: reports and statements of both runs (%s/, %s/), the key pair, the policy, the database.",
		dir, vulnerable.Tag, fixed.Tag)
	return nil
}

// materials makes the key pair, the database and the policy.
func (d demonstration) materials(ctx context.Context) error {
	d.say("A key pair. Its password is %q, in %s.", demoPassword, sign.PasswordVariable)
	if err := d.expect(ctx, exitPassed, []string{cmdKeygen, "--output-key-prefix", d.path("cosign")}); err != nil {
		return err
	}
	advisories, err := advisory.Table()
	if err != nil {
		return err
	}
	d.say("A small vulnerability database of %d real advisories, and a policy:", len(advisories))
	if err := advisory.Build(ctx, d.path("vulndb"), time.Now(), advisories); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(d.app.stdio.Out, "\n%s", indent(demo.Policy()))
	if err := os.WriteFile(d.path("no-critical.rego"), []byte(demo.Policy()), publicMode); err != nil {
		return fmt.Errorf("writing the policy: %w", err)
	}
	return nil
}

func (d demonstration) push(ctx context.Context, r demo.Release, words string) (string, error) {
	d.say("%s", words)
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	image, err := demo.Image(r, program)
	if err != nil {
		return "", err
	}
	reference, err := d.registry.Push(ctx, "demo/shop", r.Tag, image)
	if err != nil {
		return "", err
	}
	_, _ = fmt.Fprintf(d.app.stdio.Out, "pushed %s\n", reference)
	return reference, nil
}

func (d demonstration) runCommand(reference, tag string) []string {
	return []string{
		cmdRun, reference, "--key", d.path("cosign.key"), "--vuln-db", d.path("vulndb"),
		"--policy", d.path("no-critical.rego"), "--output-dir", d.path(tag),
	}
}

// expect shows a command, runs it and compares its exit code.
func (d demonstration) expect(ctx context.Context, code int, args []string) error {
	_, _ = fmt.Fprintf(d.app.stdio.Out, "\n$ hallmark %s\n", strings.Join(args, " "))
	got := Main(ctx, args, d.app.stdio, d.environ())
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if got != code {
		return fmt.Errorf("demonstrating: hallmark %s ended with %d, expected was %d", args[0], got, code)
	}
	_, _ = fmt.Fprintf(d.app.stdio.Out, "exit %d\n", got)
	return nil
}

// environ is the environment of the commands: only what tells a terminal, and the
// password. The user's own settings must not bend the demonstration.
func (d demonstration) environ() []string {
	environ := []string{sign.PasswordVariable + "=" + demoPassword, "XDG_CACHE_HOME=" + d.path("cache")}
	for _, name := range []string{"NO_COLOR", "TERM"} {
		if value, ok := d.app.env(name); ok {
			environ = append(environ, name+"="+value)
		}
	}
	return environ
}

func (d demonstration) path(name string) string { return filepath.Join(d.dir, name) }

func (d demonstration) say(format string, args ...any) {
	_, _ = fmt.Fprintf(d.app.stdio.Out, "\n# "+format+"\n", args...)
}

func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(s, "\n"), "\n", "\n    ") + "\n"
}

// prepareDemo makes the folder anew. One that no demonstration made is left
// alone.
func prepareDemo(dir string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, demoMarker)); err != nil {
			return fault.WithHint(fault.Usagef("the folder %s is not empty and not of an earlier demonstration", dir),
				"name another with --output-dir")
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("clearing %s: %w", dir, err)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the folder of the demonstration: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, demoMarker), nil, publicMode); err != nil {
		return fmt.Errorf("making the folder of the demonstration: %w", err)
	}
	return nil
}
