package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/report"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

func (a *app) run() *cobra.Command {
	return a.command(cmdRun, "[IMAGE]", "Do the whole job: SBOM, scan, sign, attach, verify, gate",
		func(ctx context.Context, v values, args []string) error {
			return a.timed(ctx, v, func(ctx context.Context) error { return a.runJob(ctx, v, args) })
		})
}

// timed runs work within the input timeout. If that, or a signal, ended the
// work, the error says so.
func (a *app) timed(ctx context.Context, v values, work func(ctx context.Context) error) error {
	limit, err := v.duration("timeout")
	if err != nil {
		return err
	}
	if limit == 0 {
		return fault.Usagef("timeout is %q: it must be more than nothing", v.text("timeout"))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, timeoutError{limit})
	defer cancel()
	return stopped(ctx, work(ctx))
}

// timeoutError is why a job ended that ran for too long.
type timeoutError struct{ limit time.Duration }

func (e timeoutError) Error() string { return "it ran past its timeout of " + e.limit.String() }

// runJob prepares all that can be wrong with what was asked for before it
// touches a registry.
func (a *app) runJob(ctx context.Context, v values, args []string) (err error) {
	p, err := a.place(v, args)
	if err != nil {
		return err
	}
	job, err := a.job(ctx, v, p)
	if err != nil {
		return err
	}
	rooms, err := a.rooms(ctx, v, p, job.Push)
	if err != nil {
		return err
	}
	folder, err := report.Prepare(v.text("output-dir"))
	if err != nil {
		return err
	}
	if err := a.desk.Clear(folder.Path()); err != nil {
		return err
	}
	dir, remove, err := tempDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	job.TempDir, job.Version, job.Makers, job.Again = dir, buildVersion(), makers(), v.again()

	db, err := a.databases(ctx, v, p)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if err := a.approvals(ctx, v, &job); err != nil {
		return err
	}
	rooms.Catalog = catalog.New(job.Formats...).Image
	if db != nil {
		rooms.Database = db.open
	}
	if err := a.takeBrought(v, p, &job, &rooms); err != nil {
		return err
	}
	end := a.section("hallmark run " + p.reference)
	result, runErr := pipeline.Run(ctx, job, rooms)
	end()
	return a.conclude(ctx, v, folder, a.redactedResult(result), a.redacted(runErr))
}

// conclude writes the reports, whatever came of the run, and prints the result.
func (a *app) conclude(ctx context.Context, v values, folder report.Folder, result pipeline.Result, runErr error) error {
	if err := folder.Write(result); err != nil {
		return errors.Join(runErr, err)
	}
	if err := a.handOver(folder, result, runErr); err != nil {
		return errors.Join(runErr, err)
	}
	if runErr != nil {
		return runErr
	}
	a.comment(ctx, v, result)
	if err := a.printResult(folder, result); err != nil {
		return err
	}
	a.decide(result.Verdict)
	return nil
}

// printResult prints the result for people, or as verdict.json where machines
// read.
func (a *app) printResult(folder report.Folder, result pipeline.Result) error {
	if a.json {
		document, err := report.Verdict(result)
		if err != nil {
			return err
		}
		_, err = a.stdio.Out.Write(document)
		return err
	}
	_, err := fmt.Fprintf(a.stdio.Out, "%sreports  %s\n", report.Text(result, a.style()), folder.Path())
	return err
}

// job reads what a run is asked for.
func (a *app) job(ctx context.Context, v values, p place) (pipeline.Job, error) {
	job := pipeline.Job{Reference: p.reference, Platforms: v.list("platforms"), CI: a.jobFacts()}
	for _, in := range []struct {
		name string
		into *bool
	}{{"push", &job.Push}, {"reuse-sbom", &job.Reuse}, {"keep-history", &job.History}, {"sign", &job.SignImage}, {"comment", new(bool)}} {
		var err error
		if *in.into, err = v.boolean(in.name); err != nil {
			return pipeline.Job{}, err
		}
	}
	own, err := ownTypes(v)
	if err != nil {
		return pipeline.Job{}, err
	}
	if job.Formats, err = sbomFormats(v); err != nil {
		return pipeline.Job{}, err
	}
	if err := reusing(v, &job); err != nil {
		return pipeline.Job{}, err
	}
	rules, err := a.rules(ctx, v)
	if err != nil {
		return pipeline.Job{}, err
	}
	if err := a.checkPolicies(rules.Policies); err != nil {
		return pipeline.Job{}, err
	}
	brought, err := a.brought(v)
	if err != nil {
		return pipeline.Job{}, err
	}
	job.Brought, job.Rules = brought, rules
	if err := setVerdict(v, &job); err != nil {
		return pipeline.Job{}, err
	}
	if err := a.suppressions(ctx, v, &job); err != nil {
		return pipeline.Job{}, err
	}
	if err := a.gathered(v, &job); err != nil {
		return pipeline.Job{}, err
	}
	return job, checkTypes(job, own)
}

