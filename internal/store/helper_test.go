package store_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

const dsseMediaType = types.MediaType("application/vnd.dsse.envelope.v1+json")

// place is a registry with an image in it, whose answers a test may change.
type place struct {
	host    string
	subject attest.Subject
	image   v1.Descriptor
	access  *image.Connection
	options []remote.Option // of access

	mu       sync.Mutex
	instead  func(w http.ResponseWriter, r *http.Request) bool // true: answered
	requests []string                                          // method and path
}

// newPlace starts a registry on loopback and pushes an image to it.
func newPlace(t *testing.T, options ...registry.Option) *place {
	t.Helper()
	p := &place{access: image.Access{Backoff: image.Backoff{Attempts: 2, Delay: time.Millisecond}}.Connect()}
	p.options = p.access.RemoteOptions()
	inner := registry.New(append(options, registry.Logger(log.New(io.Discard, "", 0)))...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r.Method+" "+r.URL.Path)
		instead := p.instead
		p.mu.Unlock()
		if instead == nil || !instead(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	p.host = strings.TrimPrefix(server.URL, "http://")

	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	tag, err := name.NewTag(p.host + "/team/app:1")
	must(t, err)
	must(t, remote.Write(tag, img, p.options...))
	digest, err := img.Digest()
	must(t, err)
	described, err := partial.Descriptor(img)
	must(t, err)
	p.image = *described
	p.subject, err = attest.NewSubject(tag.Digest(digest.String()), tag.String())
	must(t, err)
	return p
}

// answer lets the registry answer in another way from now on; nil: as it does.
func (p *place) answer(instead func(w http.ResponseWriter, r *http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.instead, p.requests = instead, nil
}

// count returns the requests of a method, since the last call of answer, whose
// path has a part.
func (p *place) count(method, part string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, r := range p.requests {
		if strings.HasPrefix(r, method+" ") && strings.Contains(r, part) {
			n++
		}
	}
	return n
}

func (p *place) att() settledAtt { return settledAtt{store.NewAtt(p.options, nil)} }

// settledAtt is the store whose Attach waits until what is attached stays.
type settledAtt struct{ store.Att }

func (a settledAtt) Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (store.Receipt, error) {
	return settled(a.Att.Attach(ctx, s, signed, mine))
}

// settledBundles is settledAtt for bundles.
type settledBundles struct{ store.Bundles }

func (b settledBundles) Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (store.Receipt, error) {
	return settled(b.Bundles.Attach(ctx, s, signed, mine))
}

// unsettled is a store whose Attach does not wait.
func (p *place) unsettled(w way) interface {
	Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (*store.Watched, error)
} {
	if w.name == "att" {
		return store.NewAtt(p.options, nil)
	}
	return store.NewBundles(p.access, nil)
}

func settled(w *store.Watched, err error) (store.Receipt, error) {
	if err != nil {
		return store.Receipt{}, err
	}
	return w.Settle()
}

// manifest returns the layers under the tag, and its digest; none where there
// is no such tag.
func (p *place) manifest(t *testing.T) ([]v1.Descriptor, string) {
	t.Helper()
	m, digest := p.whole(t)
	return m.Layers, digest
}

// whole returns the manifest under the tag, and its digest.
func (p *place) whole(t *testing.T) (v1.Manifest, string) {
	t.Helper()
	tag, err := p.att().Location(p.subject)
	must(t, err)
	img, err := remote.Image(tag, p.options...)
	if err != nil && strings.Contains(err.Error(), "MANIFEST_UNKNOWN") {
		return v1.Manifest{}, ""
	}
	must(t, err)
	m, err := img.Manifest()
	must(t, err)
	digest, err := img.Digest()
	must(t, err)
	return *m, digest.String()
}

// putLayers writes a manifest of these layers under the tag, as another tool may
// do. The blobs of the layers are written where they have content.
func (p *place) putLayers(t *testing.T, annotations map[string]string, layers ...foreign) {
	t.Helper()
	tag, err := p.att().Location(p.subject)
	must(t, err)
	config := p.blob(t, foreign{content: []byte("{}")}, types.OCIConfigJSON)
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Config: config, Annotations: annotations}
	for _, l := range layers {
		d := p.blob(t, l, dsseMediaType)
		d.Annotations = l.annotations
		if l.claims != "" {
			d.Annotations = map[string]string{"predicateType": l.claims}
		}
		m.Layers = append(m.Layers, d)
	}
	p.putManifest(t, tag, m)
}

// blob writes a blob, unless it is missing, and describes it.
func (p *place) blob(t *testing.T, l foreign, mediaType types.MediaType) v1.Descriptor {
	t.Helper()
	blob := static.NewLayer(l.content, mediaType)
	if !l.missing {
		must(t, remote.WriteLayer(p.subject.Digest().Context(), blob, p.options...))
	}
	d := descriptorOf(t, blob)
	if l.size != 0 {
		d.Size = l.size
	}
	return *d
}

func (p *place) putManifest(t *testing.T, ref name.Reference, m any) v1.Descriptor {
	t.Helper()
	raw, err := json.Marshal(m)
	must(t, err)
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	must(t, err)
	if ref == nil {
		ref = p.subject.Digest().Context().Digest(digest.String())
	}
	_, isIndex := m.(v1.IndexManifest)
	must(t, remote.Put(ref, rawManifest{raw: raw, index: isIndex}, p.options...))
	return v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest, Size: size}
}

