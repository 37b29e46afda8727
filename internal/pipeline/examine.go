package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Lister gives back what is attached to an image.
type Lister interface {
	List(ctx context.Context, s attest.Subject) ([]store.Entry, error)
}

// Examination is what is attached to an image, divided into what is to be
// believed and what is not.
type Examination struct {
	Verified []verify.Verified // each once, in whatever formats it is attached
	Rejected []Rejection
	NotRead  []attest.NotRead // each is among the rejected, too

	everything []verify.Verified // with its copies in other formats
}

// Rejection is an attached thing that is not believed.
type Rejection struct {
	Digest      string // of the layer, or of the referrer
	ClaimedType string // what its annotation says it is
	Reason      error

	envelope string // its digest; empty where there is none
}

// Examine reads what is attached to a subject and verifies each piece. A piece that
// does not verify is a rejection with its reason. One that was not read is told
// apart: what that means depends on what is needed. It is an error only if nothing
// can be decided without it.
func Examine(ctx context.Context, from Lister, s attest.Subject, trust verify.Trust) (Examination, error) {
	pieces, err := list(ctx, from, s)
	if err != nil {
		return Examination{}, err
	}
	return examine(pieces, func(p piece) (verify.Verified, error) { return p.verified(s, trust) })
}

// Complete returns an error if something was not read without which a need is not
// met. What is attached and was not read may be an attestation of any type.
func (e Examination) Complete(need policy.Need) error {
	for _, n := range e.NotRead {
		if policy.EffectOf(need, n.Place) != policy.Stands {
			return fault.WithHint(fault.Undecidedf("%d of what is attached could not be read, and any of it may be what is needed: %w", len(e.NotRead), n.Why),
				"%s", cmp.Or(fault.HintOf(n.Why), "run again; if it stays so, hallmark inspect names what is attached: remove what cannot be read"))
		}
	}
	return nil
}

// besides says for which reasons other than its signer something was rejected, to be
// put behind a sentence that blames the signers.
func (e Examination) besides() string {
	for _, r := range e.Rejected {
		if !verify.WrongSigner(r.Reason) {
			return fmt.Sprintf("; of what is attached, %s is rejected because: %v", plain.Line(attest.ShortType(r.ClaimedType), 60), r.Reason)
		}
	}
	return ""
}

// piece is one attached thing. What is in it is parsed once.
type piece struct {
	store.Entry
	readings func() ([]attest.Envelope, error)
}

func newPiece(e store.Entry) piece { return piece{e, sync.OnceValues(e.Readings)} }

// envelope returns what is in a piece.
func (p piece) envelope() (attest.Envelope, error) {
	readings, err := p.readings()
	if err != nil {
		return attest.Envelope{}, err
	}
	return readings[0], nil
}

// verified verifies what is in a piece, in any of the ways in which readers may take
// it. Of several refusals the first is told.
func (p piece) verified(s attest.Subject, trust verify.Trust) (verify.Verified, error) {
	readings, err := p.readings()
	if err != nil {
		return verify.Verified{}, err
	}
	var refusal error
	for _, envelope := range readings {
		v, err := verify.Verify(envelope, s, trust)
		if err == nil {
			return v, nil
		}
		refusal = cmp.Or(refusal, err)
	}
	return verify.Verified{}, refusal
}

// VerifyEntry verifies what is in an entry, as Examine does.
func VerifyEntry(e store.Entry, s attest.Subject, trust verify.Trust) (verify.Verified, error) {
	return newPiece(e).verified(s, trust)
}

// list reads what is attached.
func list(ctx context.Context, from Lister, s attest.Subject) ([]piece, error) {
	entries, err := from.List(ctx, s)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("reading what is attached to %s: %w", s, context.Cause(ctx))
	}
	if err != nil {
		return nil, err
	}
	pieces := make([]piece, len(entries))
	for i, e := range entries {
		pieces[i] = newPiece(e)
	}
	return pieces, nil
}

// examine verifies each of what is attached with the given function.
func examine(pieces []piece, check func(piece) (verify.Verified, error)) (Examination, error) {
	var out Examination
	for _, p := range pieces {
		if p.Unread && policy.EffectOf(policy.NeedAny, p.Place) == policy.Fails {
			return Examination{}, p.Err
		}
		v, err := check(p)
		if err != nil {
			out.NotRead = append(out.NotRead, p.notRead(err)...)
			envelope, _ := p.envelope() // its error is this one
			out.Rejected = append(out.Rejected, Rejection{Digest: p.Digest, ClaimedType: p.ClaimedType, Reason: err, envelope: envelope.Digest()})
			continue
		}
		out.everything = append(out.everything, v)
	}
	out.Verified = distinct(out.everything)
	return out, nil
}