// reusing reads for how long an attested SBOM is taken again. One that is brought takes
// its place.
func reusing(v values, job *pipeline.Job) (err error) {
	job.Reuse = job.Reuse && v.text("sbom-file") == ""
	job.ReuseFor, err = v.duration("reuse-max-age")
	return err
}

// setVerdict reads the input attest-verdict. What is gated on without a policy renews an
// earlier verdict only: the cluster would go on by that.
func setVerdict(v values, job *pipeline.Job) error {
	word, err := v.oneOf("attest-verdict", "auto", "true", "false")
	if err != nil {
		return err
	}
	job.SayVerdict = word == "true" || word == "auto" && len(job.Rules.Policies) > 0
	job.RenewVerdict = word == "auto"
	return nil
}

// ownTypes returns the types that a run makes if it is asked for, of what it
// gathers while it is under way.
func ownTypes(v values) ([]string, error) {
	var own []string
	for name, uri := range map[string]string{"scan": attest.TypeVuln, "approval": attest.TypeApproval} {
		wanted, err := v.boolean(name)
		if err != nil {
			return nil, err
		}
		if wanted || v.asksFor(name) {
			own = append(own, uri)
		}
	}
	return own, nil
}

// checkTypes refuses a run that makes nothing, and evidence that answers what the
// run answers itself: of two answers, a reader can take either.
func checkTypes(job pipeline.Job, made []string) error {
	for _, format := range job.Formats {
		made = append(made, format.PredicateType())
	}
	if job.Build != nil {
		made = append(made, attest.TypeSLSA1)
	}
	made = append(made, job.Further...)
	for _, p := range job.Made {
		made = append(made, p.Type)
	}
	if len(made)+len(job.Brought) == 0 {
		return fault.WithHint(fault.Usagef("nothing to attest"), "let it make an SBOM or a scan, or give --predicate TYPE=FILE")
	}
	if job.SayVerdict {
		made = append(made, attest.TypeVSA)
	}
	if job.SignImage {
		made = append(made, attest.TypeSignature)
	}
	for _, p := range job.Brought {
		if err := checkBroughtBeside(p, made); err != nil {
			return err
		}
	}
	return nil
}

// checkBroughtBeside refuses a predicate of a need that the run meets itself, also
// under another type or another version of it.
func checkBroughtBeside(p attest.Predicate, made []string) error {
	need := attest.NeedOf(p.Type)
	i := slices.IndexFunc(made, func(uri string) bool { return attest.NeedOf(uri) == need })
	if i < 0 {
		return nil
	}
	instead := "makes one itself"
	if !attest.SameType(made[i], p.Type) {
		instead = fmt.Sprintf("makes one of type %s itself, which says the same of the image (%s)",
			attest.ShortType(made[i]), need)
	}
	return fault.WithHint(fault.Usagef("predicate of type %s is given, and this run %s", attest.ShortType(p.Type),
		instead),
		"leave one of the two out: --sbom none, --scan=false, --provenance false, --evidence none, --attest-verdict false, or the --predicate")
}

// brought reads the predicates that the user brings.
func (a *app) brought(v values) ([]attest.Predicate, error) {
	var out []attest.Predicate
	for _, argument := range v.list("predicate") {
		p, err := evidence.File(argument, time.Now())
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// rooms returns who does the work for one image.
func (a *app) rooms(ctx context.Context, v values, p place, push bool) (pipeline.Rooms, error) {
	rooms, err := a.roomsOf(v, p)
	if err != nil {
		return pipeline.Rooms{}, err
	}
	rooms.Identify, err = a.identity(ctx, v, push) // last: it may ask somebody
	return rooms, err
}

// roomsOf is rooms without those who sign and are believed.
func (a *app) roomsOf(v values, p place) (pipeline.Rooms, error) {
	stores, elsewhere, err := p.stores(v)
	if err != nil {
		return pipeline.Rooms{}, err
	}
	progress, err := a.progress(v)
	if err != nil {
		return pipeline.Rooms{}, err
	}
	return pipeline.Rooms{
		Images:     p.registry,
		Inputs:     func(bom catalog.SBOM) (string, error) { return scan.Inputs(bom.Syft()) },
		Secrets:    searchSecrets,
		Stores:     stores,
		Elsewhere:  elsewhere,
		Signatures: p.signatures,
		Attached:   p.attached(),
		Progress:   discreet{progress, a},
		Now:        time.Now,
	}, nil
}
