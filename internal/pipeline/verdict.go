package pipeline

import (
	"context"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// sayVerdict attests what the gate came to. It comes after everything else was
// read back and verified, and says of which attestations it is. A verdict that is
// not a pass is attested, too: an earlier one that passed must not stay.
func (r *run) sayVerdict(ctx context.Context) error {
	wanted := r.job.SayVerdict || r.job.RenewVerdict && r.hasVerdict()
	if !wanted || !r.job.Push || len(r.result.Verdict.Results) == 0 {
		return nil
	}
	p, err := evidence.Verdict(r.judgement())
	if err != nil {
		return err
	}
	return r.leave(ctx, []attest.Predicate{p})
}

// hasVerdict reports whether an earlier verdict of this signer is attached.
func (r *run) hasVerdict() bool {
	return slices.ContainsFunc(r.result.Verified, func(v verify.Verified) bool {
		return v.PredicateType() == attest.TypeVSA && r.wrote(v.Envelope())
	})
}

func (r *run) judgement() evidence.Judgement {
	j := evidence.Judgement{
		Subject: r.result.Subject, At: r.Now(), Version: r.job.Version, Passed: r.result.Verdict.Outcome == policy.Pass,
	}
	for _, c := range r.result.Verdict.Results {
		j.Checks = append(j.Checks, evidence.Check{
			Name: c.Name, Digest: c.Digest, Artifact: c.Artifact, Params: c.ParamsDigest, Result: c.Outcome.String(), Until: c.Until,
		})
	}
	earlier := func(v verify.Verified) bool { return v.PredicateType() == attest.TypeVSA }
	for _, v := range slices.DeleteFunc(slices.Clone(r.result.Verified), earlier) {
		j.Evidence = append(j.Evidence, v.Envelope().Digest())
	}
	return j
}
