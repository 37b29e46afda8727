package pipeline

import (
	"context"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Attest signs what a job brings about an image or an index, and attaches it. The
// result holds it as it was read back and verified, and what a person should know
// besides. Rooms.Catalog and Rooms.Database are not used.
func Attest(ctx context.Context, job Job, rooms Rooms) (Result, error) {
	r := newRun(job, rooms)
	if err := r.resolve(ctx); err != nil {
		return r.result, err
	}
	if err := r.checkNeeds(ctx); err != nil {
		return r.result, err
	}
	if err := r.leave(ctx, job.Brought); err != nil {
		return r.result, err
	}
	return r.result, r.stay(ctx)
}

// checkNeeds refuses evidence beside which this signer's attestation of the same
// need would stay, under another type: a reader could take either. SBOMs are left
// alone, for an image may have one in each format.
func (r *run) checkNeeds(ctx context.Context) error {
	brought := func(uri string) bool {
		return slices.ContainsFunc(r.job.Brought, func(p attest.Predicate) bool { return attest.SameType(p.Type, uri) })
	}
	oneOnly := []attest.Need{attest.NeedScan, attest.NeedProvenance, attest.NeedVerdict}
	ofThese := func(p attest.Predicate) bool { return slices.Contains(oneOnly, attest.NeedOf(p.Type)) }
	if !slices.ContainsFunc(r.job.Brought, ofThese) {
		return nil
	}
	if err := r.identify(); err != nil {
		return err
	}
	there, err := r.examine(ctx, r.Attached, everybody)
	if err != nil {
		return err
	}
	for _, p := range r.job.Brought {
		need := attest.NeedOf(p.Type)
		for _, v := range there.Verified {
			if !ofThese(p) || attest.NeedOf(v.PredicateType()) != need ||
				brought(v.PredicateType()) || !r.wrote(v.Envelope()) {
				continue
			}
			return fault.WithHint(
				fault.Usagef("predicate of type %s is given, and this signer has attested one of type %s to %s, which says the same of the image (%s)",
					attest.ShortType(p.Type), attest.ShortType(v.PredicateType()), r.result.Subject, need),
				"attest it as %s, which replaces that one, or remove that one first",
				attest.ShortType(v.PredicateType()))
		}
	}
	return nil
}

func (r *run) resolve(ctx context.Context) error {
	end := r.Progress.Stage("resolve")
	subject, err := r.Images.Resolve(ctx, r.job.Reference)
	if err != nil {
		end("", err)
		return err
	}
	r.result.Subject = subject
	end(subject.String(), nil)
	return nil
}
