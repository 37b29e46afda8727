package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
		r.noteOthers(own[i], predicates)
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
func (r *run) targets(ctx context.Context, predicates []attest.Predicate) (stores []Store, own [][]written, err error) {
	for i, s := range slices.Concat(r.Stores, r.Elsewhere) {
		entries, err := r.listed(ctx, s)
		if err != nil {
			return nil, nil, err
		}
		found := r.ownOf(entries)
		stale := slices.ContainsFunc(found, func(w written) bool { return isOf(predicates, w.predicateType) })
		if i < len(r.Stores) || !r.job.History && stale {
			stores, own = append(stores, s), append(own, found)
		}
	}
	return stores, own, ctx.Err()
}

// isOf reports whether one of the predicates is of a type.
func isOf(predicates []attest.Predicate, predicateType string) bool {
	return slices.ContainsFunc(predicates, func(p attest.Predicate) bool { return attest.SameType(p.Type, predicateType) })
}

// listed returns what is attached in a store. Nothing that is only made here is
// compared with any of it.
func (r *run) listed(ctx context.Context, s Store) ([]store.Entry, error) {
	if !r.job.Push {
		return nil, nil
	}
	return s.List(ctx, r.result.Subject)
}

// written is an attestation that this run's signer signed, whatever became of it.
type written struct {
	predicateType string
	verified      verify.Verified // zero unless believed
	believed      bool            // it is vouched for as is asked for, and by nobody else's signature
	others        []string        // who is believed and signed it, too
}

// ownOf returns what this run's signer attached earlier. The type is the one that is
// signed. What cannot be read is not compared; whether it stays is the store's to
// decide.
func (r *run) ownOf(entries []store.Entry) []written {
	var own []written
	for _, e := range entries {
		if w, ok := r.writtenIn(e); ok {
			own = append(own, w)
		}
	}
	return own
}

// writtenIn returns what this run's signer signed in an entry, if it did.
func (r *run) writtenIn(e store.Entry) (written, bool) {
	if v, err := r.verified(newPiece(e), itself); err == nil {
		w := written{predicateType: v.PredicateType(), verified: v, believed: v.Envelope().Signatures() == 1}
		return w.signedBesides(v.Envelope(), r.result.Subject, r.Others), true
	}
	readings, err := e.Readings()
	if err != nil {
		return written{}, false
	}
	i := slices.IndexFunc(readings, r.wrote)
	if i < 0 {
		return written{}, false
	}
	statement, err := attest.ParseStatement(readings[i].Payload())
	w := written{predicateType: statement.PredicateType}
	return w.signedBesides(readings[i], r.result.Subject, r.Others), err == nil
}

// signedBesides names those of others who signed an envelope, too.
func (w written) signedBesides(e attest.Envelope, s attest.Subject, others verify.Trust) written {
	if e.Signatures() > 1 {
		if v, err := verify.Verify(e, s, others); err == nil {
			w.others = append(w.others, v.Signer())
		}
	}
	return w
}

// noteOthers tells whose signatures give way together with this signer's.
func (r *run) noteOthers(own []written, predicates []attest.Predicate) {
	for _, w := range own {
		if r.job.History || len(w.others) == 0 || !isOf(predicates, w.predicateType) {
			continue
		}
		r.note("the earlier attestation of type %s gives way to this run's, and %s had signed it, too: let them sign the new one",
			attest.ShortType(w.predicateType), strings.Join(w.others, ", "))
	}
}

// unchanged returns the attestation that says what p says, if those of its type
// need not be written: all of them are there, as they would be written, and no
// others, which would have to give way. Where history is kept nothing gives way.
func (r *run) unchanged(own []written, all []attest.Predicate, p attest.Predicate) (attest.Envelope, bool) {
	var there []verify.Verified
	others := 0
	for _, w := range own {
		switch {
		case !attest.SameType(w.predicateType, p.Type):
		case w.believed:
			there = append(there, w.verified)
		default:
			others++
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
	if (wanted != len(there) || others > 0) && !r.job.History {
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
