package pipeline

import (
	"context"
	"fmt"

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
}

// runIndex does the job for every platform's image and then for the index. Nothing
// is attached before every platform was examined, and nothing to the index before
// all of its images have theirs: who finds it marked finds them marked.
func (r *run) runIndex(ctx context.Context, opened image.Opened, scanner Scanner) error {
	opened.ShareLayers(r.job.TempDir)
	platforms := make([]platformRun, 0, len(opened.Images()))
	for _, img := range opened.Images() {
		one := platformRun{run: newRun(r.job, r.Rooms)}
		one.result.Subject, one.result.Platform = img.Subject(), img.Platform()
		predicates, err := one.examine(ctx, img, scanner)
		r.adopt(one.run)
		if err != nil {
			return fmt.Errorf("platform %s: %w", img.Platform(), err)
		}
		one.predicates = predicates
		platforms = append(platforms, one)
	}
	aggregate, err := r.aggregate(platforms)
	if err != nil {
		return err
	}
	for i, p := range platforms {
		if err := p.leave(ctx, p.predicates); err != nil {
			return fmt.Errorf("platform %s: %w", p.result.Platform, err)
		}
		p.gate(ctx)
		r.result.Platforms[i] = p.result
	}
	if err := r.leave(ctx, aggregate); err != nil {
		return err
	}
	r.gate(ctx)
	r.result.Verdict = together(r.result)
	for _, p := range r.result.Platforms {
		for _, note := range p.Notes {
			r.note("%s: %s", p.Platform, note)
		}
	}
	return nil
}

// adopt keeps what came of a platform's run so far.
func (r *run) adopt(one *run) { r.result.Platforms = append(r.result.Platforms, one.result) }

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
		r.result.SBOMs = append(r.result.SBOMs, Document{Format: format, Content: document})
		predicates = append(predicates, sbomPredicate(format, document))
	}
	var scans []finding.PlatformScan
	for _, p := range platforms {
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
	return append(predicates, r.job.Brought...), nil
}

// together is the verdict about an index: that of the index and of each of its
// images, as the worst of them.
func together(r Result) policy.Verdict {
	verdicts := []policy.Verdict{r.Verdict}
	for _, p := range r.Platforms {
		verdicts = append(verdicts, p.Verdict.About(p.Platform))
	}
	return policy.Together(verdicts...)
}
