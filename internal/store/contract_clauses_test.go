package store_test

import (
	"bytes"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/store"
)

func nothingAttached(t *testing.T, w world) {
	if entries := w.entries(t); len(entries) != 0 {
		t.Errorf("entries %+v", entries)
	}
}

func nothingToAttach(t *testing.T, w world) {
	w.answer(nil)
	w.attach(t, w.signer(t).mine)
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		if n := w.count(method, ""); n != 0 {
			t.Errorf("%d requests %s", n, method)
		}
	}
}

func wholeSet(t *testing.T, w world) {
	s := w.signer(t)
	signed := []store.Signed{s.signs(t, sbom, "1"), s.signs(t, vuln, "2"), s.signs(t, review, "3"), s.signs(t, review, "4")}
	w.attach(t, s.mine, signed...)
	w.holds(t, signed...)
	for _, e := range w.entries(t) {
		envelope, err := e.Envelope()
		must(t, err)
		i := slices.Index(digestsOf(signed...), envelope.Digest())
		want, err := store.EntryOf(w.store.Format(), signed[i])
		must(t, err)
		if !bytes.Equal(e.Raw, want.Raw) || e.Size != want.Size || e.Format != want.Format || e.MediaType != want.MediaType ||
			e.ClaimedType != want.ClaimedType || e.Err != nil || e.Unread {
			t.Errorf("entry %+v, want %+v", e, want)
		}
	}
}

func ownGiveWay(t *testing.T, w world) {
	s, other := w.signer(t), w.signer(t)
	theirs := other.signs(t, sbom, "theirs")
	old := []store.Signed{s.signs(t, sbom, "old"), s.signs(t, vuln, "old"), s.signs(t, "https://spdx.dev/Document/v2.3", "old")}
	w.attach(t, s.mine, old...)
	w.attach(t, other.mine, theirs)

	fresh := []store.Signed{s.signs(t, sbom, "new"), s.signs(t, attest.TypeSPDX, "new")} // SPDX in its other spelling
	w.attach(t, s.mine, fresh...)
	w.holds(t, old[1], theirs, fresh[0], fresh[1])
}

func theSameAgain(t *testing.T, w world) {
	s := w.signer(t)
	signed := []store.Signed{s.signs(t, sbom, "1"), s.signs(t, vuln, "1")}
	w.attach(t, s.mine, signed...)
	w.attach(t, s.mine, signed...)
	w.holds(t, signed...)
	w.attach(t, nobodys, signed[0])
	w.holds(t, signed...)
}

func historyIsKept(t *testing.T, w world) {
	s := w.signer(t)
	first, second := s.signs(t, sbom, "1"), s.signs(t, sbom, "2")
	w.attach(t, nobodys, first)
	w.attach(t, nobodys, second)
	w.holds(t, first, second)
	third := s.signs(t, sbom, "3")
	w.attach(t, s.mine, third) // all of them give way
	w.holds(t, third)
}

func nobodys(attest.Envelope) bool { return false }

// What others attached stays as it is, whatever it is.
func othersAreKept(t *testing.T, w world) {
	s, other := w.signer(t), w.signer(t)
	theirs, lied := other.signs(t, sbom, "theirs"), other.signs(t, review, "says sbom")
	w.put(t, w.place,
		foreign{content: []byte("garbage"), claims: sbom},
		foreign{content: w.encode(t, theirs.Envelope), claims: sbom},
		foreign{content: []byte("small")},
		foreign{content: w.encode(t, lied.Envelope), claims: sbom},
		foreign{content: []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":""}]}`)},
	)
	before := w.entries(t)
	if len(before) != 5 {
		t.Fatalf("%d entries, want 5", len(before))
	}
	signed := s.signs(t, sbom, "ours")
	w.attach(t, s.mine, signed)

	ours, err := store.EntryOf(w.store.Format(), signed)
	must(t, err)
	after := slices.DeleteFunc(w.entries(t), func(e store.Entry) bool { return bytes.Equal(e.Raw, ours.Raw) })
	if !reflect.DeepEqual(after, before) {
		t.Errorf("entries %+v, were %+v", after, before)
	}
}

func proofComesBack(t *testing.T, w world) {
	s := w.signer(t)
	for says, material := range materials() {
		signed := s.signs(t, review, says)
		signed.Envelope = signed.Envelope.WithProof(attest.NewProof(material))
		w.attach(t, s.mine, signed)
		entries := w.entries(t)
		if len(entries) != 1 {
			t.Fatalf("%s: %d entries, want 1", says, len(entries))
		}
		envelope, err := entries[0].Envelope()
		must(t, err)
		if got := envelope.Proof().Material(); !sameMaterial(got, material) {
			t.Errorf("%s: it came back as %v, was %v", says, got, material)
		}
	}
}

// sameMaterial compares what vouches. The hint of a key that is empty says
// nothing.
func sameMaterial(a, b *protobundle.VerificationMaterial) bool {
	a, b = proto.CloneOf(a), proto.CloneOf(b)
	for _, m := range []**protobundle.VerificationMaterial{&a, &b} {
		if *m == nil {
			*m = &protobundle.VerificationMaterial{}
		}
		if m := *m; m.GetPublicKey() != nil && m.GetPublicKey().GetHint() == "" {
			m.Content = nil
		}
	}
	return proto.Equal(a, b)
}

// Writers who come at once may fail, but whoever was told of success is there.
func writersAtOnce(t *testing.T, w world) {
	const writers = 8
	signed := make([]store.Signed, writers)
	errs := make([]error, writers)
	var group sync.WaitGroup
	for i := range writers {
		s := w.signer(t)
		signed[i] = s.signs(t, sbom, "1")
		group.Go(func() {
			_, errs[i] = w.open(w.place, nil).Attach(t.Context(), w.subject, []store.Signed{signed[i]}, s.mine)
		})
	}
	group.Wait()

	present := w.attached(t)
	succeeded := 0
	for i, err := range errs {
		if err != nil {
			continue
		}
		succeeded++
		if !slices.Contains(present, signed[i].Envelope.Digest()) {
			t.Errorf("writer %d was told of success, but its attestation is not there", i)
		}
	}
	if succeeded == 0 {
		t.Errorf("nobody got through: %v", errs)
	}
}

func anotherRepository(t *testing.T, w world) {
	target, err := name.NewRepository(w.host + "/marks")
	must(t, err)
	elsewhere := w
	elsewhere.store = w.open(w.place, &target)
	s := w.signer(t)
	w.answer(nil)
	for _, says := range []string{"first", "second, which replaces it"} {
		signed := s.signs(t, sbom, says)
		elsewhere.attach(t, s.mine, signed)
		elsewhere.holds(t, signed)
	}
	if n := w.count(http.MethodPut, "/v2/team/app/") + w.count(http.MethodPost, "/v2/team/app/"); n != 0 {
		t.Errorf("%d writes to the image's own repository", n)
	}
	w.holds(t)
}
