package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// inBoth lets a place keep attestations in both formats.
func (p *place) inBoth() {
	access := image.Access{UserAgent: "hallmark/test"}
	att, bundles := store.NewAtt(access.Connect().RemoteOptions(), nil), store.NewBundles(access.Connect(), nil)
	p.rooms.Stores = []pipeline.Store{att, bundles}
	p.rooms.Attached = store.All{att, bundles}
}

func TestAnUnchangedAttestationIsNotWrittenAgain(t *testing.T) {
	p := newPlace(t)
	first := p.attach(t, p.key, "approved")
	again := p.attach(t, p.key, "approved")
	if again.Envelope().Digest() != first.Envelope().Digest() {
		t.Error("it was signed again")
	}
	changed := p.attach(t, p.key, "refused")
	if changed.Envelope().Digest() == first.Envelope().Digest() || len(p.attached(t)) != 1 {
		t.Errorf("%d attached after a change", len(p.attached(t)))
	}
}

// Of two of a type, one has to give way, even if the other says what is said now.
func TestOneOfATypeStays(t *testing.T) {
	p := newPlace(t)
	job := p.reviewed(t, p.reference)
	job.Brought = append(job.Brought, reviewThat(t, "refused"))
	result, err := pipeline.Attest(t.Context(), job, p.rooms)
	must(t, err)
	if len(result.Attached) != 2 || len(p.attached(t)) != 2 {
		t.Errorf("%d attached of 2 of one type", len(result.Attached))
	}
	p.attach(t, p.key, "approved")
	if n := len(p.attached(t)); n != 1 {
		t.Errorf("%d attached, want the one that was attached last", n)
	}
}

func TestHistoryIsKept(t *testing.T) {
	p := newPlace(t)
	p.attach(t, p.key, "refused")
	job := p.reviewed(t, p.reference)
	job.History = true
	for range 2 {
		_, err := pipeline.Attest(t.Context(), job, p.rooms)
		must(t, err)
	}
	if n := len(p.attached(t)); n != 2 {
		t.Errorf("%d attached, want the old one and the new one", n)
	}
}

// What was attached in one format is attached in the other, too, once both are
// asked for; and it is one claim all the same.
func TestBothFormatsHoldTheCompleteSet(t *testing.T) {
	p := newPlace(t)
	p.attach(t, p.key, "approved")
	p.inBoth()
	job := p.reviewed(t, p.reference)
	job.Brought = []attest.Predicate{{Type: "https://example.com/other/v1", Body: []byte(`{"says":"so"}`)}}
	_, err := pipeline.Attest(t.Context(), job, p.rooms)
	must(t, err)

	s, err := p.rooms.Images.Resolve(t.Context(), p.reference)
	must(t, err)
	for _, one := range p.rooms.Stores {
		examined, err := pipeline.Examine(t.Context(), one, s, p.identity.Own)
		must(t, err)
		if len(examined.Verified) != 2 {
			t.Errorf("%s holds %v", one.Format(), typesOf(examined.Verified))
		}
		for _, v := range examined.Verified {
			if v.Statement().Type != one.StatementType() {
				t.Errorf("%s holds a statement of type %s", one.Format(), v.Statement().Type)
			}
		}
	}
	examined, err := pipeline.Examine(t.Context(), p.rooms.Attached, s, p.identity.Own)
	must(t, err)
	if len(examined.Verified) != 2 {
		t.Errorf("the formats together hold %v, want each claim once", typesOf(examined.Verified))
	}
}

// A run in one format renews what this signer has in the other: no reader is shown
// what is no longer said.
func TestTheOtherFormatDoesNotBecomeStale(t *testing.T) {
	p := newPlace(t)
	p.inBoth()
	p.attach(t, p.key, "approved")
	p.rooms.Stores, p.rooms.Elsewhere = p.rooms.Stores[:1], p.rooms.Stores[1:]
	p.attach(t, p.key, "refused")

	s, err := p.rooms.Images.Resolve(t.Context(), p.reference)
	must(t, err)
	examined, err := pipeline.Examine(t.Context(), p.rooms.Attached, s, p.identity.Own)
	must(t, err)
	if len(examined.Verified) != 1 {
		t.Errorf("%d claims of one type and signer", len(examined.Verified))
	}
	other := p.attach(t, newKey(t), "approved") // who has nothing there writes nothing there
	bundles, err := pipeline.Examine(t.Context(), p.rooms.Elsewhere[0], s, p.identity.Own)
	must(t, err)
	if len(bundles.Verified) != 1 || len(bundles.Rejected) != 0 {
		t.Errorf("after another signer's %s: %d bundles verified, %d not", other.PredicateType(), len(bundles.Verified), len(bundles.Rejected))
	}
}

// leavingBehind is a store whose registry keeps what gives way, and that takes one
// set and no more.
type leavingBehind struct {
	pipeline.Store
	sets int
}

func (l *leavingBehind) Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (*store.Watched, error) {
	if l.sets++; l.sets > 1 {
		return nil, errors.New("the registry is full")
	}
	_, err := l.Store.Attach(ctx, s, signed, mine)
	return store.Settled(store.Receipt{Stale: []string{"sha256:old"}}), err
}

// What is left behind, and what could not be completed, is told to whoever attests.
func TestWhatIsNotAsItShouldBeIsTold(t *testing.T) {
	p := newPlace(t)
	p.attach(t, p.key, "approved")
	p.inBoth()
	p.rooms.Stores[1] = &leavingBehind{Store: p.rooms.Stores[1]}
	job := p.reviewed(t, p.reference)
	job.Brought = []attest.Predicate{{Type: "https://example.com/other/v1", Body: []byte(`{"says":"so"}`)}}
	result, err := pipeline.Attest(t.Context(), job, p.rooms)
	must(t, err)
	notes := strings.Join(result.Notes, "; ")
	for _, want := range []string{
		"the earlier attestation sha256:old could not be removed",
		"readers of the format bundle do not see all that this signer attached earlier: the registry is full",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes %q do not say %q", notes, want)
		}
	}

	signed := p.rooms
	signed.Stores = []pipeline.Store{&leavingBehind{Store: p.rooms.Stores[1].(*leavingBehind).Store}}
	result, err = pipeline.Sign(t.Context(), p.reference, signed)
	must(t, err)
	if notes := strings.Join(result.Notes, "; "); !strings.Contains(notes, "sha256:old could not be removed") || result.Signed == "" {
		t.Errorf("signed by %q, notes %q", result.Signed, notes)
	}
}
