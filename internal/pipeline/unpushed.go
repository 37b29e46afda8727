package pipeline

import (
	"context"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// unpushed lists what the registry would hold if this run had pushed what it
// signed: an earlier attestation that a push would replace decides nothing.
type unpushed struct {
	Lister
	signed []store.Signed
	mine   func(attest.Envelope) bool
}

// List implements Lister.
func (u unpushed) List(ctx context.Context, s attest.Subject) ([]store.Entry, error) {
	entries, err := u.Lister.List(ctx, s)
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, store.Replaces(u.signed, u.mine))
	for _, own := range u.signed {
		entries = append(entries, store.Entry{
			Digest:      own.Envelope.Digest(),
			Size:        int64(len(own.Envelope.Raw())),
			ClaimedType: own.PredicateType,
			Raw:         own.Envelope.Raw(),
		})
	}
	return entries, nil
}
