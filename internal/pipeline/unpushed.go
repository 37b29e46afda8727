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
	sets     []set
	replaces func(attest.Envelope) bool
}

// List implements Lister.
func (u unpushed) List(ctx context.Context, s attest.Subject) ([]store.Entry, error) {
	entries, err := u.Lister.List(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, one := range u.sets {
		gives := store.Replaces(one.signed, u.replaces)
		entries = slices.DeleteFunc(entries, func(e store.Entry) bool { return e.Format == one.store.Format() && gives(e) })
		for _, own := range one.signed {
			entry, err := store.EntryOf(one.store.Format(), own)
			if err != nil {
				return nil, err
			}
			entries = append(entries, entry)
		}
	}
	return entries, nil
}
