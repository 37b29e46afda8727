package store_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// scanned returns the attestation of a scan that ended in a minute.
func (s signer) scanned(t testing.TB, minute int, says string) store.Signed {
	t.Helper()
	body := fmt.Sprintf(`{"says":%q,"metadata":{"scanFinishedOn":"2026-11-02T10:%02d:00Z"}}`, says, minute)
	envelope, err := s.key.Sign(t.Context(), attest.NewStatement(s.subject, attest.Predicate{Type: vuln, Body: []byte(body)}))
	must(t, err)
	return store.Signed{PredicateType: vuln, Envelope: envelope}
}

// Jobs of one signer that attach the same types at once all succeed, and leave one
// attestation of each type: that of a job that was not told otherwise.
func oneSignersWriters(t *testing.T, w world) {
	const writers = 8
	s := w.signer(t)
	sets := make([][]store.Signed, writers)
	receipts := make([]store.Receipt, writers)
	var group sync.WaitGroup
	for i := range writers {
		sets[i] = []store.Signed{s.signs(t, sbom, fmt.Sprint(i)), s.scanned(t, i%4, fmt.Sprint(i)), s.signs(t, fmt.Sprint("https://example.com/", i), "own")}
		group.Go(func() {
			var err error
			if receipts[i], err = w.open(w.place, nil).Attach(t.Context(), w.subject, sets[i], s.mine); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	group.Wait()

	present := w.attached(t)
	if len(present) != writers+2 {
		t.Errorf("%d are attached, want one of each of %d types", len(present), writers+2)
	}
	for _, of := range []int{0, 1} {
		there := 0
		for i, set := range sets {
			if !slices.Contains(present, set[of].Envelope.Digest()) {
				continue
			}
			there++
			if slices.Contains(receipts[i].Superseded, set[of].PredicateType) {
				t.Errorf("writer %d was told that its %s is superseded, and it is there", i, set[of].PredicateType)
			}
		}
		if there != 1 {
			t.Errorf("%d of type %s are there, want 1", there, sets[0][of].PredicateType)
		}
	}
	for i, set := range sets {
		if !slices.Contains(present, set[2].Envelope.Digest()) || slices.Contains(receipts[i].Superseded, set[2].PredicateType) {
			t.Errorf("writer %d: what nobody else writes is not there, or said to be superseded", i)
		}
	}
}

// visible is the path whose writing makes visible what is attached.
func (w world) visible(t *testing.T) string {
	t.Helper()
	answer, err := http.Get("http://" + w.host + "/v2/team/app/referrers/" + w.subject.Digest().DigestStr())
	must(t, err)
	must(t, answer.Body.Close())
	if w.store.Format() == store.FormatBundle && answer.StatusCode == http.StatusOK {
		return "/manifests/sha256:"
	}
	return "/manifests/sha256-"
}

// A first write that the registry refuses for a moment stays the first: what an
// earlier run has left is replaced all the same. Without a time in the statements
// the digests would decide, so that each of several is tried.
func refusedOnce(t *testing.T, w world) {
	visible, s := w.visible(t), w.signer(t)
	w.attach(t, s.mine, s.signs(t, sbom, "first"))
	for i := range 4 {
		var refused atomic.Bool
		w.answer(func(answer http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodPut || !strings.Contains(r.URL.Path, visible) || !refused.CompareAndSwap(false, true) {
				return false
			}
			answer.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		next := s.signs(t, sbom, fmt.Sprint(i))
		receipt, err := w.store.Attach(t.Context(), w.subject, []store.Signed{next}, s.mine)
		must(t, err)
		if len(receipt.Superseded) > 0 || !refused.Load() {
			t.Errorf("superseded: %v, refused: %v", receipt.Superseded, refused.Load())
		}
		w.answer(nil)
		w.holds(t, next)
	}
}

// Another job of the signer that attaches a newer one meanwhile is not written
// over; one that attaches an older one is.
func newerIsLeft(t *testing.T, w world) {
	visible := w.visible(t)
	for says, minute := range map[string]int{"newer": 59, "older": 1} {
		s := w.signer(t)
		rival, ours, other := s.scanned(t, minute, "theirs"), s.scanned(t, 30, "ours"), s.signs(t, review, "ours")
		var begun atomic.Bool
		w.answer(func(_ http.ResponseWriter, r *http.Request) bool {
			if written := w.count(http.MethodPut, visible); r.Method == http.MethodGet && written > 0 && strings.Contains(r.URL.Path, "/sha256") && begun.CompareAndSwap(false, true) {
				if _, err := w.open(w.place, nil).Attach(t.Context(), w.subject, []store.Signed{rival}, s.mine); err != nil {
					t.Error(err)
				}
			}
			return false
		})
		receipt, err := w.store.Attach(t.Context(), w.subject, []store.Signed{ours, other}, s.mine)
		must(t, err)
		present := w.attached(t)
		if !slices.Contains(present, other.Envelope.Digest()) {
			t.Errorf("%s: what has no rival is not there", says)
		}
		if superseded := slices.Contains(receipt.Superseded, vuln); superseded != (says == "newer") {
			t.Errorf("%s: superseded: %v", says, receipt.Superseded)
		}
		for _, one := range []struct {
			signed store.Signed
			there  bool
		}{{rival, says == "newer"}, {ours, says == "older"}} {
			if slices.Contains(present, one.signed.Envelope.Digest()) != one.there {
				t.Errorf("%s: attached are %v, ours is %s, theirs %s", says, present, ours.Envelope.Digest(), rival.Envelope.Digest())
			}
		}
	}
}
