package pipeline

import (
	"context"
	"sync"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// attach gives each store its set. One after the other: what is superseded in one
// of them is not written to the next.
func (r *run) attach(ctx context.Context, sets []set) error {
	if !r.job.Push && r.result.Platform != "" {
		return nil // the index says so
	}
	if !r.job.Push {
		r.note("nothing was pushed: the attestations were signed and verified here only")
		return nil
	}
	end := r.stage("attach")
	attached := 0
	for i, s := range sets {
		if i > 0 {
			if _, err := r.settle(ctx); err != nil {
				end("", err)
				return err
			}
		}
		s = s.without(r.lost)
		sets[i] = s // of another job, that may not have come to this store yet
		watched, err := s.store.Attach(ctx, r.result.Subject, s.signed, r.replaces)
		if err != nil {
			end("", err)
			return err
		}
		r.watched = append(r.watched, watched)
		attached += len(s.signed)
	}
	r.result.Pushed = true
	end(plain.Count(attached, "attestation"), nil)
	return nil
}

// attachOnce attaches what no later write of this run is about, and waits until it
// stays.
func (r *run) attachOnce(ctx context.Context, to Store, signed []store.Signed, mine func(attest.Envelope) bool) (store.Receipt, error) {
	watched, err := to.Attach(ctx, r.result.Subject, signed, mine)
	if err != nil {
		return store.Receipt{}, err
	}
	return watched.Settle()
}

// settle waits until what was attached stays, and returns the types of which another
// job of this signer attached a newer one meanwhile.
func (r *run) settle(ctx context.Context) (lost []string, err error) {
	for _, w := range r.watched {
		receipt, err := w.Settle()
		if err != nil {
			return nil, err
		}
		r.noteStale(receipt)
		lost = append(lost, receipt.Superseded...)
	}
	r.watched, r.lost = nil, append(r.lost, lost...)
	return lost, ctx.Err()
}

// noteStale tells what gave way and is there all the same.
func (r *run) noteStale(receipt store.Receipt) {
	for _, digest := range receipt.Stale {
		r.note("the earlier attestation %s could not be removed from the registry, and any one can satisfy a policy in a cluster; remove it", digest)
	}
}

// replaces reports whether an attestation gives way to a new one of its type.
func (r *run) replaces(e attest.Envelope) bool { return !r.job.History && r.wrote(e) }

// wrote reports whether this run's signer signed an envelope about this image. Who
// else signed it does not matter: a signature can be added without any key, and an
// earlier scan must not stay because of one.
func (r *run) wrote(e attest.Envelope) bool {
	return r.authored.ask(e, func() bool {
		_, ok := r.Own.Wrote(e, r.result.Subject)
		return ok
	})
}

// authorship remembers which envelopes this run's signer wrote: each store asks
// about all of them at each write, from a goroutine of its own.
type authorship struct {
	mu    sync.Mutex
	known map[string]bool
}

func (a *authorship) ask(e attest.Envelope, wrote func() bool) bool {
	key := e.Digest() + string(e.Proof().Certificate())
	a.mu.Lock()
	answer, known := a.known[key]
	a.mu.Unlock()
	if known {
		return answer
	}
	answer = wrote()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]bool{}
	}
	a.known[key] = answer
	return answer
}

// believesItself reports whether this run's signer signed an envelope about this
// image, with all that is asked for to vouch for it.
func (r *run) believesItself(e attest.Envelope) bool {
	_, err := verify.Verify(e, r.result.Subject, r.Own)
	return err == nil
}
