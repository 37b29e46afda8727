package pipeline

import (
	"context"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// complete attaches to each store what this signer said earlier, in another store
// and not in this one. It replaces nothing. Another job of the same signer may be
// about to say it here, so what cannot be completed is told and fails nothing: what
// this run says itself is everywhere already.
func (r *run) complete(ctx context.Context, sets []set) error {
	if !slices.ContainsFunc(sets, func(s set) bool { return s.part }) {
		return nil
	}
	own := make([][]written, len(sets))
	for i, s := range sets {
		entries, err := r.listed(ctx, s.store)
		if err != nil {
			return err
		}
		own[i] = r.ownOf(entries)
	}
	for i, s := range sets {
		var signed []store.Signed
		for _, p := range lacking(own, i, nil) {
			one, err := r.signPredicate(ctx, s.store, p)
			if err != nil {
				return err
			}
			signed = append(signed, one)
		}
		if _, err := r.attachOnce(ctx, s.store, signed, func(attest.Envelope) bool { return false }); err != nil {
			if ctx.Err() != nil {
				return err
			}
			r.note("readers of the format %s do not see all that this signer attached earlier: %v", s.store.Format(), err)
		}
	}
	return nil
}

// lacking returns what this signer said earlier in other stores and not in this
// one: readers of one format that find anything in it look into no other. What is
// said anew is left out.
func lacking(own [][]written, here int, anew []attest.Predicate) []attest.Predicate {
	var out []attest.Predicate
	for i, there := range own {
		for _, w := range there {
			if !w.believed || w.predicateType == attest.TypeSignature { // under a tag, signatures have one of their own
				continue
			}
			has := func(other written) bool { return attest.SameType(w.predicateType, other.predicateType) }
			if i != here && !isOf(anew, w.predicateType) && !isOf(out, w.predicateType) && !slices.ContainsFunc(own[here], has) {
				out = append(out, attest.Predicate{Type: w.predicateType, Body: w.verified.Statement().Predicate})
			}
		}
	}
	return out
}
