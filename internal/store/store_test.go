package store_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/store"
)

const (
	sbom   = attest.TypeCycloneDX
	vuln   = attest.TypeVuln
	review = "https://example.com/review/v1"
)

func TestAttWithReferrers(t *testing.T) {
	testStore(t, func(t *testing.T) *place { return newPlace(t, registry.WithReferrersSupport(true)) })
}

func TestAttWithoutReferrers(t *testing.T) {
	testStore(t, func(t *testing.T) *place { return newPlace(t) })
}

// testStore is what every store does, over the registries that newPlace gives.
func testStore(t *testing.T, newPlace func(t *testing.T) *place) {
	parts := []struct {
		name string
		test func(t *testing.T, p *place)
	}{
		{"a registry that fails is no empty list", failingRegistry},
		{"a push that is denied", deniedPush},
		{"a connection that drops half-way", droppedConnection},
		{"the end of the job", endOfJob},
		{"a layer that cannot be read", unreadableLayer},
		{"a layer without a bound", unboundedLayer},
		{"more than readers take", tooMany},
		{"nothing attached", nothingAttached},
		{"nothing to attach", nothingToAttach},
		{"all or nothing", oneWrite},
		{"own of the same type give way", ownGiveWay},
		{"others are kept as they are", othersAreKept},
		{"so are the annotations of others", annotationsAreKept},
		{"writers at once", writersAtOnce},
		{"another repository", anotherRepository},
		{"cosign reads it", cosignReads},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.test(t, newPlace(t))
		})
	}
}

func failingRegistry(t *testing.T, p *place) {
	s := p.signer(t)
	must(t, failure(p.store().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)))
	_, before := p.manifest(t)

	for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusForbidden, http.StatusTeapot} {
		p.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, ".att") {
				return false
			}
			w.WriteHeader(status)
			return true
		})
		entries, err := p.store().List(t.Context(), p.subject)
		refused(t, err, "reading "+p.host+"/team/app:sha256-"+p.subject.Hex()+".att")
		if entries != nil {
			t.Errorf("%d: %d entries beside the error", status, len(entries))
		}
		_, err = p.store().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, vuln, "1")}, s.mine)
		refused(t, err, "attaching to "+p.subject.String())
		if n := p.count(http.MethodPut, "/manifests/"); n != 0 {
			t.Errorf("%d: %d manifests were written over what could not be read", status, n)
		}
	}
	p.answer(nil)
	if _, after := p.manifest(t); after != before {
		t.Errorf("the tag changed from %s to %s", before, after)
	}
}

func deniedPush(t *testing.T, p *place) {
	s := p.signer(t)
	must(t, failure(p.store().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)))
	_, before := p.manifest(t)
	for _, denied := range []string{"/blobs/uploads/", "/manifests/"} {
		p.answer(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet || r.Method == http.MethodHead || !strings.Contains(r.URL.Path, denied) {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","message":"may not push"}]}`)
			return true
		})
		_, err := p.store().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "2")}, s.mine)
		refused(t, err, "attaching to "+p.subject.String(), "writing "+p.host, "the registry refuses access (403)")
		if hint := fault.HintOf(err); !strings.Contains(hint, "may pull but not push") {
			t.Errorf("hint %q", hint)
		}
	}
	p.answer(nil)
	if _, after := p.manifest(t); after != before {
		t.Errorf("the tag changed from %s to %s", before, after)
	}
}

func droppedConnection(t *testing.T, p *place) {
	s := p.signer(t)
	must(t, failure(p.store().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)))
	_, before := p.manifest(t)
	p.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch || r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/") {
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			panic(http.ErrAbortHandler)
		}
		return false
	})
	signed := []store.Signed{s.signs(t, vuln, "2"), s.signs(t, sbom, strings.Repeat("large ", 200_000))}
	_, err := p.store().Attach(t.Context(), p.subject, signed, s.mine)
	refused(t, err, "attaching to "+p.subject.String(), "writing "+p.host)
	if n := p.count(http.MethodPut, "/manifests/"); n != 0 {
		t.Errorf("%d manifests were written", n)
	}
	p.answer(nil)
	if _, after := p.manifest(t); after != before {
		t.Errorf("the tag changed from %s to %s", before, after)
	}
}

func endOfJob(t *testing.T, p *place) {
	s := p.signer(t)
	for _, at := range []string{"/manifests/sha256-", "/blobs/uploads/"} {
		ctx, stop := context.WithCancelCause(t.Context())
		p.answer(func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.Contains(r.URL.Path, at) {
				stop(errors.New("interrupted by a signal"))
			}
			return false
		})
		_, err := p.store().Attach(ctx, p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)
		refused(t, err, "attaching to "+p.subject.String(), "interrupted by a signal")
		if n := p.count(http.MethodPut, "/manifests/"); n != 0 {
			t.Errorf("%d manifests were written after the end", n)
		}
	}
	p.answer(nil)
	if _, tag := p.manifest(t); tag != "" {
		t.Errorf("the tag is there: %s", tag)
	}
}

