package policy

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Rules is what the gate asks for.
type Rules struct {
	Policies       []Policy
	Cutoff         finding.Cutoff // not set: no severity denies
	OnlyFixed      bool           // the cutoff counts findings with a fix only
	MaxDatabaseAge time.Duration  // of the database of the newest scan; 0: any age
	Limit          time.Duration  // of one policy's evaluation on one attestation; 0: 10 seconds
}

// Evidence is what the gate decides on.
type Evidence struct {
	Verified []verify.Verified // what was read back and verified, of one image
	Now      time.Time         // the time to measure ages by, and the policies' own clock

	// Own are those of Verified that this very run made; none where nothing was
	// made. When there is a scan among them, the built-in rules judge by it and
	// by no other, whenever another claims to have finished.
	Own []verify.Verified
}

// Decide evaluates every policy and every rule that applies, and returns what
// each came to. One that fails does not keep the others from being evaluated.
//
// The verdict is the worst of the results: deny before undecided before pass.
// Rules that ask for nothing pass, with no result; whoever needs a gate has to
// see to it that there is something to ask. When ctx ends, every policy that is
// not satisfied by then is undecided.
//
// The rule severity-cutoff applies when a cutoff is set. The rule database-age
// applies when an age is set and there is a scan of Hallmark's to decide on, or
// when both are set. With a cutoff, a scan of another shape is undecided when it
// is the newest; without one, nobody asked about it.
func (r Rules) Decide(ctx context.Context, e Evidence) Verdict {
	results := append(r.decidePolicies(ctx, e), r.decideScan(e)...)
	return Verdict{Outcome: worst(results), Results: results}
}

// decidePolicies tries attestation by attestation, each on all policies, so
// that only one statement is held decoded at a time.
func (r Rules) decidePolicies(ctx context.Context, e Evidence) []Result {
	trials := make([]*trial, len(r.Policies))
	for i, p := range r.Policies {
		trials[i] = r.newTrial(ctx, p, e.Now)
	}
	for _, v := range e.Verified {
		tryAll(ctx, trials, v)
	}
	results := make([]Result, len(trials))
	for i, t := range trials {
		results[i] = t.result()
	}
	return results
}

func tryAll(ctx context.Context, trials []*trial, v verify.Verified) {
	var input ast.Value
	name := describe(v)
	for _, t := range trials {
		if !t.wants(v) {
			continue
		}
		t.considered++
		if ctx.Err() != nil {
			t.take(undecided("the evaluation was stopped: %v", ctx.Err()))
			continue
		}
		if input == nil {
			decoded, err := ast.ValueFromReader(bytes.NewReader(v.Payload()))
			if err != nil {
				t.take(undecided("%s could not be decoded: %v", name, err))
				continue
			}
			input = decoded
		}
		t.take(t.evaluation.ask(ctx, input, name))
	}
}

// describe names an attestation in a sentence.
func describe(v verify.Verified) string {
	return fmt.Sprintf("the attestation of type %s signed by %s", attest.ShortType(v.PredicateType()), v.Signer())
}

// trial is a policy on its way through the attestations.
type trial struct {
	policy     Policy
	evaluation evaluation
	considered int
	satisfied  bool
	broken     bool // the policy cannot be evaluated at all
	unknown    reasons
	denied     reasons
}

func (r Rules) newTrial(ctx context.Context, p Policy, now time.Time) *trial {
	t := &trial{policy: p}
	for _, problem := range p.problems {
		t.breaks(problem)
	}
	switch {
	case t.broken:
		return t
	case p.compiler == nil:
		t.breaks("the policy was not loaded")
		return t
	}
	query, err := p.prepare(ctx)
	if err != nil {
		t.breaks(fmt.Sprintf("the policy could not be prepared: %v", err))
		return t
	}
	t.evaluation = evaluation{query: query, limit: cmp.Or(r.Limit, defaultLimit), now: now}
	return t
}

func (t *trial) breaks(reason string) {
	t.broken = true
	t.unknown.add(reason)
}

// wants reports whether an attestation can still make a difference.
func (t *trial) wants(v verify.Verified) bool {
	return !t.broken && !t.satisfied && t.policy.about(v.PredicateType())
}

func (t *trial) take(a answer) {
	switch a.outcome {
	case Pass:
		t.satisfied = true
	case Deny:
		t.denied.addAll(a.reasons)
	case Undecided:
		t.unknown.addAll(a.reasons)
	}
}

func (t *trial) result() Result {
	r := Result{
		Name:          clean(t.policy.name),
		Title:         t.policy.title,
		PredicateType: t.policy.predicateType,
		Considered:    t.considered,
	}
	switch {
	case t.broken:
		r.Reasons = t.unknown.list()
	case t.satisfied:
		r.Outcome = Pass
	case t.considered == 0:
		r.Reasons = []Reason{{Message: t.nothingToTry()}}
	case len(t.unknown.kept) > 0:
		r.Reasons = append(t.unknown.list(), t.denied.list()...)
	default:
		r.Outcome = Deny
		r.Reasons = t.denied.list()
	}
	return r
}

func (t *trial) nothingToTry() string {
	if t.policy.predicateType == "" {
		return "no attestation was verified: there is nothing to evaluate the policy on"
	}
	return clean(fmt.Sprintf("no attestation of type %s was verified: there is nothing to evaluate the policy on",
		attest.ShortType(t.policy.predicateType)))
}
