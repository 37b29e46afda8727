package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// sign makes the complete set for each store, in the form that its readers
// expect. What is there already, just so and by this signer, is not signed again.
func (r *run) sign(ctx context.Context, predicates []attest.Predicate) ([]set, error) {
	end := r.stage("sign")
	sets, err := r.signAll(ctx, predicates)
	if err != nil {
		end("", err)
		return nil, err
	}
	signed, there := 0, 0
	for _, s := range sets {
		signed += len(s.signed)
		there += len(s.there)
	}
	r.result.Unchanged += there
	outcome := plain.Count(signed, "statement")
	if there > 0 {
		outcome += fmt.Sprintf(", %d unchanged", there)
	}
	end(outcome, nil)
	return sets, nil
}

func (r *run) signAll(ctx context.Context, predicates []attest.Predicate) ([]set, error) {
	stores, own, err := r.targets(ctx, predicates)
	if err != nil {
		return nil, err
	}
	sets := make([]set, len(stores))
	for i, s := range stores {
		sets[i] = set{store: s, part: len(lacking(own, i, predicates)) > 0}
		for _, p := range predicates {
			if e, ok := r.unchanged(own[i], predicates, p); ok {
				sets[i].there = append(sets[i].there, store.Signed{PredicateType: p.Type, Envelope: e})
				continue
			}
			signed, err := r.signPredicate(ctx, s, p)
			if err != nil {
				return nil, err
			}
			sets[i].signed = append(sets[i].signed, signed)
		}
	}
	return sets, nil
}

// signPredicate signs a predicate in the version that a store's readers expect.
func (r *run) signPredicate(ctx context.Context, s Store, p attest.Predicate) (store.Signed, error) {
	statement := attest.NewStatement(r.result.Subject, p)
	statement.Type = s.StatementType()
	envelope, err := r.Signer.Sign(ctx, statement)
	return store.Signed{PredicateType: p.Type, Envelope: envelope}, err
}

// targets returns the stores to be written, and what this signer has in each: those
// that are asked for, and those in which something of its own would become stale.
// Where there is one, only what is said anew counts of what it has.
func (r *run) targets(ctx context.Context, predicates []attest.Predicate) (stores []Store, own [][]verify.Verified, err error) {
	renewed := func(claimed string) bool {
		return slices.ContainsFunc(predicates, func(p attest.Predicate) bool { return attest.SameType(p.Type, claimed) })
	}
	var listed [][]store.Entry
	for i, s := range slices.Concat(r.Stores, r.Elsewhere) {
		entries, err := r.listed(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		found := r.ownOf(entries, renewed)
		stale := slices.ContainsFunc(found, func(v verify.Verified) bool { return renewed(v.PredicateType()) })
		if i < len(r.Stores) || !r.job.History && stale {
			stores, own, listed = append(stores, s), append(own, found), append(listed, entries)
		}
	}
	if len(stores) > 1 {
		for i, entries := range listed {
			own[i] = r.ownOf(entries, func(string) bool { return true })
		}
	}
	return stores, own, ctx.Err()
}

// listed returns what is attached in a store. Nothing that is only made here is
// compared with any of it.
func (r *run) listed(ctx context.Context, s Store) ([]store.Entry, error) {
	if !r.job.Push {
		return nil, nil
	}
	return s.List(ctx, r.result.Subject)
}

// ownOf returns what this run's signer, and nobody else, attached earlier, of the types
// that are wanted, by what their annotations claim. What cannot be read is not
// compared; whether it stays is the store's to decide.
func (r *run) ownOf(entries []store.Entry, wanted func(claimed string) bool) []verify.Verified {
	var own []verify.Verified
	for _, e := range entries {
		if e.ClaimedType != "" && !wanted(e.ClaimedType) {
			continue
		}
		if v, err := r.verified(newPiece(e), itself); err == nil && v.Envelope().Signatures() == 1 {
			own = append(own, v)
		}
	}
	return own
}

// unchanged returns the attestation that says what p says, if those of its type
// need not be written: all of them are there, and no others, which would have to
// give way. Where history is kept nothing gives way.
func (r *run) unchanged(own []verify.Verified, all []attest.Predicate, p attest.Predicate) (attest.Envelope, bool) {
	var there []verify.Verified
	for _, v := range own {
		if attest.SameType(v.PredicateType(), p.Type) {
			there = append(there, v)
		}
	}
	wanted := 0
	for _, q := range all {
		if !attest.SameType(q.Type, p.Type) {
			continue
		}
		wanted++
		if _, ok := saying(there, q); !ok && !r.job.History {
			return attest.Envelope{}, false
		}
	}
	if wanted != len(there) && !r.job.History {
		return attest.Envelope{}, false
	}
	return saying(there, p)
}

// saying returns the attestation among some of its type that says what p says.
func saying(some []verify.Verified, p attest.Predicate) (attest.Envelope, bool) {
	i := slices.IndexFunc(some, func(v verify.Verified) bool { return p.SaysTheSame(v.Statement().Predicate) })
	if i < 0 {
		return attest.Envelope{}, false
	}
	return some[i].Envelope(), true
}