// Evidence that is there but cannot be read is told, and never overwritten: it
// may be this signer's own.
func unreadableLayer(t *testing.T, p *place) {
	s, other := p.signer(t), p.signer(t)
	readable := other.signs(t, review, "readable")
	p.put(t,
		foreign{content: []byte("gone"), annotations: map[string]string{"predicateType": sbom}, missing: true},
		foreign{content: readable.Envelope.Raw()},
	)
	_, before := p.manifest(t)

	entries, err := p.store().List(t.Context(), p.subject)
	must(t, err)
	if len(entries) != 2 || !entries[0].Unread || entries[0].Err == nil || entries[0].ClaimedType != sbom {
		t.Fatalf("entries %+v", entries)
	}
	if entries[1].Err != nil || string(entries[1].Raw) != string(readable.Envelope.Raw()) {
		t.Errorf("the readable entry: %+v", entries[1])
	}
	_, err = p.store().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)
	refused(t, err, "attaching to "+p.subject.String(), "reading the layer "+entries[0].Digest)
	// All of it may be evidence of others, so nobody is told to delete the tag.
	if hint := fault.HintOf(err); !strings.Contains(hint, "this layer of "+p.host) || strings.Contains(hint, "delete") {
		t.Errorf("hint %q", hint)
	}
	if _, after := p.manifest(t); after != before {
		t.Errorf("the tag changed from %s to %s", before, after)
	}
}

// A size of -1 turns the checks of the registry client off.
func unboundedLayer(t *testing.T, p *place) {
	s, other := p.signer(t), p.signer(t)
	theirs := other.signs(t, sbom, "theirs").Envelope.Raw()
	layers := []foreign{{content: theirs, size: -1}, {content: []byte("other"), size: -1 << 40}, {content: theirs[:10]}}
	// The first layer again: the client takes the size that it met first.
	p.put(t, append(slices.Clone(layers), foreign{content: theirs, size: 10})...)

	p.answer(nil)
	entries, err := p.store().List(t.Context(), p.subject)
	must(t, err)
	refused(t, entries[0].Err, "it has -1 bytes")
	refused(t, entries[1].Err, "it has -1099511627776 bytes")
	refused(t, entries[3].Err, "it has other than 10 bytes")
	if entries[0].Raw != nil || entries[0].Unread || entries[1].Unread || string(entries[2].Raw) != string(theirs[:10]) || entries[3].Raw != nil {
		t.Errorf("entries %+v", entries)
	}
	if n := p.count(http.MethodGet, "/blobs/"); n != 2 {
		t.Errorf("%d layers were asked for, want 2", n)
	}

	p.put(t, layers...)
	before, _ := p.manifest(t)
	signed := s.signs(t, sbom, "ours")
	must(t, failure(p.store().Attach(t.Context(), p.subject, []store.Signed{signed}, s.mine)))
	after, _ := p.manifest(t)
	if len(after) != len(before)+1 || !reflect.DeepEqual(after[:len(before)], before) {
		t.Errorf("layers %+v, were %+v", after, before)
	}
}

// Readers refuse the whole tag where it has over 1,000 layers.
func tooMany(t *testing.T, p *place) {
	s := p.signer(t)
	own := s.signs(t, review, "old")
	unread := foreign{content: []byte("theirs"), size: 200 << 20, missing: true} // too large to be asked for
	layers := slices.Repeat([]foreign{unread}, 998)
	p.put(t, append(layers, foreign{content: own.Envelope.Raw()})...)
	_, before := p.manifest(t)

	p.answer(nil)
	_, err := p.store().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1"), s.signs(t, vuln, "1")}, s.mine)
	refused(t, err, "attaching to "+p.subject.String()+": "+p.host, "would have 1001 attestations, and readers take 1000")
	if !strings.Contains(fault.HintOf(err), "hallmark inspect") {
		t.Errorf("hint %q", fault.HintOf(err))
	}
	if _, after := p.manifest(t); after != before {
		t.Errorf("the tag changed from %s to %s", before, after)
	}

	// One of them gives way, so there is room.
	must(t, failure(p.store().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, "1"), s.signs(t, review, "new")}, s.mine)))
	if after, _ := p.manifest(t); len(after) != 1000 {
		t.Errorf("%d layers, want 1000", len(after))
	}
}

