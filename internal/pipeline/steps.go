package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// run is one run under way: what it was asked for and what came of it so far.
type run struct {
	Rooms
	Identity // once identify returned
	job      Job
	result   Result
	index    attest.Subject // of which the image is one; zero: of none
	version  string         // that the image itself is signed for; empty: none

	known    map[claim]verify.Verified // what it verified already
	authored authorship                // what its signer is known to have signed

	sets    []set            // what it leaves in each store
	watched []*store.Watched // what it attached, until it is known to stay
	lost    []string         // types of which another job's is there instead

	left       []string          // digests of the envelopes that it is to leave behind
	superseded []verify.Verified // this run's own of which another job's is there instead
	judged     int               // how many of these were of evidence when the verdict was made

	buildKit []builtBy // what BuildKit left in the index

	readAt time.Time // when the layers were last read, by this run or the one whose SBOM it takes; zero: nobody says
}

func newRun(job Job, rooms Rooms) *run {
	return &run{Rooms: rooms, job: job, known: map[claim]verify.Verified{}, result: Result{Reference: job.Reference, Version: job.Version, Again: job.Again}}
}

func (r *run) open(ctx context.Context) (image.Opened, error) {
	end := r.Progress.Stage("resolve")
	opened, err := r.Images.OpenAll(ctx, r.job.Reference, r.job.Platforms)
	if err != nil {
		end("", err)
		return image.Opened{}, err
	}
	r.result.Subject = opened.Subject()
	outcome := opened.Subject().String()
	if opened.IsIndex() {
		outcome += ", an index of " + plain.Count(len(opened.Images()), "platform")
	}
	end(outcome, nil)
	return opened, nil
}

// stage begins a stage of this run, whose outcome names the platform if it is that
// of one.
func (r *run) stage(name string) func(outcome string, err error) {
	end := r.Progress.Stage(name)
	if r.result.Platform == "" {
		return end
	}
	return func(outcome string, err error) { end(r.result.Platform+": "+outcome, err) }
}

// inspect catalogs, if need be, and scans an image, and makes what will be attested
// of it.
func (r *run) inspect(ctx context.Context, img image.Image, scanner Scanner) ([]attest.Predicate, error) {
	bom, err := r.bill(ctx, img)
	if err != nil {
		return nil, err
	}
	if r.result.Facts, err = img.Facts(); err != nil {
		return nil, err
	}
	return r.gather(ctx, bom, scanner)
}

// openDatabase returns the scanner, or nil where no scan is asked for.
func (r *run) openDatabase(ctx context.Context) (Scanner, error) {
	if r.Database == nil {
		return nil, nil //nolint:nilnil // none is an answer
	}
	end := r.Progress.Stage("database")
	scanner, err := r.Database(ctx)
	if err != nil {
		end("", err)
		return nil, err
	}
	for _, note := range scanner.Notes() {
		r.note("%s", note)
	}
	info := scanner.Info()
	if info.Built.IsZero() {
		end("its age is not known", nil)
		return scanner, nil
	}
	end(fmt.Sprintf("%s, built %s", info.Schema, info.Built.UTC().Format("2006-01-02 15:04 MST")), nil)
	return scanner, nil
}

func (r *run) catalog(ctx context.Context, img image.Image) (catalog.SBOM, error) {
	end := r.stage("catalog")
	r.readAt = r.Now()
	bom, err := r.read(ctx, img)
	if err != nil {
		end("", err)
		return catalog.SBOM{}, err
	}
	if files, ok := bom.Files(); ok {
		r.result.Files = &files
	}
	r.tellPackages(bom)
	r.result.Unread = bom.Unread()
	end(plain.Count(len(r.result.Packages), "package"), nil)
	return bom, nil
}

// tellPackages keeps what the result says of an SBOM.
func (r *run) tellPackages(bom catalog.SBOM) {
	r.result.Ecosystems, r.result.Packages, r.result.System = bom.Ecosystems(), bom.Packages(), bom.System()
}

// read catalogs an image, and looks for secrets in it where that is asked for.
func (r *run) read(ctx context.Context, img image.Image) (catalog.SBOM, error) {
	if !slices.Contains(r.job.Further, attest.TypeSecrets) {
		return r.Catalog(ctx, img.Subject(), img.Content(), r.job.TempDir)
	}
	search, err := r.Secrets()
	if err != nil {
		return catalog.SBOM{}, err
	}
	bom, err := r.Catalog(ctx, img.Subject(), img.Content(), r.job.TempDir, search.Look)
	report := search.Report()
	r.result.Secrets = &report
	return bom, err
}

