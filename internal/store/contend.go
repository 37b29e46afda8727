package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Bounds of the wait between a write and the look at what became of it. Who
// looked at the tag before the write needs one request to overwrite it.
const (
	settleLeast = 200 * time.Millisecond
	settleMost  = 5 * time.Second
)

const (
	attempts = 40 // writes before a contended tag is given up
	tries    = 4  // of a write that the registry fails at
	looks    = 12 // at a tag that others keep changing, before it is left as it is
	quiet    = 2  // looks in a row that find a contended tag unchanged
)

// contended is what lies under a tag that several writers change. A registry
// offers no compare-and-swap on it.
type contended interface {
	// write puts what is added beside what is there, and returns the digests that
	// must be there from now on, and when it looked last. Not written means that
	// another writer was faster.
	write(ctx context.Context) (wanted []string, looked time.Time, written bool, err error)
	// look returns the digest of the manifest under the tag, and those it lists.
	look(ctx context.Context) (v1.Hash, []string, error)
}

// settle writes until what was added and what was there before stays. It ends
// when the writers who looked before it have written as well; a tag that others
// are seen to change is watched until it is left alone.
func settle(ctx context.Context, s attest.Subject, tag contended) error {
	busy, broken := false, 0
	for attempt := range attempts {
		wanted, looked, written, err := tag.write(ctx)
		if passing, ok := errors.AsType[passingError](err); ok && broken < tries {
			broken++ // what became of it, the next look tells
			err, written = nil, false
			if ctx.Err() != nil {
				err = passing.error
			}
		}
		if err != nil {
			return fmt.Errorf("attaching to %s: %w", s, err)
		}
		if written {
			stays, changed, err := watch(ctx, tag, wanted, 2*time.Since(looked), busy)
			if err != nil {
				return fmt.Errorf("reading back what was attached to %s: %w", s, err)
			}
			if stays {
				return nil
			}
			busy = busy || changed
		}
		busy = busy || !written
		if err := pause(ctx, attempt); err != nil {
			return fmt.Errorf("attaching to %s: %w", s, err)
		}
	}
	return fault.WithHint(fmt.Errorf("attaching to %s: other writers kept replacing the tag, %d attempts were lost", s, attempts),
		"attach from one job at a time, or run this one again")
}

// watch looks whether what is wanted stays. One look is enough for a tag that
// nobody else was seen to change.
func watch(ctx context.Context, tag contended, wanted []string, after time.Duration, busy bool) (stays, changed bool, err error) {
	gap := min(max(after, settleLeast), settleMost)
	var last v1.Hash
	unchanged := 0
	for range looks {
		if err := wait(ctx, gap); err != nil {
			return false, false, err
		}
		digest, present, err := tag.look(ctx)
		if err != nil {
			return false, false, err
		}
		if slices.ContainsFunc(wanted, func(w string) bool { return !slices.Contains(present, w) }) {
			return false, true, nil
		}
		if unchanged++; digest != last {
			changed = changed || last != v1.Hash{}
			unchanged = 1
		}
		last = digest
		if !busy && !changed || unchanged >= quiet {
			return true, changed, nil
		}
	}
	return true, changed, nil
}

// pause waits before another attempt, longer each time and by chance, so that
// writers who met once do not meet again.
func pause(ctx context.Context, attempt int) error {
	limit := min(100*time.Millisecond<<min(attempt, 5), 2*time.Second)
	return wait(ctx, limit/2+rand.N(limit)) //nolint:gosec // not a secret
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// passingError is the failure of a write that may have happened all the same, and
// that another attempt may not meet.
type passingError struct{ error }

// Unwrap returns the failure.
func (e passingError) Unwrap() error { return e.error }
