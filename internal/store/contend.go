package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Bounds of the time for which a tag is watched after a write, while nobody else
// is seen to write and otherwise.
const (
	settleLeast = 200 * time.Millisecond
	settleMost  = 5 * time.Second
	busyLeast   = 2 * time.Second
	busyMost    = 15 * time.Second
)

const (
	attempts = 40 // writes before a contended tag is given up
	tries    = 4  // of a write that the registry fails at
)

// contended is what lies under a tag that several writers change. A registry
// offers no compare-and-swap on it.
type contended interface {
	// write puts what is added beside what is there; nil means that another writer
	// was faster.
	write(ctx context.Context) (*writing, error)
	// look returns the digest of the manifest under the tag, and those it lists.
	look(ctx context.Context) (v1.Hash, []string, error)
}

// writing is a write that was done.
type writing struct {
	digest v1.Hash       // of the manifest
	wanted []string      // digests that it lists, and that must stay
	took   time.Duration // of the last look before it, and of itself
	over   bool          // nothing was left to be written
}

// replacing remembers whether this job's set was under a tag already, so that it is
// not the first that it writes.
type replacing struct {
	wrote bool     // and has to again: somebody else is at work
	over  *v1.Hash // what a write was to replace of which nobody knows whether it was done
}

// found tells what is under the tag now. What is still the same was not replaced.
func (r *replacing) found(digest v1.Hash) { r.wrote = r.wrote || r.over != nil && *r.over != digest }

// nothingLeft is the writing that is none: what others attached meanwhile is newer
// in all of it.
func nothingLeft(err error) (*writing, error) {
	if err != nil {
		return nil, err
	}
	return &writing{over: true}, nil
}

// span returns how long another writer who looked at the tag before this write
// may still take to overwrite it. One of ours needs the next request for that;
// cosign needs about ten, and one for each layer, four at a time. This one made
// two.
func (w writing) span(busy bool) time.Duration {
	longest := w.took / 2 * time.Duration(10+len(w.wanted)/4)
	if busy {
		return min(max(3*longest, busyLeast), busyMost)
	}
	return min(max(longest, settleLeast), settleMost)
}

// settle writes until what was added and what was there before stays. It ends
// when the writers who looked before it must have written as well; where others
// are seen to write, they are given more time.
func settle(ctx context.Context, s attest.Subject, tag contended) error {
	busy, broken := false, 0
	for attempt := range attempts {
		done, err := tag.write(ctx)
		if passing, ok := errors.AsType[passingError](err); ok && broken < tries {
			broken++ // what became of it, the next look tells
			err, done = nil, nil
			if ctx.Err() != nil {
				err = passing.error
			}
		}
		if err != nil {
			return fmt.Errorf("attaching to %s: %w", s, err)
		}
		if done != nil && done.over {
			return nil
		}
		if done != nil {
			stays, err := watch(ctx, tag, *done, busy)
			if err != nil {
				return fmt.Errorf("reading back what was attached to %s: %w", s, err)
			}
			if stays {
				return nil
			}
		}
		busy = true
		if err := pause(ctx, attempt); err != nil {
			return fmt.Errorf("attaching to %s: %w", s, err)
		}
	}
	return fault.WithHint(fmt.Errorf("attaching to %s: other writers kept replacing the tag, %d attempts were lost", s, attempts),
		"attach from one job at a time, or run this one again")
}

// watch looks whether what is wanted stays: at the end of the span, and before,
// to be early where it is lost. Who writes after having seen it keeps it.
func watch(ctx context.Context, tag contended, w writing, busy bool) (stays bool, err error) {
	start, span := time.Now(), w.span(busy)
	for gap := settleLeast; ; gap *= 2 {
		if err := wait(ctx, min(gap, span-time.Since(start))); err != nil {
			return false, err
		}
		ended := time.Since(start) >= span
		digest, present, err := tag.look(ctx)
		switch {
		case err != nil:
			return false, err
		case !containsAll(present, w.wanted):
			return false, nil
		case !busy && digest != w.digest:
			busy, span = true, w.span(true)
		case ended:
			return true, nil
		}
	}
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