// gather makes every predicate of the run, in a stable order. The SBOM is written
// while it is scanned.
func (r *run) gather(ctx context.Context, bom catalog.SBOM, scanner Scanner) ([]attest.Predicate, error) {
	var writing errgroup.Group
	writing.Go(func() (err error) {
		r.result.SBOMs, err = r.write(bom)
		return err
	})
	scanErr := r.scan(ctx, bom, scanner)
	if err := cmp.Or(writing.Wait(), scanErr); err != nil {
		return nil, err
	}
	r.result.Origin = r.originOf(bom)
	scanned, err := r.scanPredicate(byRun, r.documentDigest())
	if err != nil {
		return nil, err
	}
	var predicates []attest.Predicate
	for _, document := range r.result.SBOMs {
		predicates = append(predicates, sbomPredicate(document.Format, document.Content))
	}
	further, err := r.further()
	return slices.Concat(predicates, scanned, further), err
}

// write writes the SBOM in each format that is asked for.
func (r *run) write(bom catalog.SBOM) ([]Document, error) {
	bom, err := r.sealed(bom)
	if err != nil {
		return nil, err
	}
	var documents []Document
	for _, format := range r.job.Formats {
		document, err := bom.Encode(format)
		if err != nil {
			return documents, err
		}
		documents = append(documents, Document{Format: format, Content: document})
	}
	return documents, nil
}

func sbomPredicate(format catalog.Format, document []byte) attest.Predicate {
	if format == catalog.SPDX {
		return evidence.SPDX(document)
	}
	return evidence.CycloneDX(document)
}

// scan finds the vulnerabilities of what an SBOM lists, if a scan is asked for.
func (r *run) scan(ctx context.Context, bom catalog.SBOM, scanner Scanner) error {
	if scanner == nil {
		return nil
	}
	end := r.stage("scan")
	scan, err := scanner.Scan(ctx, bom)
	if err == nil {
		scan, err = r.suppress(ctx, scan)
	}
	if err != nil {
		end("", err)
		return err
	}
	// Whoever made the scan: nobody says that it read more than the SBOM.
	scan.Unread = finding.Gaps(scan.Unread, slices.Concat(bom.Unread(), bom.Missed()))
	for _, note := range slices.Concat(bom.Notes(), scan.Notes) {
		r.note("%s", note)
	}
	r.result.Scan, r.result.Unread = &scan, scan.Unread
	end(plain.Count(len(scan.Findings), "finding"), nil)
	return nil
}

func (r *run) gate(ctx context.Context) {
	end := r.stage("gate")
	r.result.Verdict = r.decide(ctx)
	if len(r.result.Platforms) > 0 {
		r.result.Verdict = policy.Together(append([]policy.Verdict{r.result.Verdict}, verdicts(r.result)...)...)
	}
	if len(r.job.Rules.Policies) == 0 && !r.job.Rules.Cutoff.Set() && r.result.Platform == "" {
		r.note("nothing was gated on: no policy and no severity-cutoff is given")
	}
	end(r.result.Verdict.Outcome.String(), nil)
}

// ImageOf returns what policies are told of an image.
func ImageOf(f image.Facts) policy.Image {
	out := policy.Image{
		Reference: f.Subject.Requested(), Name: f.Subject.Repository(), Digest: "sha256:" + f.Subject.Hex(),
		Platform: f.Platform, Config: f.Config,
	}
	for _, p := range f.Platforms {
		out.Platforms = append(out.Platforms, ImageOf(p))
	}
	return out
}

// warnIfMoved says so if the tag no longer names what was examined. The verdict
// stands: it is about the digest.
func (r *run) warnIfMoved(ctx context.Context) {
	now, moved, err := r.Images.Moved(ctx, r.result.Subject)
	switch {
	case err != nil:
		r.note("whether %s still names the image examined could not be checked: %v", r.job.Reference, err)
	case moved:
		r.note("%s moved during the run and now names %s, which was not examined; deploy %s", r.job.Reference, now, r.result.Subject)
	}
}

// note keeps what a person should know besides the verdict.
func (r *run) note(format string, args ...any) {
	r.result.Notes = append(r.result.Notes, fmt.Sprintf(format, args...))
}
