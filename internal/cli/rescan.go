package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/report"
)

func (a *app) rescan() *cobra.Command {
	return a.command(cmdRescan, "[IMAGE...]", "Scan attested SBOMs again, without pulling the images, and renew scans and verdicts",
		func(ctx context.Context, v values, args []string) error {
			return a.timed(ctx, v, func(ctx context.Context) error { return a.rescanJob(ctx, v, args) })
		})
}

// maxParallel bounds how many images are rescanned at a time.
const maxParallel = 64

func (a *app) rescanJob(ctx context.Context, v values, args []string) error {
	format, err := v.oneOf("output", "table", "json")
	if err != nil {
		return err
	}
	parallel, err := strconv.Atoi(v.text("parallel"))
	if err != nil || parallel < 1 || parallel > maxParallel {
		return fault.Usagef("parallel is %q: it is a number of images, 1 to %d", v.text("parallel"), maxParallel)
	}
	if len(args) == 0 {
		args = strings.Fields(strings.Join(v.list("image"), " "))
	}
	if len(args) == 0 {
		return fault.WithHint(fault.Usagef("no image given"), "name one or more: hallmark rescan IMAGE...")
	}
	a.tellOtherHosts(v.login.Host, args)
	job, err := a.rescanned(ctx, v)
	if err != nil {
		return err
	}
	identity, err := a.identity(ctx, v, true)
	if err != nil {
		return err
	}
	db, scanner, err := a.openOnce(ctx, v, args[0])
	if err != nil {
		return err
	}
	rows := a.rescanAll(ctx, v, job, rescanning{images: args, parallel: parallel, identity: identity, scanner: scanner})
	if err := errors.Join(db.close(), ctx.Err()); err != nil {
		return err
	}
	return a.tellRescanned(v, format, rows)
}

// tellOtherHosts says which images the login that is given is not for.
func (a *app) tellOtherHosts(host string, images []string) {
	for _, reference := range images {
		if other, err := registryOf(reference); host != "" && err == nil && other != host {
			a.note("registry-username and registry-password are for %s, where the first image is: %s is asked without", host, other)
			return
		}
	}
}

// rescanned reads what is asked for of each image.
func (a *app) rescanned(ctx context.Context, v values) (pipeline.Job, error) {
	rules, err := a.rules(ctx, v)
	if err != nil {
		return pipeline.Job{}, err
	}
	if err := a.checkPolicies(rules.Policies); err != nil {
		return pipeline.Job{}, err
	}
	job := pipeline.Job{Push: true, Rules: rules, CI: a.jobFacts(), Version: buildVersion()}
	if err := setVerdict(v, &job); err != nil {
		return pipeline.Job{}, err
	}
	return job, a.suppressions(ctx, v, &job)
}

// openOnce opens the database that all images are scanned with.
func (a *app) openOnce(ctx context.Context, v values, first string) (*databases, pipeline.Scanner, error) {
	p, err := a.place(v, []string{first})
	if err != nil {
		return nil, nil, err
	}
	db, err := a.database(ctx, v, p)
	if err != nil {
		return nil, nil, err
	}
	scanner, err := db.open(ctx)
	return db, scanner, err
}

// rescanning is what is to be rescanned, and with what.
type rescanning struct {
	images   []string
	parallel int
	identity func() (pipeline.Identity, error)
	scanner  pipeline.Scanner
}

// rescanAll rescans images, some at a time. One that fails does not stop the rest.
func (a *app) rescanAll(ctx context.Context, v values, job pipeline.Job, what rescanning) []report.Rescanned {
	rows := make([]report.Rescanned, len(what.images))
	slots := make(chan struct{}, what.parallel)
	var all sync.WaitGroup
	for i, reference := range what.images {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			rows[i] = report.Rescanned{Image: reference}
			result, err := a.rescanOne(ctx, v, job, reference, what)
			rows[i].Result, rows[i].Err = a.redactedResult(result), a.redacted(err)
		})
	}
	all.Wait()
	return rows
}

func (a *app) rescanOne(ctx context.Context, v values, job pipeline.Job, reference string, what rescanning) (pipeline.Result, error) {
	p, err := a.place(v, []string{reference})
	if err != nil {
		return pipeline.Result{}, err
	}
	rooms, err := a.roomsOf(v, p)
	if err != nil {
		return pipeline.Result{}, err
	}
	rooms.Identify = what.identity
	rooms.Progress = quiet{} // of many at once, nobody could tell whose stage it is
	rooms.Database = func(context.Context) (pipeline.Scanner, error) { return what.scanner, nil }
	job.Reference = p.reference
	return pipeline.Rescan(ctx, job, rooms)
}

// quiet tells nobody.
type quiet struct{}

// Stage implements pipeline.Progress.
func (quiet) Stage(string) func(string, error) { return func(string, error) {} }

// tellRescanned prints a line for each image. The worst of them decides the exit
// code: that one failed comes before any verdict.
func (a *app) tellRescanned(v values, format string, rows []report.Rescanned) error {
	content := report.RescannedTable(rows, a.style())
	if format == "json" {
		var err error
		if content, err = report.RescannedJSON(rows); err != nil {
			return err
		}
	}
	if _, err := a.stdio.Out.Write(content); err != nil {
		return err
	}
	var verdicts []policy.Verdict
	failed, undecided := 0, 0
	for _, row := range rows {
		switch {
		case row.Err == nil:
			verdicts = append(verdicts, row.Result.Verdict)
		case fault.KindOf(row.Err) == fault.Undecided:
			undecided++
		default:
			failed++
		}
	}
	if undecided > 0 {
		verdicts = append(verdicts, policy.Verdict{})
	}
	verdict := policy.Together(verdicts...)
	if err := a.announceRescanned(v, rows, verdict, failed > 0); err != nil {
		return err
	}
	if failed > 0 {
		return fault.WithHint(errors.New(report.OfImages(failed, len(rows))+" could not be rescanned"), "each line says why")
	}
	a.decide(verdict)
	return nil
}
