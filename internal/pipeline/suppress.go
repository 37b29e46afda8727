package pipeline

import (
	"context"
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
	names := []attest.Subject{r.result.Subject}
	if r.index != (attest.Subject{}) {
		names = append(names, r.index)
	}
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
	now := r.Now()
	for _, s := range names {
		scan = scan.Suppress(func(f finding.Finding) *finding.Suppression { return vex.Suppression(documents, f, s) })
		scan = scan.Suppress(func(f finding.Finding) *finding.Suppression { return r.job.Waivers.Suppression(f, s, now) })
	}
	for _, sentence := range r.job.Waivers.Ended(names[len(names)-1], now) {
		r.note("%s", sentence)
	}
	return scan, nil
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

// Waive returns what takes violations of policies back for an image at a time.
func Waive(waivers waiver.File, s attest.Subject, now time.Time) func(string, policy.Reason) *finding.Suppression {
	return func(name string, violation policy.Reason) *finding.Suppression {
		return waivers.Violation(name, violation.ID, violation.Resource, s, now)
	}
}