func nothingAttached(t *testing.T, p *place) {
	entries, err := p.store().List(t.Context(), p.subject)
	if err != nil || len(entries) != 0 {
		t.Errorf("%d entries, error %v", len(entries), err)
	}
}

func nothingToAttach(t *testing.T, p *place) {
	must(t, failure(p.store().Attach(t.Context(), p.subject, nil, p.signer(t).mine)))
	if _, tag := p.manifest(t); tag != "" {
		t.Errorf("an empty tag was written: %s", tag)
	}
}

func oneWrite(t *testing.T, p *place) {
	s := p.signer(t)
	signed := []store.Signed{s.signs(t, sbom, "1"), s.signs(t, vuln, "2"), s.signs(t, review, "3"), s.signs(t, review, "4")}
	p.answer(nil)
	must(t, failure(p.store().Attach(t.Context(), p.subject, signed, s.mine)))
	if n := p.count(http.MethodPut, "/manifests/"); n != 1 {
		t.Errorf("%d manifests were written, want 1", n)
	}
	entries, err := p.store().List(t.Context(), p.subject)
	must(t, err)
	if len(entries) != len(signed) {
		t.Fatalf("%d entries, want %d", len(entries), len(signed))
	}
	for i, e := range entries {
		want := store.Entry{
			Format: store.FormatAtt, Digest: signed[i].Envelope.Digest(), Size: int64(len(signed[i].Envelope.Raw())),
			MediaType: string(dsseMediaType), ClaimedType: signed[i].PredicateType, Raw: signed[i].Envelope.Raw(),
		}
		if !reflect.DeepEqual(e, want) {
			t.Errorf("entry %d: %+v, want %+v", i, e, want)
		}
	}
}

func ownGiveWay(t *testing.T, p *place) {
	s, other := p.signer(t), p.signer(t)
	theirs := other.signs(t, sbom, "theirs")
	old := []store.Signed{s.signs(t, sbom, "old"), s.signs(t, vuln, "old"), s.signs(t, "https://spdx.dev/Document/v2.3", "old")}
	must(t, failure(p.store().Attach(t.Context(), p.subject, old, s.mine)))
	must(t, failure(p.store().Attach(t.Context(), p.subject, []store.Signed{theirs}, other.mine)))

	fresh := []store.Signed{s.signs(t, sbom, "new"), s.signs(t, attest.TypeSPDX, "new")} // SPDX in its other spelling
	must(t, failure(p.store().Attach(t.Context(), p.subject, fresh, s.mine)))

	layers, _ := p.manifest(t)
	if got, want := digestsUnder(layers), digestsOf(old[1], theirs, fresh[0], fresh[1]); !slices.Equal(got, want) {
		t.Errorf("layers %v, want %v", got, want)
	}
	// The very same envelope again changes nothing.
	must(t, failure(p.store().Attach(t.Context(), p.subject, fresh, func(attest.Envelope) bool { return false })))
	layers, _ = p.manifest(t)
	if got, want := digestsUnder(layers), digestsOf(old[1], theirs, fresh[0], fresh[1]); !slices.Equal(got, want) {
		t.Errorf("after the same again: layers %v, want %v", got, want)
	}
}

