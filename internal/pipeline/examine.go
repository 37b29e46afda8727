package pipeline

import (
	"context"
	"fmt"
	"slices"
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
	entries, err := list(ctx, from, s)
	if err != nil {
		return Examination{}, err
	}
	return examine(entries, func(e store.Entry) (verify.Verified, string, error) { return verified(e, s, trust) })
}

// verified verifies what is in an entry. It returns the digest of the envelope,
// too, where there is one.
func verified(e store.Entry, s attest.Subject, trust verify.Trust) (verify.Verified, string, error) {
	envelope, err := e.Envelope()
	if err != nil {
		return verify.Verified{}, "", err
	}
	v, err := verify.Verify(envelope, s, trust)
	return v, envelope.Digest(), err
}

// list reads what is attached.
func list(ctx context.Context, from Lister, s attest.Subject) ([]store.Entry, error) {
	entries, err := from.List(ctx, s)
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("reading what is attached to %s: %w", s, context.Cause(ctx))
	}
	return entries, err
}

// examine verifies each of what is attached with the given function.
func examine(entries []store.Entry, check func(store.Entry) (verify.Verified, string, error)) (Examination, error) {
	var out Examination
	for _, e := range entries {
		if e.Unread {
			return Examination{}, e.Err // evidence that is there but was not read decides nothing
		}
		v, envelope, err := check(e)
		if err != nil {
			out.Rejected = append(out.Rejected, Rejection{Digest: e.Digest, ClaimedType: e.ClaimedType, Reason: err, envelope: envelope})
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
	entries, err := list(ctx, from, r.result.Subject)
	if err != nil || len(entries) == 0 {
		return Examination{}, err
	}
	if err := r.identify(); err != nil {
		return Examination{}, err
	}
	return examine(entries, func(e store.Entry) (verify.Verified, string, error) { return r.verified(e, who) })
}

// believed is whom a run believes.
type believed string

const (
	everybody believed = "everybody" // the signer among them
	itself    believed = "itself"    // the signer alone
)

func (r *run) verified(e store.Entry, who believed) (verify.Verified, string, error) {
	for _, asked := range []believed{itself, who} { // what the signer itself said, everybody believes
		if v, ok := r.known[claim{asked, e.Identity()}]; ok {
			return v, v.Envelope().Digest(), nil
		}
	}
	trust := r.Trust()
	if who == itself {
		trust = r.Own
	}
	v, envelope, err := verified(e, r.result.Subject, trust)
	if err == nil {
		r.known[claim{who, e.Identity()}] = v
	}
	return v, envelope, err
}

// claim is an entry, by those who believe it.
type claim struct {
	who   believed
	entry string
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
