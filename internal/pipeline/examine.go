package pipeline

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
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

	everything []verify.Verified // with its copies in other formats
}

// Rejection is an attached thing that is not believed.
type Rejection struct {
	Digest      string // of the layer, or of the referrer
	ClaimedType string // what its annotation says it is
	Reason      error

	envelope string // its digest; empty where there is none
}

// Examine reads what is attached to a subject and verifies each piece. Only
// reading fails; a piece that does not verify is a rejection with its reason.
func Examine(ctx context.Context, from Lister, s attest.Subject, trust verify.Trust) (Examination, error) {
	pieces, err := list(ctx, from, s)
	if err != nil {
		return Examination{}, err
	}
	return examine(pieces, func(p piece) (verify.Verified, error) { return p.verified(s, trust) })
}

// piece is one attached thing. What is in it is parsed once.
type piece struct {
	store.Entry
	envelope func() (attest.Envelope, error)
}

func newPiece(e store.Entry) piece { return piece{e, sync.OnceValues(e.Envelope)} }

// verified verifies what is in a piece.
func (p piece) verified(s attest.Subject, trust verify.Trust) (verify.Verified, error) {
	envelope, err := p.envelope()
	if err != nil {
		return verify.Verified{}, err
	}
	return verify.Verify(envelope, s, trust)
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
		if p.Unread {
			return Examination{}, p.Err // evidence that is there but was not read decides nothing
		}
		v, err := check(p)
		if err != nil {
			envelope, _ := p.envelope() // its error is this one
			out.Rejected = append(out.Rejected, Rejection{Digest: p.Digest, ClaimedType: p.ClaimedType, Reason: err, envelope: envelope.Digest()})
			continue
		}
		out.everything = append(out.everything, v)
	}
	out.Verified = distinct(out.everything)
	return out, nil
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
	fresh := Examination{Rejected: slices.Clone(e.Rejected), everything: e.everything}
	for _, v := range e.Verified {
		var reason error
		switch made := v.Time(); {
		case made.IsZero():
			reason = fmt.Errorf("nothing says when it was made, and max-age is %s", limit)
		case made.Sub(now) > skew:
			reason = fmt.Errorf("it says that it was made at %s, which is yet to come", made.UTC().Format(time.RFC3339))
		case now.Sub(made) > limit:
			reason = fmt.Errorf("it was made %s ago, and max-age is %s", now.Sub(made).Round(time.Second), limit)
		default:
			fresh.Verified = append(fresh.Verified, v)
			continue
		}
		fresh.Rejected = append(fresh.Rejected, Rejection{Digest: v.Envelope().Digest(), ClaimedType: v.PredicateType(), Reason: reason})
	}
	return fresh
}