func othersAreKept(t *testing.T, p *place) {
	s, other := p.signer(t), p.signer(t)
	theirs, lied := other.signs(t, sbom, "theirs"), other.signs(t, review, "says sbom")
	cosigns := map[string]string{"dev.cosignproject.cosign/signature": "", "predicateType": sbom, "dev.sigstore.cosign/bundle": `{"a":1}`}
	p.put(t,
		foreign{content: []byte("garbage"), annotations: map[string]string{"predicateType": sbom}},
		foreign{content: theirs.Envelope.Raw(), annotations: cosigns},
		foreign{content: theirs.Envelope.Raw(), annotations: cosigns}, // cosign writes the same twice
		foreign{content: []byte("huge"), size: 200 << 20},
		foreign{content: lied.Envelope.Raw(), annotations: map[string]string{"predicateType": sbom, "note": "kept"}},
		foreign{content: []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":""}]}`)},
	)
	before, _ := p.manifest(t)
	entries, err := p.store().List(t.Context(), p.subject)
	must(t, err)
	for i, e := range entries {
		if e.Unread || (e.Err != nil) != (i == 3) {
			t.Errorf("entry %d: error %v, unread %v", i, e.Err, e.Unread)
		}
	}
	refused(t, entries[3].Err, "it has 209715200 bytes, the limit is 134217728 (128 MiB)")

	signed := s.signs(t, sbom, "ours")
	must(t, failure(p.store().Attach(t.Context(), p.subject, []store.Signed{signed}, s.mine)))
	after, _ := p.manifest(t)
	if len(after) != len(before)+1 {
		t.Fatalf("%d layers, want %d", len(after), len(before)+1)
	}
	for i := range before {
		if !reflect.DeepEqual(after[i], before[i]) {
			t.Errorf("layer %d became %+v, was %+v", i, after[i], before[i])
		}
	}
	if after[len(before)].Digest.String() != signed.Envelope.Digest() {
		t.Errorf("the last layer is %s", after[len(before)].Digest)
	}
}

func annotationsAreKept(t *testing.T, p *place) {
	s := p.signer(t)
	theirs := map[string]string{"org.opencontainers.image.created": "2026-11-22T12:00:00Z", "com.example.keep": "<&>"}
	p.putAnnotated(t, theirs, foreign{content: []byte("theirs")})
	for _, says := range []string{"first", "second, which replaces it"} {
		must(t, failure(p.store().Attach(t.Context(), p.subject, []store.Signed{s.signs(t, sbom, says)}, s.mine)))
		m, _ := p.whole(t)
		if !maps.Equal(m.Annotations, theirs) || len(m.Layers) != 2 {
			t.Errorf("%s: annotations %v and %d layers, want %v and 2", says, m.Annotations, len(m.Layers), theirs)
		}
	}
}

// Writers who come at once may fail, but whoever was told of success is there.
func writersAtOnce(t *testing.T, p *place) {
	const writers = 8
	signed := make([]store.Signed, writers)
	errs := make([]error, writers)
	var group sync.WaitGroup
	for i := range writers {
		s := p.signer(t)
		signed[i] = s.signs(t, sbom, "1")
		group.Go(func() {
			_, errs[i] = p.store().Attach(t.Context(), p.subject, []store.Signed{signed[i]}, s.mine)
		})
	}
	group.Wait()

	layers, _ := p.manifest(t)
	present := digestsUnder(layers)
	succeeded := 0
	for i, err := range errs {
		if err == nil {
			succeeded++
			if !slices.Contains(present, signed[i].Envelope.Digest()) {
				t.Errorf("writer %d was told of success, but its attestation is not there", i)
			}
		}
	}
	if succeeded == 0 {
		t.Errorf("nobody got through: %v", errs)
	}
}

func anotherRepository(t *testing.T, p *place) {
	target, err := name.NewRepository(p.host + "/marks")
	must(t, err)
	elsewhere := store.NewAtt(p.options, &target)
	s := p.signer(t)
	signed := s.signs(t, sbom, "1")
	p.answer(nil)
	must(t, failure(elsewhere.Attach(t.Context(), p.subject, []store.Signed{signed}, s.mine)))

	tag, err := elsewhere.Location(p.subject)
	must(t, err)
	if want := p.host + "/marks:sha256-" + p.subject.Hex() + ".att"; tag.String() != want {
		t.Errorf("attached to %s, want %s", tag, want)
	}
	if n := p.count(http.MethodPut, "/v2/team/app/") + p.count(http.MethodPost, "/v2/team/app/"); n != 0 {
		t.Errorf("%d writes to the image's own repository", n)
	}
	entries, err := elsewhere.List(t.Context(), p.subject)
	must(t, err)
	if len(entries) != 1 || entries[0].Digest != signed.Envelope.Digest() {
		t.Errorf("entries %+v", entries)
	}
}

func cosignReads(t *testing.T, p *place) {
	s := p.signer(t)
	signed := []store.Signed{s.signs(t, sbom, "1"), s.signs(t, vuln, "2")}
	must(t, failure(p.store().Attach(t.Context(), p.subject, signed, s.mine)))

	verifier, err := signature.LoadVerifier(s.key.Public(), crypto.SHA256)
	must(t, err)
	found, _, err := cosign.VerifyImageAttestations(t.Context(), p.subject.Digest(), &cosign.CheckOpts{
		SigVerifier: verifier, IgnoreTlog: true, ClaimVerifier: cosign.IntotoSubjectClaimVerifier,
		RegistryClientOpts: []ociremote.Option{ociremote.WithRemoteOptions(p.options...)},
	})
	must(t, err)
	if len(found) != len(signed) {
		t.Fatalf("cosign verified %d attestations, want %d", len(found), len(signed))
	}
	for i, f := range found {
		payload, err := f.Payload()
		must(t, err)
		annotations, err := f.Annotations()
		must(t, err)
		if string(payload) != string(signed[i].Envelope.Raw()) || annotations["predicateType"] != signed[i].PredicateType {
			t.Errorf("cosign read %s with %v", payload, annotations)
		}
	}
}
