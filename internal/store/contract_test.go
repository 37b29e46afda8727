package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/store"
)

const (
	sbom   = attest.TypeCycloneDX
	vuln   = attest.TypeVuln
	review = "https://example.com/review/v1"
)

// kept is what the contract is about.
type kept interface {
	Format() store.Format
	List(ctx context.Context, s attest.Subject) ([]store.Entry, error)
	Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (store.Receipt, error)
}

// way is one of the stores as the contract sees it.
type way struct {
	name string
	open func(p *place, target *name.Repository) kept
	// put attaches things as another tool may do it, each beside the others.
	put func(t *testing.T, p *place, things ...foreign)
	// encode gives the bytes that the store keeps of an envelope.
	encode func(t *testing.T, e attest.Envelope) []byte
}

func ways() []way {
	return []way{
		{
			name: "att",
			open: func(p *place, target *name.Repository) kept {
				return settledAtt{store.NewAtt(p.access.RemoteOptions(), target)}
			},
			put:    func(t *testing.T, p *place, things ...foreign) { t.Helper(); p.putLayers(t, nil, things...) },
			encode: func(_ *testing.T, e attest.Envelope) []byte { return e.Raw() },
		},
		{
			name: "bundle",
			open: func(p *place, target *name.Repository) kept {
				return settledBundles{store.NewBundles(p.access, target)}
			},
			put: func(t *testing.T, p *place, things ...foreign) { t.Helper(); p.putReferrers(t, things...) },
			encode: func(t *testing.T, e attest.Envelope) []byte {
				t.Helper()
				raw, err := e.EncodeBundle()
				must(t, err)
				return raw
			},
		},
	}
}

// world is a registry with an image in it, and a store over it.
type world struct {
	*place
	way
	store kept
}

// TestContract is what every store does over every registry. Whoever adds a
// store adds it to ways.
func TestContract(t *testing.T) {
	registries := []struct {
		name    string
		options []registry.Option
	}{
		{"with the referrers API", []registry.Option{registry.WithReferrersSupport(true)}},
		{"without", nil},
	}
	for _, w := range ways() {
		for _, r := range registries {
			for _, clause := range contract() {
				t.Run(w.name+"/"+r.name+"/"+clause.says, func(t *testing.T) {
					t.Parallel()
					p := newPlace(t, r.options...)
					clause.test(t, world{place: p, way: w, store: w.open(p, nil)})
				})
			}
		}
	}
}

type clause struct {
	says string
	test func(t *testing.T, w world)
}

func contract() []clause {
	return slices.Concat(failures(), hostilities(), []clause{
		{"nothing attached is an empty list", nothingAttached},
		{"nothing to attach writes nothing", nothingToAttach},
		{"a whole set is there", wholeSet},
		{"own of the same type give way, others are kept", ownGiveWay},
		{"the same again changes nothing", theSameAgain},
		{"history is kept where nothing is mine", historyIsKept},
		{"others are kept as they are", othersAreKept},
		{"what vouches for a signature comes back", proofComesBack},
		{"writers at once", writersAtOnce},
		{"one signer's writers at once", oneSignersWriters},
		{"what is newer is not written over twice", newerIsLeft},
		{"a write that is refused for a moment is still the first", refusedOnce},
		{"another repository", anotherRepository},
	})
}

// attach is Attach that must succeed.
func (w world) attach(t *testing.T, mine func(attest.Envelope) bool, signed ...store.Signed) {
	t.Helper()
	receipt, err := w.store.Attach(t.Context(), w.subject, signed, mine)
	must(t, err)
	if len(receipt.Stale) > 0 {
		t.Errorf("stale: %v", receipt.Stale)
	}
}

// entries lists what is there, sorted by digest: registries list referrers in
// any order.
func (w world) entries(t *testing.T) []store.Entry {
	t.Helper()
	entries, err := w.store.List(t.Context(), w.subject)
	must(t, err)
	slices.SortStableFunc(entries, func(a, b store.Entry) int { return strings.Compare(a.Digest, b.Digest) })
	return entries
}

// attached returns the digests of the envelopes that are there, sorted.
func (w world) attached(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, e := range w.entries(t) {
		envelope, err := e.Envelope()
		must(t, err)
		out = append(out, envelope.Digest())
	}
	slices.Sort(out)
	return out
}

// holds fails the test unless these are attached, and nothing else.
func (w world) holds(t *testing.T, signed ...store.Signed) {
	t.Helper()
	want := digestsOf(signed...)
	slices.Sort(want)
	if got := w.attached(t); !slices.Equal(got, want) {
		t.Errorf("attached %v, want %v", got, want)
	}
}