// foreign is something that this store did not write.
type foreign struct {
	content     []byte
	claims      string            // the predicate type
	annotations map[string]string // of the layer, where it has its own
	size        int64             // as the manifest claims; zero: the true one
	missing     bool              // the registry does not have the blob

	artifactType string // of the referrer, where it is not that of a bundle
	layerType    string // of the layer, where it is not that of a bundle
}

type rawManifest struct {
	raw   []byte
	index bool
}

func (m rawManifest) RawManifest() ([]byte, error) { return m.raw, nil }

func (m rawManifest) MediaType() (types.MediaType, error) {
	if m.index {
		return types.OCIImageIndex, nil
	}
	return types.OCIManifestSchema1, nil
}

func descriptorOf(t *testing.T, l v1.Layer) *v1.Descriptor {
	t.Helper()
	digest, err := l.Digest()
	must(t, err)
	size, err := l.Size()
	must(t, err)
	mediaType, err := l.MediaType()
	must(t, err)
	return &v1.Descriptor{MediaType: mediaType, Size: size, Digest: digest}
}

// signer signs about the image of a place.
type signer struct {
	key     sign.Key
	trust   verify.Trust
	subject attest.Subject
}

func (p *place) signer(t testing.TB) signer {
	t.Helper()
	key, err := sign.Ephemeral()
	must(t, err)
	trust, err := verify.TrustKeys(key.Public())
	must(t, err)
	return signer{key: key, trust: trust, subject: p.subject}
}

// signs returns an attestation of the type that says something.
func (s signer) signs(t testing.TB, predicateType, says string) store.Signed {
	t.Helper()
	body, err := json.Marshal(map[string]string{"says": says})
	must(t, err)
	st := attest.NewStatement(s.subject, attest.Predicate{Type: predicateType, Body: body})
	envelope, err := s.key.Sign(t.Context(), st)
	must(t, err)
	return store.Signed{PredicateType: predicateType, Envelope: envelope}
}

// mine reports whether this signer signed an envelope.
func (s signer) mine(e attest.Envelope) bool {
	_, err := verify.Verify(e, s.subject, s.trust)
	return err == nil
}

// digestsOf returns the digests of attestations, as layers have them.
func digestsOf(signed ...store.Signed) []string {
	var out []string
	for _, s := range signed {
		out = append(out, s.Envelope.Digest())
	}
	return out
}

// refused fails the test unless err says all of the words.
func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %.500q does not say %q", err, word)
		}
	}
	if bytes.ContainsAny([]byte(err.Error()), "\n\x1b") {
		t.Errorf("error %.500q is not one plain line", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failure returns the error of a call that returns something besides.
func failure[T any](_ T, err error) error { return err }
