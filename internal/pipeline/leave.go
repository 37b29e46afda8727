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

// set is what this run leaves in one store: all of its attestations, some of
// which may be there already.
type set struct {
	store  Store
	signed []store.Signed // to be attached
	there  []store.Signed // unchanged since an earlier run
	part   bool           // the signer has more in another store
}

// mark attaches what is said about the subject, gates it, and attaches the verdict.
func (r *run) mark(ctx context.Context, predicates []attest.Predicate) error {
	if err := r.leave(ctx, predicates); err != nil {
		return err
	}
	r.gate(ctx)
	return r.seal(ctx)
}

// seal attaches the verdict and waits until all that this run attached stays. The
// watch goes on from the first write to the last: between them it costs no time. If
// another job's attestations took the place of this run's until then, the verdict is
// about them, too, and is made again.
func (r *run) seal(ctx context.Context) error {
	for {
		judged := r.overtaken()
		if err := r.sayVerdict(ctx); err != nil {
			return err
		}
		if err := r.stay(ctx); err != nil || r.overtaken() == judged {
			return err
		}
		r.gate(ctx)
	}
}

// stay waits until all that this run attached stays. What is there instead of it is
// read.
func (r *run) stay(ctx context.Context) error {
	lost, err := r.settle(ctx)
	if err != nil || len(lost) == 0 {
		return err
	}
	return r.readBack(ctx)
}

// leave signs predicates, attaches them, and reads them back. Whether they stay is
// still watched.
func (r *run) leave(ctx context.Context, predicates []attest.Predicate) error {
	sets, err := r.sign(ctx, predicates)
	if err != nil {
		return err
	}
	if err := r.attach(ctx, sets); err != nil {
		return err
	}
	if r.job.SignImage && r.job.Push && r.result.Signed == "" {
		if r.result.Signed, err = r.signImage(ctx); err != nil {
			return err
		}
	}
	if err := r.complete(ctx, sets); err != nil {
		return err
	}
	r.supersede(predicates)
	r.sets = append(r.sets, sets...)
	return r.readBack(ctx)
}

// supersede forgets what this run said earlier and says anew.
func (r *run) supersede(predicates []attest.Predicate) {
	anew := func(s store.Signed) bool {
		return slices.ContainsFunc(predicates, func(p attest.Predicate) bool { return attest.SameType(p.Type, s.PredicateType) })
	}
	for i := range r.sets {
		r.sets[i].signed = slices.DeleteFunc(r.sets[i].signed, anew)
		r.sets[i].there = slices.DeleteFunc(r.sets[i].there, anew)
	}
}

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
		if v, _, err := r.verified(e, itself); err == nil && v.Envelope().Signatures() == 1 {
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

// attach gives each store its set. One after the other: what is superseded in one
// of them is not written to the next.
func (r *run) attach(ctx context.Context, sets []set) error {
	if !r.job.Push && r.result.Platform != "" {
		return nil // the index says so
	}
	if !r.job.Push {
		r.note("nothing was pushed: the attestations were signed and verified here only")
		return nil
	}
	end := r.stage("attach")
	attached := 0
	for i, s := range sets {
		if i > 0 {
			if _, err := r.settle(ctx); err != nil {
				end("", err)
				return err
			}
		}
		s = s.without(r.lost)
		sets[i] = s // of another job, that may not have come to this store yet
		watched, err := s.store.Attach(ctx, r.result.Subject, s.signed, r.replaces)
		if err != nil {
			end("", err)
			return err
		}
		r.watched = append(r.watched, watched)
		attached += len(s.signed)
	}
	r.result.Pushed = true
	end(plain.Count(attached, "attestation"), nil)
	return nil
}

// settle waits until what was attached stays, and returns the types of which another
// job of this signer attached a newer one meanwhile.
func (r *run) settle(ctx context.Context) (lost []string, err error) {
	for _, w := range r.watched {
		receipt, err := w.Settle()
		if err != nil {
			return nil, err
		}
		r.noteStale(receipt)
		lost = append(lost, receipt.Superseded...)
	}
	r.watched, r.lost = nil, append(r.lost, lost...)
	return lost, ctx.Err()
}

// noteStale tells what gave way and is there all the same.
func (r *run) noteStale(receipt store.Receipt) {
	for _, digest := range receipt.Stale {
		r.note("the earlier attestation %s could not be removed from the registry, and any one can satisfy a policy in a cluster; remove it", digest)
	}
}

// replaces reports whether an attestation gives way to a new one of its type.
func (r *run) replaces(e attest.Envelope) bool { return !r.job.History && r.mine(e) }

// mine reports whether this run's signer, and nobody else, signed an envelope
// about this image. What others have signed too is not ours to replace.
func (r *run) mine(e attest.Envelope) bool {
	if e.Signatures() != 1 {
		return false
	}
	_, err := verify.Verify(e, r.result.Subject, r.Own)
	return err == nil
}

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
	return verify.Verified{}, absentError{fmt.Errorf("verifying what was attached to %s: the attestation of type %s is not there",
		subject, attest.ShortType(s.PredicateType))}
}
