package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/vex"
	"github.com/hallmark-ci/hallmark/internal/waiver"
)

// suppress applies VEX documents, then waivers, to the findings that count. An
// image of an index is also known as the index.
func (r *run) suppress(ctx context.Context, scan finding.Scan) (finding.Scan, error) {
	names := r.names()
	documents := r.job.VEX
	if r.job.Attested {
		for _, s := range names {
			attested, err := r.attestedVEX(ctx, s)
			if err != nil {
				return finding.Scan{}, err
			}
			documents = append(documents[:len(documents):len(documents)], attested...)
		}
	}
	now, img := r.Now(), r.vexImage()
	scan = scan.Suppress(func(f finding.Finding) *finding.Suppression { return vex.Suppression(documents, f, img) })
	for _, s := range names {
		scan = scan.Suppress(func(f finding.Finding) *finding.Suppression { return r.job.Waivers.Suppression(f, s, now) })
	}
	for _, sentence := range r.job.Waivers.Ended(names[len(names)-1], now) {
		r.note("%s", sentence)
	}
	return scan, nil
}

// names returns what an image is known as: one of an index also as the index.
func (r *run) names() []attest.Subject {
	if r.index == (attest.Subject{}) {
		return []attest.Subject{r.result.Subject}
	}
	return []attest.Subject{r.result.Subject, r.index}
}

// vexImage returns the image as VEX documents know it.
func (r *run) vexImage() vex.Image { return vex.NewImage(r.result.Facts.Platform, r.names()...) }

// noteUnmatched says which VEX statements and waivers of the job's files were for nothing in the image, or in any
// image of the index.
func (r *run) noteUnmatched() {
	c := waiver.Case{Subjects: []attest.Subject{r.result.Subject}, Judged: Judged(r.result.Verdict)}
	var images []vex.Scanned
	for _, one := range r.images() {
		if one.result.Scan == nil {
			continue
		}
		found := one.result.Scan.Findings
		c.Scanned, c.Findings = true, append(c.Findings, found...)
		c.Subjects = append(c.Subjects, one.result.Subject)
		images = append(images, vex.Scanned{Image: one.vexImage(), Findings: found})
	}
	if len(images) > 0 {
		r.noteAll(vex.Unmatched(r.job.VEX, images))
	}
	r.noteAll(r.job.Waivers.Unmatched(c, r.Now()))
}

// images returns the runs of an index's images, or the run itself.
func (r *run) images() []*run {
	if len(r.result.Platforms) == 0 {
		return []*run{r}
	}
	var all []*run
	for _, one := range r.result.Platforms {
		all = append(all, &run{result: one, index: r.result.Subject})
	}
	return all
}

func (r *run) noteAll(sentences []string) {
	for _, sentence := range sentences {
		r.note("%s", sentence)
	}
}

// listed is how many violations of a policy a verdict lists at least.
const listed = 20

// Judged returns what waivers could have been for.
func Judged(verdict policy.Verdict) []waiver.Judged {
	var judged []waiver.Judged
	for _, result := range verdict.Results {
		// there may be more violations than a verdict lists
		one := waiver.Judged{Policy: result.Name, More: len(result.Reasons) >= listed || len(result.Waived) >= listed}
		for _, reason := range result.Reasons {
			one.Violations = append(one.Violations, waiver.Violation{ID: reason.ID, Resource: reason.Resource})
		}
		for _, waived := range result.Waived {
			one.Violations = append(one.Violations, waiver.Violation{ID: waived.ID, Resource: waived.Resource})
		}
		judged = append(judged, one)
	}
	return judged
}

// attestedVEX returns the OpenVEX documents that an accepted signer attested to an
// image. One that cannot be read suppresses nothing, and is told.
func (r *run) attestedVEX(ctx context.Context, s attest.Subject) ([]vex.Document, error) {
	if err := r.identify(); err != nil {
		return nil, err
	}
	found, err := Examine(ctx, r.Attached, s, r.Trust())
	if err == nil {
		err = found.Complete(policy.NeedEvery) // what was not read may take one of them back
	}
	if err != nil {
		return nil, err
	}
	var documents []vex.Document
	for _, v := range found.Verified {
		if !attest.SameType(v.PredicateType(), attest.TypeOpenVEX) {
			continue
		}
		d, err := vex.Parse("attested by "+v.Signer(), v.Statement().Predicate)
		if err != nil {
			r.note("the VEX document attested by %s was not applied: %v", v.Signer(), err)
			continue
		}
		documents = append(documents, d)
	}
	return documents, nil
}

// Found returns the findings of all scans that are attached to an image, and whether there is one.
func (e Examination) Found() (found []finding.Finding, scanned bool) {
	for _, v := range e.Verified {
		var p finding.Predicate
		var summary finding.Summary
		if attest.SameType(v.PredicateType(), attest.TypeVuln) && json.Unmarshal(v.Statement().Predicate, &p) == nil &&
			json.Unmarshal(p.Scanner.Result, &summary) == nil {
			found, scanned = append(found, summary.Findings...), true
		}
	}
	return found, scanned
}

// Waive returns what takes violations of policies back for an image at a time.
func Waive(waivers waiver.File, s attest.Subject, now time.Time) func(string, policy.Reason) *finding.Suppression {
	return func(name string, violation policy.Reason) *finding.Suppression {
		return waivers.Violation(name, violation.ID, violation.Resource, s, now)
	}
}
