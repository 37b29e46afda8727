package pipeline_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// signedByBoth attaches a review that two keys signed in one envelope.
func (p *place) signedByBoth(t *testing.T, a, b sign.Key) {
	t.Helper()
	s, err := p.rooms.Images.Resolve(t.Context(), p.reference)
	must(t, err)
	statement := attest.NewStatement(s, reviewThat(t, "approved"))
	var both map[string]any
	for _, key := range []sign.Key{a, b} {
		e, err := key.Sign(t.Context(), statement)
		must(t, err)
		var one map[string]any
		must(t, json.Unmarshal(e.Raw(), &one))
		if both != nil {
			first, _ := both["signatures"].([]any)
			second, _ := one["signatures"].([]any)
			one["signatures"] = append(first, second...)
		}
		both = one
	}
	raw, err := json.Marshal(both)
	must(t, err)
	e, err := attest.ParseEnvelope(raw)
	must(t, err)
	watched, err := p.rooms.Stores[0].Attach(t.Context(), s, []store.Signed{{PredicateType: review, Envelope: e}}, func(attest.Envelope) bool { return false })
	must(t, err)
	_, err = watched.Settle()
	must(t, err)
}

// A second signature keeps nothing from giving way, whoever made it: an old
// attestation of this signer must not stay. If somebody who is believed made it, the
// run tells; with history, everything stays.
func TestWhatTwoSignedGivesWay(t *testing.T) {
	second := newKey(t)
	for name, c := range map[string]struct {
		believed, history bool
		left, notes       int
	}{
		"of a stranger":                    {left: 1},
		"of somebody believed":             {believed: true, left: 1, notes: 1},
		"of somebody believed, to be kept": {believed: true, history: true, left: 2},
	} {
		for _, order := range [][]int{{0, 1}, {1, 0}} {
			p := newPlace(t)
			keys := []sign.Key{p.key, second}
			p.signedByBoth(t, keys[order[0]], keys[order[1]])
			if c.believed {
				p.identity.Others = trustIn(t, second)
			}
			job := p.reviewed(t, p.reference)
			job.Brought, job.History = []attest.Predicate{reviewThat(t, "refused")}, c.history
			result, err := pipeline.Attest(t.Context(), job, p.rooms)
			must(t, err)
			if n := len(p.attached(t)); n != c.left {
				t.Errorf("%s: %d attached, want %d", name, n, c.left)
			}
			if notes := strings.Join(result.Notes, "; "); len(result.Notes) != c.notes || c.notes > 0 && !strings.Contains(notes, "had signed it, too") {
				t.Errorf("%s: notes %q", name, notes)
			}
		}
	}
}

// What says the same with a signature more is not unchanged: readers of certificates
// take one signature.
func TestASignatureMoreIsNotUnchanged(t *testing.T) {
	p := newPlace(t)
	p.signedByBoth(t, p.key, newKey(t))
	result, err := pipeline.Attest(t.Context(), p.reviewed(t, p.reference), p.rooms)
	must(t, err)
	if result.Unchanged != 0 || len(p.attached(t)) != 1 || result.Attached[0].Envelope().Signatures() != 1 {
		t.Errorf("%d unchanged, %d attached", result.Unchanged, len(p.attached(t)))
	}
}

// The signature of somebody else alone stays.
func TestWhatAnotherSignedStays(t *testing.T) {
	p := newPlace(t)
	other := newKey(t)
	p.signedByBoth(t, other, newKey(t))
	if _, err := pipeline.Attest(t.Context(), p.reviewed(t, p.reference), p.rooms); err != nil || len(p.attached(t)) != 2 {
		t.Errorf("%d attached, %v", len(p.attached(t)), err)
	}
}
