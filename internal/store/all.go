package store

import (
	"context"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// All reads several stores as one.
type All []interface {
	List(ctx context.Context, s attest.Subject) ([]Entry, error)
}

// List returns what is attached to a subject in any of the stores. If one of
// them cannot be read, nothing is known.
func (a All) List(ctx context.Context, s attest.Subject) ([]Entry, error) {
	var all []Entry
	for _, one := range a {
		entries, err := one.List(ctx, s)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}
