package pipeline

import (
	"context"
	"errors"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// absentError says that an attestation of this run is not attached.
type absentError struct{ error }

// without returns the set without what another job's attestations have superseded
// in a store before: one type of one signer is of one job in all of them.
func (s set) without(types []string) set {
	s.signed = slices.DeleteFunc(slices.Clone(s.signed), func(one store.Signed) bool {
		return slices.ContainsFunc(types, func(t string) bool { return attest.SameType(t, one.PredicateType) })
	})
	return s
}

// standsFor returns the attestation that stands for one of this run that is not
// there: another job's in the same format, of this signer, of the type, and not
// made before it. Who replays an earlier scan of this signer has none.
func (r *run) standsFor(e Examination, gone store.Signed) (verify.Verified, bool) {
	lost, err := attest.ParseStatement(gone.Envelope.Payload())
	if err != nil {
		return verify.Verified{}, false
	}
	var newest verify.Verified
	found := false
	for _, v := range e.everything {
		made := v.Statement().ClaimedTime()
		same := attest.SameType(v.PredicateType(), gone.PredicateType) && v.Statement().Type == lost.Type
		if !same || made.Before(lost.ClaimedTime()) || slices.Contains(r.left, v.Envelope().Digest()) || !r.believesItself(v.Envelope()) {
			continue
		}
		if !found || made.After(newest.Statement().ClaimedTime()) {
			newest, found = v, true
		}
	}
	return newest, found
}

// own finds an attestation of this run in what was read back, or what stands for
// it. The run then keeps its own to be judged by, too: its finding counts for this
// job, even if another job's is the one that everybody sees.
func (r *run) own(e Examination, expected store.Signed) (verify.Verified, error) {
	found, err := e.find(expected, r.result.Subject)
	if _, absent := errors.AsType[absentError](err); !absent {
		return found, err
	}
	instead, ok := r.standsFor(e, expected)
	if !ok {
		return found, err
	}
	gone, verifyErr := verify.Verify(expected.Envelope, r.result.Subject, r.Trust())
	if verifyErr != nil {
		return found, verifyErr
	}
	if !slices.ContainsFunc(r.superseded, func(v verify.Verified) bool { return sameClaim(v, gone) }) {
		r.superseded = append(r.superseded, gone)
		r.note("another job of this signer attached an attestation of type %s at the same time, and that one is there instead of this run's",
			attest.ShortType(expected.PredicateType))
	}
	return instead, nil
}

// overtaken counts what was found of this run's evidence to have given way to another
// job's.
func (r *run) overtaken() int {
	n := 0
	for _, v := range r.superseded {
		if v.PredicateType() != attest.TypeVSA {
			n++
		}
	}
	return n
}

// decide asks the rules about what is there. Where that is another job's, what this
// run made itself must pass, too: the other may have been told to ignore what this
// one is not.
func (r *run) decide(ctx context.Context) policy.Verdict {
	now := r.Now()
	evidence := policy.Evidence{
		Verified: r.result.Verified, NotRead: r.result.NotRead, Own: r.result.Attached, Now: now, Image: ImageOf(r.result.Facts), CI: r.job.CI,
	}
	rules := r.job.Rules
	rules.Waive = Waive(r.job.Waivers, r.result.Subject, now)
	verdict := rules.Decide(ctx, evidence)
	if len(r.superseded) == 0 {
		return verdict
	}
	evidence.Own = r.superseded
	if own := rules.Decide(ctx, evidence); own.Outcome != policy.Pass {
		return policy.Together(verdict, own)
	}
	return verdict
}
