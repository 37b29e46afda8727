package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// readBack examines what the registry holds now and finds this run's own
// attestations in it. What another writer has just overwritten is written again.
func (r *run) readBack(ctx context.Context) error {
	end := r.stage("verify")
	err := r.findOwn(ctx)
	if _, absent := errors.AsType[absentError](err); absent && len(r.watched) > 0 {
		if _, err = r.settle(ctx); err == nil {
			err = r.findOwn(ctx)
		}
	}
	if err != nil {
		end("", err)
		return err
	}
	end(plain.Count(len(r.result.Verified), "attestation")+" verified", nil)
	return nil
}

func (r *run) findOwn(ctx context.Context) error {
	from := r.Attached
	if !r.job.Push {
		from = unpushed{Lister: r.Attached, sets: r.sets, replaces: r.replaces}
	}
	examined, err := r.examine(ctx, from, everybody)
	if err != nil {
		return err
	}
	r.result.Examination, r.result.Attached, r.left = examined, nil, nil
	for _, s := range r.sets {
		for _, one := range slices.Concat(s.there, s.signed) {
			r.left = append(r.left, one.Envelope.Digest())
		}
	}
	for _, s := range r.sets {
		for _, expected := range slices.Concat(s.there, s.signed) {
			own, err := r.own(examined, expected)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(r.result.Attached, func(v verify.Verified) bool { return sameClaim(v, own) }) {
				r.result.Attached = append(r.result.Attached, own)
			}
		}
	}
	return nil
}

// find returns the verified form of an envelope of this run.
func (e Examination) find(s store.Signed, subject attest.Subject) (verify.Verified, error) {
	digest := s.Envelope.Digest()
	if i := slices.IndexFunc(e.everything, func(v verify.Verified) bool { return v.Envelope().Digest() == digest }); i >= 0 {
		return e.everything[i], nil
	}
	if i := slices.IndexFunc(e.Rejected, func(r Rejection) bool { return r.envelope == digest }); i >= 0 {
		return verify.Verified{}, fmt.Errorf("verifying what was attached to %s: its own attestation of type %s: %w",
			subject, attest.ShortType(s.PredicateType), e.Rejected[i].Reason)
	}
	if len(e.NotRead) > 0 { // it may be among them
		return verify.Verified{}, fmt.Errorf("verifying what was attached to %s: %w", subject, e.NotRead[0].Why)
	}
	return verify.Verified{}, absentError{fmt.Errorf("verifying what was attached to %s: the attestation of type %s is not there",
		subject, attest.ShortType(s.PredicateType))}
}
