package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// platformRun is the run of one platform's image of an index.
type platformRun struct {
	*run
	predicates []attest.Predicate
	marked     bool // all that is said about it was attached, and judged
	noted      int  // how many of its notes the index has
}

// runIndex does the job for every platform's image and then for the index. Nothing
// is attached before every platform was examined, and nothing to the index before
// all of its images have theirs: who finds it marked finds them marked. An index of
// which a platform was left out is not marked: whoever deploys it may run that.
func (r *run) runIndex(ctx context.Context, opened image.Opened, scanner Scanner) error {
	opened.ShareLayers(r.job.TempDir)
	platforms, err := r.examineAll(ctx, opened, scanner)
	if err != nil {
		return err
	}
	r.result.Facts = image.Facts{Subject: r.result.Subject}
	for _, p := range platforms {
		r.result.Facts.Platforms = append(r.result.Facts.Platforms, p.result.Facts)
	}
	aggregate, err := r.aggregate(platforms)
	if err != nil {
		return err
	}
	if err := r.markAll(ctx, platforms); err != nil {
		return r.afterAll(ctx, platforms, err)
	}
	if left := opened.LeftOut(); len(left) > 0 {
		r.note("the index itself was not marked: %s was not examined; deploy the images by their digests", strings.Join(left, ", "))
		r.result.Pushed = r.job.Push
		_, err := r.sealAll(ctx, platforms)
		r.result.Verdict = policy.Together(verdicts(r.result)...)
		return err
	}
	return r.markIndex(ctx, aggregate, platforms)
}

// markIndex attaches what is said about the index, and waits until all that was
// attached to it and its images stays: all of that is watched at once.
func (r *run) markIndex(ctx context.Context, aggregate []attest.Predicate, platforms []platformRun) error {
	if err := r.mark(ctx, aggregate); err != nil {
		return r.afterAll(ctx, platforms, err)
	}
	judgedAgain, err := r.sealAll(ctx, platforms)
	if err == nil && judgedAgain {
		err = r.judge(ctx) // of which the verdicts of the images are a part
	}
	if _, stayErr := r.seal(ctx); err == nil {
		err = stayErr
	}
	return err
}

// examineAll examines the images, as many at once as they say. One that fails does
// not end the others.
func (r *run) examineAll(ctx context.Context, opened image.Opened, scanner Scanner) ([]platformRun, error) {
	platforms := make([]platformRun, len(opened.Images()))
	for i, img := range opened.Images() {
		one := newRun(r.job, r.Rooms)
		one.result.Subject, one.result.Platform, one.index = img.Subject(), img.Platform(), opened.Subject()
		one.buildKit = r.buildKit
		platforms[i] = platformRun{run: one}
	}
	err := eachPlatform(platforms, opened.AtOnce(), func(p *platformRun, i int) (err error) {
		p.predicates, err = p.inspect(ctx, opened.Images()[i], scanner)
		return err
	})
	for _, p := range platforms {
		r.result.Platforms = append(r.result.Platforms, p.result)
	}
	return platforms, err
}

// marking is how many platforms are written to at once: most of that is waiting
// for the registry.
const marking = 4

// markAll attaches to every platform's image what is said about it, and gates it.
func (r *run) markAll(ctx context.Context, platforms []platformRun) error {
	err := eachPlatform(platforms, marking, func(p *platformRun, _ int) error {
		err := p.mark(ctx, p.predicates)
		p.marked = err == nil
		return err
	})
	r.take(platforms)
	return err
}

// sealAll waits until all that was attached to every platform's image stays. One that
// was not marked whole is not judged.
func (r *run) sealAll(ctx context.Context, platforms []platformRun) (judgedAgain bool, err error) {
	again := make([]bool, len(platforms))
	err = eachPlatform(platforms, len(platforms), func(p *platformRun, i int) (err error) {
		if !p.marked {
			_, err = p.settle(ctx)
			return err
		}
		again[i], err = p.seal(ctx)
		return err
	})
	r.take(platforms)
	return slices.Contains(again, true), err
}

// afterAll returns why the work failed, once what was attached to the images until then
// stays: nobody else's may be lost by it.
func (r *run) afterAll(ctx context.Context, platforms []platformRun, failure error) error {
	_, _ = r.sealAll(ctx, platforms) // the first failure is told
	return failure
}

// take takes over what came of the platforms, and what they noted since the last time.
func (r *run) take(platforms []platformRun) {
	for i := range platforms {
		p := &platforms[i]
		r.result.Platforms[i] = p.result
		for _, note := range p.result.Notes[p.noted:] {
			r.note("%s: %s", p.result.Platform, note)
		}
		p.noted = len(p.result.Notes)
	}
}

// eachPlatform does something for every platform, some at once, and returns the
// first one's error in the order of the index, which names the platform.
func eachPlatform(platforms []platformRun, atOnce int, do func(p *platformRun, i int) error) error {
	failures := make([]error, len(platforms))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i := range platforms {
		group.Go(func() error {
			failures[i] = do(&platforms[i], i)
			return nil
		})
	}
	_ = group.Wait() // each failure is kept beside its platform
	for i, err := range failures {
		if err != nil {
			return fmt.Errorf("platform %s: %w", platforms[i].result.Platform, err)
		}
	}
	return nil
}

// aggregate makes what is said about the index itself: its images and what is in
// any of them, under the types that its images have, too, so that a policy reads
// the index as it reads an image.
func (r *run) aggregate(platforms []platformRun) ([]attest.Predicate, error) {
	var predicates []attest.Predicate
	for n, format := range r.job.Formats {
		var parts []catalog.Part
		for _, p := range platforms {
			parts = append(parts, catalog.Part{Subject: p.result.Subject, Platform: p.result.Platform, Document: p.result.SBOMs[n].Content})
		}
		document, err := catalog.Merge(format, r.result.Subject, parts)
		if err != nil {
			return nil, err
		}
		r.result.Origin = catalog.OriginOf(format, document)
		r.result.SBOMs = append(r.result.SBOMs, Document{Format: format, Content: document})
		predicates = append(predicates, sbomPredicate(format, document))
	}
	var scans []finding.PlatformScan
	for _, p := range platforms {
		r.result.Unread = finding.Gaps(r.result.Unread, p.result.Unread)
		if p.result.Scan != nil {
			scans = append(scans, finding.PlatformScan{
				Platform: p.result.Platform, Digest: "sha256:" + p.result.Subject.Hex(), Scan: *p.result.Scan,
			})
		}
	}
	if len(scans) > 0 {
		merged := finding.Merge(scans)
		p, err := evidence.Vuln(merged)
		if err != nil {
			return nil, err
		}
		r.result.Scan, r.result.ScanBody = &merged, p.Body
		predicates = append(predicates, p)
	}
	further, err := r.further()
	return append(predicates, further...), err
}

// verdicts returns those about the images of an index.
func verdicts(r Result) []policy.Verdict {
	var all []policy.Verdict
	for _, p := range r.Platforms {
		all = append(all, p.Verdict.About(p.Platform))
	}
	return all
}