// notRead returns what was not read of a piece that was rejected: all of it, or what
// is over a bound of its parts.
func (p piece) notRead(refusal error) []attest.NotRead {
	place := p.Place
	switch {
	case p.Unread && place == "":
		place = attest.PlaceLayer
	case errors.Is(refusal, attest.ErrOverBounds):
		place = attest.PlaceTooLarge
		refusal = fault.Undecidedf("%s was not examined: %w", p.Digest, refusal)
	case !p.Unread:
		return nil
	}
	return []attest.NotRead{{Place: place, Why: refusal}}
}

// examine is Examine of this run's subject, by those whom it believes or by its own
// signer alone. What it believed once it does not verify again.
func (r *run) examine(ctx context.Context, from Lister, who believed) (Examination, error) {
	pieces, err := list(ctx, from, r.result.Subject)
	if err != nil || len(pieces) == 0 {
		return Examination{}, err
	}
	if !r.identified() { // there is time until it is known whom to believe
		for _, p := range pieces {
			_, _ = p.envelope() // whoever verifies it is told
		}
	}
	if err := r.identify(); err != nil {
		return Examination{}, err
	}
	return examine(pieces, func(p piece) (verify.Verified, error) { return r.verified(p, who) })
}

// believed is whom a run believes.
type believed string

const (
	everybody believed = "everybody" // the signer among them
	itself    believed = "itself"    // the signer alone
)

// claim is what is attached, by those who believe it.
type claim struct {
	who   believed
	piece string // its identity
}

func (r *run) verified(p piece, who believed) (verify.Verified, error) {
	identity := p.Identity()
	for _, asked := range []believed{itself, who} { // what the signer itself said, everybody believes
		if v, ok := r.known[claim{asked, identity}]; ok {
			return v, nil
		}
	}
	trust := r.Trust()
	if who == itself {
		trust = r.Own
	}
	v, err := p.verified(r.result.Subject, trust)
	if err == nil {
		r.known[claim{who, identity}] = v
	}
	return v, err
}

// distinct returns each claim once: the same signer said the same of the same
// type, in another format.
func distinct(all []verify.Verified) []verify.Verified {
	var out []verify.Verified
	for _, v := range all {
		if !slices.ContainsFunc(out, func(other verify.Verified) bool { return sameClaim(v, other) }) {
			out = append(out, v)
		}
	}
	return out
}

func sameClaim(a, b verify.Verified) bool {
	return a.Signer() == b.Signer() && a.PredicateType() == b.PredicateType() &&
		string(a.Statement().Predicate) == string(b.Statement().Predicate)
}

// skew is how far clocks may be apart.
const skew = 5 * time.Minute

// NotOlderThan returns the examination without what is older than max at now, or
// of which nobody says when it was made: those are rejected. Zero is any age.
func (e Examination) NotOlderThan(limit time.Duration, now time.Time) Examination {
	if limit == 0 {
		return e
	}
	fresh := Examination{Rejected: slices.Clone(e.Rejected), NotRead: e.NotRead, everything: e.everything}
	for _, v := range e.Verified {
		if reason := ageOf(v.Time(), limit, now); reason != nil {
			fresh.Rejected = append(fresh.Rejected, Rejection{Digest: v.Envelope().Digest(), ClaimedType: v.PredicateType(), Reason: reason})
			continue
		}
		fresh.Verified = append(fresh.Verified, v)
	}
	return fresh
}

// AgeError says that an attestation is believed, and too old, of an age that nobody
// tells, or not made yet.
type AgeError struct{ sentence string }

// Error returns the sentence, in which the attestation is it.
func (e AgeError) Error() string { return e.sentence }

// ageOf returns an AgeError unless something was made within a time before now.
func ageOf(made time.Time, limit time.Duration, now time.Time) error {
	switch {
	case made.IsZero():
		return AgeError{fmt.Sprintf("nothing says when it was made, and max-age is %s", limit)}
	case made.Sub(now) > skew:
		return AgeError{fmt.Sprintf("it says that it was made at %s, which is in the future", made.UTC().Format(time.RFC3339))}
	case now.Sub(made) > limit:
		return AgeError{fmt.Sprintf("it was made %s ago, at %s, and max-age is %s",
			now.Sub(made).Round(time.Second), made.UTC().Format(time.RFC3339), limit)}
	}
	return nil
}

// TooOld returns what was rejected for its age alone, of a type; of every type where
// none is named.
func (e Examination) TooOld(wanted string) []Rejection {
	return slices.DeleteFunc(slices.Clone(e.Rejected), func(r Rejection) bool {
		_, age := errors.AsType[AgeError](r.Reason)
		return !age || wanted != "" && !attest.SameType(r.ClaimedType, wanted)
	})
}
