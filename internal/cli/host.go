package cli

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/report"
)

// newApp returns an invocation that is at home on the host which it runs on.
func newApp(stdio Stdio, environ []string) *app {
	env := lookupIn(environ)
	a := &app{stdio: stdio, environ: environ, env: env, host: ci.Discover(ci.Lookup(env)), flush: func() {}}
	a.secrets = secretsOf(environ)
	a.desk = ci.DeskOf(a.host, ci.Lookup(env), stdio.Err)
	if a.host.Host == ci.GitHub || a.host.Host == ci.GitLab {
		out, err := ci.NewGuard(stdio.Out), ci.NewGuard(stdio.Err)
		a.stdio = Stdio{In: stdio.In, Out: out, Err: err}
		a.flush = func() { _, _ = out.Flush(), err.Flush() } // as with every line of a log
	}
	return a
}

// lookupIn returns how an environment is looked up; of a name that is there
// twice the last counts, as with programs that are started.
func lookupIn(environ []string) lookup {
	values := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			values[name] = value
		}
	}
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}

// settle does what a host needs before a command prints anything.
func (a *app) settle(v values) {
	if guard, ok := a.stdio.Out.(*ci.Guard); ok && (a.json || v.text("output") == "json") {
		guard.JSON()
	}
	if guard, ok := a.stdio.Err.(*ci.Guard); ok && a.json {
		guard.JSON()
	}
	for _, i := range v.inputs {
		// Only an action's own inputs: what is masked is written to the log, which
		// GitHub reads, but which a script may have led elsewhere.
		if secret, _ := a.env("INPUT_" + strings.ToUpper(i.name)); i.secret && secret != "" {
			a.desk.Mask(secret)
		}
	}
}

// section begins a part of the log that folds.
func (a *app) section(title string) (end func()) {
	if a.json {
		return func() {}
	}
	return a.desk.Section(title)
}

// annotate shows what a person should see first. Where machines read the log it
// is left alone.
func (a *app) annotate(annotations ...ci.Annotation) {
	if !a.json {
		a.desk.Annotate(annotations)
	}
}

// handOver gives the host what it takes from a run, whatever came of it.
func (a *app) handOver(folder report.Folder, r pipeline.Result, runErr error) error {
	if err := a.desk.Output(folder.Path(), a.outputs(folder.Path(), r, runErr == nil)); err != nil {
		return err
	}
	if runErr == nil {
		if err := a.desk.Summary(report.Summary(r), a.host.InWorkspace(filepath.Join(folder.Path(), "summary.md"))); err != nil {
			return err
		}
		a.annotate(a.annotations(r)...)
	}
	return a.host.GiveToOwner(folder.Path())
}

// mourn tells the host that a command has failed, and why.
func (a *app) mourn(err error) {
	message, hint := plain.Line(a.redact(err.Error()), maxMessage), plain.Line(a.redact(fault.HintOf(err)), maxMessage)
	a.annotate(ci.Annotation{Level: ci.Error, Title: "Hallmark: failed", Message: strings.TrimSpace(message + "\n" + hint)})
	_ = a.desk.Summary(ci.Failure(message, hint), "") // the error itself is what has to be told
}

// comment shows the summary on the pull or merge request, if that is asked for.
// Where it cannot, the verdict stands all the same, and what is missing is told.
func (a *app) comment(ctx context.Context, v values, r pipeline.Result) {
	if wanted, err := v.boolean("comment"); err != nil || !wanted {
		return
	}
	token := v.text("gitlab-token")
	if a.host.Host == ci.GitHub {
		token = a.gitHubToken(v)
	}
	err := a.host.Comment(ctx, ci.Lookup(a.env), token, r.Subject.Repository(), report.Summary(r))
	if err == nil {
		return
	}
	message, hint := plain.Line(a.redact(err.Error()), maxMessage), fault.HintOf(err)
	a.complain("warning", message, hint)
	a.annotate(ci.Annotation{Level: ci.Warning, Title: "Hallmark", Message: message + "\n" + hint})
}
