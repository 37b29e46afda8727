package store

import (
	"cmp"
	"context"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// All reads several stores as one.
type All []interface {
	Format() Format
	List(ctx context.Context, s attest.Subject) ([]Entry, error)
}

// List returns what is attached to a subject in any of the stores. One that cannot
// be read is an entry that says so: what that means is for those who need it.
func (a All) List(ctx context.Context, s attest.Subject) ([]Entry, error) {
	var all []Entry
	for _, one := range a {
		entries, err := one.List(ctx, s)
		if ctx.Err() != nil {
			return nil, cmp.Or(err, context.Cause(ctx))
		}
		if err != nil {
			place := attest.PlaceReferrers
			if one.Format() != FormatBundle {
				place = attest.PlaceAttTag
			}
			entries = []Entry{Entry{Format: one.Format()}.notRead(place, err)}
		}
		all = append(all, entries...)
	}
	return all, nil
}
