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

// set is what this run leaves in one store: all of its attestations, some of
// which may be there already.
type set struct {
	store  Store
	signed []store.Signed // to be attached
	there  []store.Signed // unchanged since an earlier run
}

// leave signs predicates, attaches them, and reads them back.
func (r *run) leave(ctx context.Context, predicates []attest.Predicate) error {
	sets, err := r.sign(ctx, predicates)
	if err != nil {
		return err
	}
	if err := r.attach(ctx, sets); err != nil {
		return err
	}
	if r.job.SignImage && r.job.Push {
		if r.result.Signed, err = r.signImage(ctx); err != nil {
			return err
		}
	}
	return r.readBack(ctx, sets)
}

// sign makes the complete set for each store, in the form that its readers
// expect. What is there already, just so and by this signer, is not signed again.
func (r *run) sign(ctx context.Context, predicates []attest.Predicate) ([]set, error) {
	end := r.stage("sign")
	sets := make([]set, len(r.Stores))
	signed := 0
	for i, s := range r.Stores {
		one, err := r.signFor(ctx, s, predicates)
		if err != nil {
			end("", err)
			return nil, err
		}
		sets[i] = one
		signed += len(one.signed)
		r.result.Unchanged += len(one.there)
	}
	outcome := plain.Count(signed, "statement")
	if r.result.Unchanged > 0 {
		outcome += fmt.Sprintf(", %d unchanged", r.result.Unchanged)
	}
	end(outcome, nil)
	return sets, nil
}

func (r *run) signFor(ctx context.Context, s Store, predicates []attest.Predicate) (set, error) {
	own, err := r.ownIn(ctx, s)
	if err != nil {
		return set{}, err
	}
	out := set{store: s}
	for _, p := range predicates {
		if e, ok := r.unchanged(own, p); ok {
			out.there = append(out.there, store.Signed{PredicateType: p.Type, Envelope: e})
			continue
		}
		statement := attest.NewStatement(r.result.Subject, p)
		statement.Type = s.StatementType()
		envelope, err := r.Signer.Sign(ctx, statement)
		if err != nil {
			return set{}, err
		}
		out.signed = append(out.signed, store.Signed{PredicateType: p.Type, Envelope: envelope})
	}
	return out, nil
}

// ownIn returns what this run's signer attached earlier. Nothing that is only
// made here is compared with it.
func (r *run) ownIn(ctx context.Context, s Store) ([]verify.Verified, error) {
	if !r.job.Push {
		return nil, nil
	}
	examined, err := Examine(ctx, s, r.result.Subject, r.Own)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(examined.everything, func(v verify.Verified) bool { return v.Envelope().Signatures() != 1 }), nil
}

// unchanged returns the attestation that says what p says. It must be the only
// one of its type, unless history is kept: of two, one has to give way.
func (r *run) unchanged(own []verify.Verified, p attest.Predicate) (attest.Envelope, bool) {
	var same []attest.Envelope
	ofType := 0
	for _, v := range own {
		if !attest.SameType(v.PredicateType(), p.Type) {
			continue
		}
		ofType++
		if p.SaysTheSame(v.Statement().Predicate) {
			same = append(same, v.Envelope())
		}
	}
	if len(same) == 0 || ofType > 1 && !r.job.History {
		return attest.Envelope{}, false
	}
	return same[0], true
}

// attach gives each store its set.
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
	for _, s := range sets {
		receipt, err := s.store.Attach(ctx, r.result.Subject, s.signed, r.replaces)
		if err != nil {
			end("", err)
			return err
		}
		for _, digest := range receipt.Stale {
			r.note("the earlier attestation %s could not be removed from the registry, and any one can satisfy a policy in a cluster; remove it", digest)
		}
		attached += len(s.signed)
	}
	r.result.Pushed = true
	end(plain.Count(attached, "attestation"), nil)
	return nil
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
// attestations in it.
func (r *run) readBack(ctx context.Context, sets []set) error {
	end := r.stage("verify")
	from := r.Attached
	if !r.job.Push {
		from = unpushed{Lister: r.Attached, sets: sets, replaces: r.replaces}
	}
	examined, err := Examine(ctx, from, r.result.Subject, r.Trust)
	if err != nil {
		end("", err)
		return err
	}
	r.result.Examination = examined
	for i, s := range sets {
		for _, expected := range slices.Concat(s.there, s.signed) {
			own, err := examined.find(expected, r.result.Subject)
			if err != nil {
				end("", err)
				return err
			}
			if i == 0 { // the other stores hold the same
				r.result.Attached = append(r.result.Attached, own)
			}
		}
	}
	end(plain.Count(len(examined.Verified), "attestation")+" verified", nil)
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
	return verify.Verified{}, fmt.Errorf("verifying what was attached to %s: the attestation of type %s is not there",
		subject, attest.ShortType(s.PredicateType))
}
