package policy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// trial is a policy of a dialect that is asked about one attestation after the
// other, on its way through them.
type trial struct {
	policy     Policy
	evaluation evaluation
	among      func(verify.Verified) bool // whether it is asked about
	unread     *unread
	considered int
	satisfied  bool // by one, where one is enough
	broken     bool // the policy cannot be evaluated at all
	unknown    reasons
	denied     reasons
	warned     reasons
}

func (r Rules) newTrial(ctx context.Context, p Policy, e Evidence, u *unread) *trial {
	t := &trial{policy: p, among: p.among(e.Verified), unread: u}
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
	t.evaluation = evaluation{query: query, limit: cmp.Or(r.Limit, defaultLimit), now: e.Now, dialect: p.dialect, explain: r.explain(p), strays: p.strays}
	return t
}

// among returns which attestations a policy is asked about.
//
// The Policy Controller asks about all of the type, and one that satisfies is
// enough. cosign asks about all of the type, which is custom where nothing is
// said, and each has to satisfy. DevGuard keeps one of a type: the newest; of
// those whose time is not known, any might be it.
func (p Policy) among(all []verify.Verified) func(verify.Verified) bool {
	switch p.dialect {
	case Cosign:
		return func(v verify.Verified) bool {
			return attest.SameType(cmp.Or(p.meta.predicateType, attest.TypeCustom), v.PredicateType())
		}
	case Compliance:
		var newest time.Time
		for _, v := range all {
			if p.about(v.PredicateType()) && v.Time().After(newest) {
				newest = v.Time()
			}
		}
		return func(v verify.Verified) bool {
			return p.about(v.PredicateType()) && (v.Time().IsZero() || v.Time().Equal(newest))
		}
	case Sigstore, Hallmark:
	}
	return func(v verify.Verified) bool { return p.about(v.PredicateType()) }
}

// oneIsEnough reports whether a single attestation satisfies the policy, whatever
// it says about the others.
func (p Policy) oneIsEnough() bool { return p.dialect == Sigstore }

func (t *trial) breaks(reason string) {
	t.broken = true
	t.unknown.add(reason)
}

// wants reports whether an attestation can still make a difference.
func (t *trial) wants(v verify.Verified) bool {
	return !t.broken && !t.satisfied && t.among(v)
}

// judge takes what the policy says about an attestation. One about content cannot
// satisfy it while something was not read.
func (t *trial) judge(v verify.Verified, a answer) {
	if a.outcome == Pass && isContent(v.PredicateType()) {
		if why := t.unread.objection(v); why.some() {
			a = answer{outcome: Undecided, reasons: why}
		}
	}
	t.take(a)
}

func (t *trial) take(a answer) {
	switch a.outcome {
	case Pass:
		t.satisfied = t.policy.oneIsEnough()
		t.warned.addAll(a.reasons)
	case Deny:
		t.denied.addAll(a.reasons)
	case Undecided:
		t.unknown.addAll(a.reasons)
	}
}

func (t *trial) result(rules Rules, ends *scanEnds) Result {
	r := t.policy.blank()
	r.Considered = t.considered
	if !t.satisfied {
		t.denied, r.Waived = rules.waive(t.policy.Name(), t.denied)
	}
	switch {
	case t.broken:
		r.Reasons = t.unknown.list()
	case t.satisfied:
		r.Outcome = Pass
	case t.considered == 0:
		r.Reasons = []Reason{{Message: t.nothingToTry()}}
	case t.unknown.some():
		r.Reasons = slices.Concat(t.unknown.list(), t.denied.list())
	case t.denied.some():
		r.Outcome, r.Reasons = Deny, t.denied.list()
	default:
		r.Outcome, r.Warnings = Pass, t.warned.list()
	}
	if r.Outcome == Pass {
		r.Until = ends.of(r.Waived, t.readsType)
	} else {
		r.Trace = t.evaluation.explain.list()
	}
	return r
}

// predicateType returns the type that the policy is about; empty: every type.
func (t *trial) predicateType() string {
	if t.policy.dialect == Cosign {
		return cmp.Or(t.policy.meta.predicateType, attest.TypeCustom)
	}
	return t.policy.meta.predicateType
}

// readsType reports whether the policy is asked about attestations of a type.
func (t *trial) readsType(uri string) bool {
	own := t.predicateType()
	return own == "" || attest.SameType(own, uri)
}

func (t *trial) nothingToTry() string {
	predicateType := t.predicateType()
	if predicateType == "" {
		return "no attestation was verified: there is nothing to evaluate the policy on"
	}
	return clean(fmt.Sprintf("no attestation of type %s was verified: there is nothing to evaluate the policy on", attest.ShortType(predicateType)))
}

// tryAll asks all policies about one attestation, so that only one statement is
// held decoded at a time.
func tryAll(ctx context.Context, trials []*trial, v verify.Verified) {
	var input ast.Value
	name := describe(v)
	for _, t := range trials {
		if t == nil || !t.wants(v) {
			continue
		}
		t.considered++
		if ctx.Err() != nil {
			t.take(undecided("the evaluation was stopped: %v", ctx.Err()))
			continue
		}
		if input == nil {
			decoded, err := statementAt(v, t.evaluation.now)
			if err != nil {
				t.take(undecided("%s could not be decoded: %v", name, err))
				continue
			}
			input = decoded
		}
		found, err := t.evaluation.eval(ctx, t.policy.view(input), name)
		t.judge(v, t.evaluation.answer(found, err, name))
		t.broken = t.broken || isStuck(err)
	}
}

// describe names an attestation in a sentence.
func describe(v verify.Verified) string {
	return fmt.Sprintf("the attestation of type %s signed by %s", attest.ShortType(v.PredicateType()), v.Signer())
}

// view returns a statement as the policy's dialect wants it for its input.
func (p Policy) view(statement ast.Value) ast.Value {
	if p.dialect == Compliance {
		return bothHabits(statement)
	}
	return statement
}

// bothHabits returns the input of a compliance policy: the keys of the predicate,
// which its own command passes alone, and beside them those of the statement,
// which some of its policies read. Where the predicate is a statement itself, the
// inner one is meant.
func bothHabits(statement ast.Value) ast.Value {
	outer, ok := statement.(ast.Object)
	if !ok {
		return statement
	}
	predicate := objectAt(outer, "predicate")
	if predicate != nil && objectAt(predicate, "predicate") != nil && predicate.Get(ast.StringTerm("predicateType")) != nil {
		outer, predicate = predicate, objectAt(predicate, "predicate")
	}
	if predicate == nil {
		return outer
	}
	merged := ast.NewObject()
	predicate.Foreach(func(key, value *ast.Term) { merged.Insert(key, value) })
	outer.Foreach(func(key, value *ast.Term) { merged.Insert(key, value) })
	return merged
}

// objectAt returns the object at a key, or nil.
func objectAt(o ast.Object, key string) ast.Object {
	term := o.Get(ast.StringTerm(key))
	if term == nil {
		return nil
	}
	object, _ := term.Value.(ast.Object)
	return object
}
