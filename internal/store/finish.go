package store

import (
	"context"
	"errors"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// finish waits until the registry lists what was written, and removes what gives
// way to it. With the referrers API nobody overwrites anybody, but two jobs of one
// signer that write at once can each remove the other's. So the list is read again
// after a removal: what is one's own must still be there, and of what others have
// written meanwhile the newest stays, and whoever sees it removes the rest.
func (w *referrerWriter) finish(ctx context.Context, old []rank) (Receipt, error) {
	var receipt Receipt
	for attempt := range attempts {
		list, err := w.list(ctx)
		if err != nil {
			return Receipt{}, explain(ctx, err)
		}
		listed := digestsIn(list.descriptors)
		if !containsAll(listed, w.digests()) {
			if err := w.restore(ctx, listed); err != nil {
				return Receipt{}, err
			}
			if err := pause(ctx, attempt); err != nil {
				return Receipt{}, err
			}
			continue
		}
		gone, err := w.round(ctx, list, old, receipt.Stale)
		if err != nil {
			return Receipt{}, err
		}
		receipt.Stale = append(receipt.Stale, w.removeAll(ctx, gone)...)
		if receipt.Superseded = w.lost; len(w.added) == 0 || w.wrote && len(gone) == 0 {
			return receipt, nil
		}
		w.wrote = true
	}
	return Receipt{}, errors.New("the registry took the bundles, but does not list them as referrers, or others kept removing them")
}

// round returns what is to be removed now: at first all that was there before, and
// from then on what is less than what is added, or added and less than another.
func (w *referrerWriter) round(ctx context.Context, listed referrerList, old []rank, stale []string) ([]string, error) {
	if w.wrote {
		var err error
		if old, err = w.giving(ctx, listed); err != nil {
			return nil, err
		}
		old = slices.DeleteFunc(old, func(r rank) bool { return slices.Contains(stale, r.name) })
	}
	gone, left := w.yield(old)
	return append(gone, left...), nil
}

// restore writes again what another job has removed; what is only not listed yet
// is there.
func (w *referrerWriter) restore(ctx context.Context, listed []string) error {
	for _, m := range w.added {
		digest := m.descriptor.Digest.String()
		if slices.Contains(listed, digest) {
			continue
		}
		raw, err := w.get(ctx, digest)
		if err == nil && raw == nil {
			w.wrote = true
			_, err = w.put(ctx, digest, types.OCIManifestSchema1, m.raw)
		}
		if err != nil {
			return explainWrite(ctx, FormatBundle, w.store.Location(w.subject), err)
		}
	}
	return nil
}
