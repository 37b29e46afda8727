package store_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmark-ci/hallmark/internal/store"
)

// hasty is another writer: it writes what it saw before, without another look, at
// the moment that a test chooses.
type hasty struct {
	place *place
	tag   name.Tag
	saw   *remote.Descriptor
	looks atomic.Int32 // of others at the tag
	wrote atomic.Int32
}

func (h *hasty) writes(t *testing.T) {
	t.Helper()
	h.wrote.Add(1)
	must(t, remote.Put(h.tag, h.saw, h.place.options...))
}

// Whoever overwrites a tag without having seen what is there makes this store
// write once more; in the end, all of it is there.
func TestOverwritten(t *testing.T) {
	for _, w := range ways() {
		for says, at := range map[string]func(h *hasty, writes int) bool{
			"between the looks":          func(h *hasty, writes int) bool { return writes == 0 && h.looks.Load() == 2 },
			"after the write":            func(h *hasty, writes int) bool { return writes == 1 && h.wrote.Load() == 0 },
			"again and again afterwards": func(h *hasty, writes int) bool { return writes == int(h.wrote.Load())+1 && writes <= 3 },
		} {
			t.Run(w.name+"/"+says, func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				world := p.world(w)
				s, other := p.signer(t), p.signer(t)
				theirs := other.signs(t, sbom, "theirs")
				world.attach(t, other.mine, theirs)
				h := p.hasty(t, w)
				world.attach(t, s.mine, s.signs(t, sbom, "old"))
				p.answer(func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/manifests/sha256-") {
						h.looks.Add(1)
						if at(h, p.count(http.MethodPut, "/manifests/sha256-")-int(h.wrote.Load())) {
							h.writes(t)
						}
					}
					return false
				})
				signed := s.signs(t, sbom, "new")
				world.attach(t, s.mine, signed)
				if h.wrote.Load() == 0 {
					t.Error("nobody overwrote anything")
				}
				p.answer(nil)
				world.holds(t, theirs, signed)
			})
		}
	}
}

// hasty returns a writer who has seen the tag of a store as it is now.
func (p *place) hasty(t *testing.T, w way) *hasty {
	t.Helper()
	h := &hasty{place: p, tag: p.fallbackTag()}
	var err error
	if w.open(p, nil).Format() == store.FormatAtt {
		h.tag, err = p.att().Location(p.subject)
		must(t, err)
	}
	h.saw, err = remote.Get(h.tag, p.options...)
	must(t, err)
	return h
}

// A set that is attached while the one before it is still watched, and replaces
// something that was there before both, is no sign of others at work: each is written
// once.
func TestOnesOwnNextSet(t *testing.T) {
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			p := newPlace(t)
			s := p.signer(t)
			world := p.world(w)
			before := s.signs(t, sbom, "kept")
			world.attach(t, s.mine, before, s.signs(t, vuln, "old"), s.signs(t, review, "old"))
			p.answer(nil) // counts anew
			own := p.unsettled(w)
			first, second := s.signs(t, vuln, "new"), s.signs(t, review, "new")
			var watched []*store.Watched
			for _, signed := range []store.Signed{first, second} {
				one, err := own.Attach(t.Context(), p.subject, []store.Signed{signed}, s.mine)
				must(t, err)
				watched = append(watched, one)
			}
			for _, one := range watched {
				receipt, err := one.Settle()
				must(t, err)
				if len(receipt.Superseded) > 0 {
					t.Errorf("superseded: %v", receipt.Superseded)
				}
			}
			world.holds(t, before, first, second)
			if n := p.count(http.MethodPut, "/manifests/sha256-"); n != 2 {
				t.Errorf("the tag was written %d times, want 2", n)
			}
		})
	}
}
