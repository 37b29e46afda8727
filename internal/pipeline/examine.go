package pipeline

import (
	"context"
	"fmt"

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
	Verified []verify.Verified
	Rejected []Rejection
}

// Rejection is an attached thing that is not believed.
type Rejection struct {
	Digest      string // of the layer
	ClaimedType string // what its annotation says it is
	Reason      error
}

// Examine reads what is attached to a subject and verifies each piece. Only
// reading fails; a piece that does not verify is a rejection with its reason.
func Examine(ctx context.Context, from Lister, s attest.Subject, trust verify.Trust) (Examination, error) {
	entries, err := from.List(ctx, s)
	if err != nil {
		return Examination{}, err
	}
	if err := ctx.Err(); err != nil {
		return Examination{}, fmt.Errorf("reading what is attached to %s: %w", s, context.Cause(ctx))
	}
	var out Examination
	for _, e := range entries {
		if e.Unread {
			return Examination{}, e.Err // evidence that is there but was not read decides nothing
		}
		v, err := verifyEntry(e, s, trust)
		if err != nil {
			out.Rejected = append(out.Rejected, Rejection{Digest: e.Digest, ClaimedType: e.ClaimedType, Reason: err})
			continue
		}
		out.Verified = append(out.Verified, v)
	}
	return out, nil
}

func verifyEntry(e store.Entry, s attest.Subject, trust verify.Trust) (verify.Verified, error) {
	if e.Err != nil {
		return verify.Verified{}, e.Err
	}
	envelope, err := attest.ParseEnvelope(e.Raw)
	if err != nil {
		return verify.Verified{}, err
	}
	return verify.Verify(envelope, s, trust)
}
