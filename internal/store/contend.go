package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
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
	added  []string      // those of them that were not there before
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

// settling is a write under a contended tag until it stays.
type settling struct {
	subject attest.Subject
	tag     contended
	own     *writes
	last    *writing // nil: none was done yet
	busy    bool     // others are seen to write
	broken  int      // writes of which nobody knows what became of them
	attempt int
}

// settle writes once, and goes on by itself until what was added and what was there
// before stays. superseded is asked at the end.
func settle(ctx context.Context, s attest.Subject, tag contended, own *writes, superseded func() []string) (*Watched, error) {
	p := &settling{subject: s, tag: tag, own: own}
	if err := p.write(ctx); err != nil {
		return nil, err
	}
	w := &Watched{ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.err = p.stay(ctx)
		w.receipt.Superseded = superseded()
	}()
	return w, nil
}

// write ends when a write was done. It may still be overwritten.
func (p *settling) write(ctx context.Context) error {
	for ; p.attempt < attempts; p.attempt++ {
		if p.attempt > 0 {
			if err := pause(ctx, p.attempt-1); err != nil {
				return fmt.Errorf("attaching to %s: %w", p.subject, err)
			}
		}
		done, err := p.tag.write(ctx)
		if passing, ok := errors.AsType[passingError](err); ok && p.broken < tries {
			p.broken++ // what became of it, the next look tells
			err, done = nil, nil
			if ctx.Err() != nil {
				err = passing.error
			}
		}
		if err != nil {
			return fmt.Errorf("attaching to %s: %w", p.subject, err)
		}
		if done != nil {
			p.last = done
			p.attempt++
			return nil
		}
		p.busy = true
	}
	return fault.WithHint(fmt.Errorf("attaching to %s: other writers kept replacing the tag, %d attempts were lost", p.subject, attempts),
		"attach from one job at a time, or run this one again")
}

// stay ends when the writers who looked before the last write must have written as
// well; where others are seen to write, they are given more time. What is lost is
// written again.
func (p *settling) stay(ctx context.Context) error {
	for !p.last.over {
		stays, err := p.watch(ctx)
		if err != nil {
			return fmt.Errorf("reading back what was attached to %s: %w", p.subject, err)
		}
		if stays {
			return nil
		}
		p.busy = true
		if err := p.write(ctx); err != nil {
			return err
		}
	}
	return nil
}

// watch looks whether what is wanted stays: at the end of the span, and before,
// to be early where it is lost. Who writes after having seen it keeps it.
func (p *settling) watch(ctx context.Context) (stays bool, err error) {
	busy, w := p.busy, *p.last
	start, span := time.Now(), w.span(busy)
	for gap := settleLeast; ; gap *= 2 {
		if err := wait(ctx, min(gap, span-time.Since(start))); err != nil {
			return false, err
		}
		ended := time.Since(start) >= span
		digest, present, err := p.tag.look(ctx)
		switch {
		case err != nil:
			return false, err
		case !containsAll(present, p.expected(digest)):
			return false, nil
		case !busy && !p.own.has(digest):
			busy, span = true, w.span(true)
		case ended:
			return true, nil
		}
	}
}

// writes are the digests of the manifests that one process wrote under tags of a
// store: who finds one of them knows that nobody else was at work.
type writes struct {
	mu      sync.Mutex
	digests map[v1.Hash]bool
}

func (w *writes) add(digest v1.Hash) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.digests == nil {
		w.digests = map[v1.Hash]bool{}
	}
	w.digests[digest] = true
}

func (w *writes) has(digest v1.Hash) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.digests[digest]
}

// Watched is a set that was written. Others who looked before it was may still
// overwrite it; that is watched for, and mended.
type Watched struct {
	ended   chan struct{}
	receipt Receipt
	err     error
}

// Settled returns a set of which nothing is left to be watched.
func Settled(receipt Receipt) *Watched {
	w := &Watched{ended: make(chan struct{}), receipt: receipt}
	close(w.ended)
	return w
}

// Settle waits for the end of the watch. Without an error, everything that was
// attached, and everything that was kept, is there to stay, but for what the receipt
// says to be superseded. It may be called again.
func (w *Watched) Settle() (Receipt, error) {
	<-w.ended
	return w.receipt, w.err
}

// expected returns what must be under the tag. A later write of one's own may have
// replaced what was there before this one, and watches for what it kept itself.
func (p *settling) expected(digest v1.Hash) []string {
	if digest != p.last.digest && p.own.has(digest) {
		return p.last.added
	}
	return p.last.wanted
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
