package image_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
)

func TestAMalformedReferenceIsWrongUsage(t *testing.T) {
	for _, reference := range []string{"", "UPPER/case", "registry.example/app:tag:tag", "registry.example/app@sha256:abc", "https://registry.example/app", "a b"} {
		_, openErr := open(t.Context(), anonymous(), reference)
		_, resolveErr := anonymous().Resolve(t.Context(), reference)
		for _, err := range []error{openErr, resolveErr, anonymous().Fetch(t.Context(), reference, &bytes.Buffer{})} {
			refused(t, err, fmt.Sprintf("image reference %q is malformed", reference))
			if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
				t.Errorf("%q: kind %v, hint %q", reference, fault.KindOf(err), fault.HintOf(err))
			}
		}
	}
}

// What a registry answers to a request for the manifest, and what is made of it.
func TestARegistryThatDoesNotGiveTheImage(t *testing.T) {
	answers := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				return
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		says    string
		hints   string
	}{
		{"not found", answers(http.StatusNotFound, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`), "the registry has no such image", "was it pushed"},
		{"unauthorized", answers(http.StatusUnauthorized, ""), "the registry refuses access (401)", "registry-username"},
		{"forbidden", answers(http.StatusForbidden, `{"errors":[{"code":"DENIED"}]}`), "the registry refuses access (403)", "registry-username"},
		{"a login asked for", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
		}, "the registry refuses access (401)", "registry-username"},
		{"something else", answers(http.StatusTeapot, "one\ntwo \x1b[31m"), "the registry answered 418", ""},
		{"no registry at all", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) }, "the registry answered 501", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.handler)
			t.Cleanup(server.Close)
			reference := strings.TrimPrefix(server.URL, "http://") + "/app:1"

			_, openErr := open(t.Context(), anonymous(), reference)
			_, resolveErr := anonymous().Resolve(t.Context(), reference)
			for _, err := range []error{openErr, resolveErr, anonymous().Fetch(t.Context(), reference, &bytes.Buffer{})} {
				refused(t, err, "resolving "+reference, test.says)
				if hint := fault.HintOf(err); !strings.Contains(hint, test.hints) {
					t.Errorf("hint %q, want %q", hint, test.hints)
				}
			}
		})
	}
}

func TestARegistryThatIsDown(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(server.URL, "http://")
	server.Close()
	_, err := open(t.Context(), anonymous(), host+"/app:1")
	refused(t, err, "resolving "+host+"/app:1: the registry cannot be reached", "connection refused")
	if hint := fault.HintOf(err); !strings.Contains(hint, "name and port") {
		t.Errorf("hint %q", hint)
	}
}

// The reason for which the job ends is told, not what the network made of it.
func TestAJobThatEndsWhileItAsks(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	host := serve(t, instead(http.MethodGet, "/manifests/1", func(http.ResponseWriter) {
		stop(errors.New("the timeout of 10m has passed"))
		<-ctx.Done()
	}))
	_, err := open(ctx, anonymous(), host+"/app:1")
	refused(t, err, "resolving "+host+"/app:1: the timeout of 10m has passed")
}

// The images of an index have names of their own.
func TestAnImageOfAnIndexByItsDigest(t *testing.T) {
	host := serve(t)
	amd, arm := imageOf(t, honest(t, archive(t, "amd64"))), imageOf(t, honest(t, archive(t, "arm64")))
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: amd, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: arm, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}}},
	)
	push(t, host+"/app:1", index)
	img, err := open(t.Context(), anonymous(), host+"/app@"+digestOf(t, arm))
	must(t, err)
	if got := img.Subject().Digest().DigestStr(); got != digestOf(t, arm) {
		t.Errorf("opened %s, want %s", got, digestOf(t, arm))
	}
	if s, err := anonymous().Resolve(t.Context(), host+"/app:1"); err != nil || s.Digest().DigestStr() != digestOf(t, index) {
		t.Errorf("the index resolves to %s, error %v", s, err)
	}
}

func TestAnIndexWithoutImages(t *testing.T) {
	host := serve(t)
	push(t, host+"/app:1", empty.Index)
	_, err := open(t.Context(), anonymous(), host+"/app:1")
	refused(t, err, "it is an index of no images")
}

func TestAHostileIndexMakesNoHostileError(t *testing.T) {
	host := serve(t)
	child := imageOf(t, honest(t, archive(t, "x")))
	var children []mutate.IndexAddendum
	for i := range 200 {
		platform := v1.Platform{OS: fmt.Sprint(i, "\x1b[31m\n") + strings.Repeat("x", 500), Architecture: "amd64"}
		children = append(children, mutate.IndexAddendum{Add: child, Descriptor: v1.Descriptor{Platform: &platform}})
	}
	push(t, host+"/app:1", mutate.AppendManifests(empty.Index, children...))
	_, err := anonymous().OpenAll(t.Context(), host+"/app:1", []string{"linux/amd64"})
	refused(t, err, "platform linux/amd64 is asked for, and the index is for", "and 190 more")
	if len(err.Error()) > 2000 || len(fault.HintOf(err)) > 800 || strings.ContainsAny(fault.HintOf(err), "\n\x1b") {
		t.Errorf("error of %d bytes, hint %.500q", len(err.Error()), fault.HintOf(err))
	}
}

func TestWhatIsNoImageIsRefused(t *testing.T) {
	chart := manifest{fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":%q,"size":2},"layers":[]}`,
		hash([]byte("{}"))), types.OCIManifestSchema1}
	many := imageOf(t, honest(t, archive(t, "1")), honest(t, archive(t, "2")), honest(t, archive(t, "3")))
	limits := image.Limits{Layers: 2, UnpackedLayer: 1 << 20, UnpackedTotal: 1 << 20}

	tests := []struct {
		name, says string
		content    any
	}{
		{"a chart", `it holds an artifact of type "application/vnd.cncf.helm.config.v1+json", not a container image`, chart},
		{"too many layers", "it has 3 layers, the limit is 2", many},
		{
			"a manifest of an old kind", `its manifest is of type "application/vnd.docker.distribution.manifest.v1+json", not a container image`,
			manifest{`{"schemaVersion": 1}`, types.DockerManifestSchema1},
		},
		{"a manifest of an unknown kind", `its manifest is of type "text/plain", not a container image`, manifest{"hello", "text/plain"}},
		{"a manifest that is not JSON", "its manifest cannot be read", manifest{"hello", types.OCIManifestSchema1}},
		{"an index that is not JSON", "its index cannot be read", manifest{`[]`, types.OCIImageIndex}},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := serve(t)
			reference := fmt.Sprintf("%s/app:%d", host, i)
			switch content := test.content.(type) {
			case v1.Image:
				push(t, reference, content)
			case manifest:
				host = serve(t, instead(http.MethodGet, "/manifests/1", content.answer))
				reference = host + "/app:1"
			}
			_, err := open(t.Context(), image.NewRegistry(image.Access{}.Connect(), limits), reference)
			refused(t, err, "opening "+host+"/app", test.says)
		})
	}
}

// A size that is not true makes the registry client read without end, so the
// blob behind it is not even asked for.
func TestASizeWithoutBoundIsRefused(t *testing.T) {
	img := imageOf(t, honest(t, archive(t, "1")), honest(t, archive(t, "2")))
	tests := []struct {
		name    string
		change  func(m *v1.Manifest)
		says    string
		fetched string
	}{
		{"a config of no known size", func(m *v1.Manifest) { m.Config.Size = -1 }, "its config has -1 bytes, the limit is 8388608 (8 MiB)", ""},
		{"a config of a negative size", func(m *v1.Manifest) { m.Config.Size = -100 }, "its config has -100 bytes", ""},
		{"a config that is too large", func(m *v1.Manifest) { m.Config.Size = 8<<20 + 1 }, "its config has 8388609 bytes, the limit is 8388608", ""},
		{"a layer of no known size", func(m *v1.Manifest) { m.Layers[1].Size = -1 }, "has -1 bytes", ""},
		{
			"an artifact of no known size", func(m *v1.Manifest) { m.Layers = m.Layers[:1]; m.Layers[0].Size = -1 },
			"has -1 bytes", "its layer has -1 bytes",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			blobs := 0
			host := serve(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
						blobs++
					}
					next.ServeHTTP(w, r)
				})
			})
			push(t, host+"/app:1", img)
			m, err := img.Manifest()
			must(t, err)
			m = m.DeepCopy()
			test.change(m)
			raw, err := json.Marshal(m)
			must(t, err)
			push(t, host+"/app:2", rawManifest(raw))

			_, err = open(t.Context(), anonymous(), host+"/app:2")
			refused(t, err, "opening "+host+"/app:2: its ", test.says)
			if test.fetched != "" {
				refused(t, anonymous().Fetch(t.Context(), host+"/app:2", &bytes.Buffer{}), "fetching "+host+"/app:2: "+test.fetched)
			}
			if blobs != 0 {
				t.Errorf("%d blobs were asked for", blobs)
			}
		})
	}
}

// A manifest that is not the one of the digest asked for is not taken.
func TestAManifestThatIsNotThatOfItsDigest(t *testing.T) {
	other := manifest{`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}`, types.OCIManifestSchema1}
	host := serve(t, instead(http.MethodGet, "/manifests/sha256:"+strings.Repeat("0", 64), other.answer))
	_, err := open(t.Context(), anonymous(), host+"/app@sha256:"+strings.Repeat("0", 64))
	refused(t, err, "resolving "+host+"/app@sha256:000", "does not match requested digest")
}

func TestOpenPinsTheImage(t *testing.T) {
	host := serve(t)
	first, second := imageOf(t, honest(t, archive(t, "first"))), imageOf(t, honest(t, archive(t, "second")))
	push(t, host+"/team/app:1", first)

	img, err := open(t.Context(), anonymous(), host+"/team/app:1")
	must(t, err)
	push(t, host+"/team/app:1", second) // the tag moves; what was opened stays

	s := img.Subject()
	if s.String() != host+"/team/app@"+digestOf(t, first) || s.Requested() != host+"/team/app:1" {
		t.Errorf("pinned to %s, requested %s", s, s.Requested())
	}
	if got := digestOf(t, img.Content()); got != digestOf(t, first) {
		t.Errorf("content %s, want %s", got, digestOf(t, first))
	}
}

func TestMoved(t *testing.T) {
	host := serve(t)
	first, second := imageOf(t, honest(t, archive(t, "first"))), imageOf(t, honest(t, archive(t, "second")))
	push(t, host+"/app:1", first)
	r := anonymous()
	byTag, err := r.Resolve(t.Context(), host+"/app:1")
	must(t, err)
	byDigest, err := r.Resolve(t.Context(), host+"/app@"+digestOf(t, first))
	must(t, err)

	if now, moved, err := r.Moved(t.Context(), byTag); err != nil || moved {
		t.Errorf("a tag that stays: moved %v to %s, error %v", moved, now, err)
	}
	push(t, host+"/app:1", second)
	if now, moved, err := r.Moved(t.Context(), byTag); err != nil || !moved || now != digestOf(t, second) {
		t.Errorf("a tag that moved: moved %v to %s, error %v", moved, now, err)
	}
	if _, moved, err := r.Moved(t.Context(), byDigest); err != nil || moved {
		t.Errorf("a digest: moved %v, error %v", moved, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.Moved(ctx, byTag); !errors.Is(err, context.Canceled) {
		t.Errorf("a registry that was not asked: error %v", err)
	}
}

func TestFetchRefusesWhatIsNotOneLayer(t *testing.T) {
	host := serve(t)
	push(t, host+"/db:two", imageOf(t, honest(t, archive(t, "1")), honest(t, archive(t, "2"))))
	push(t, host+"/db:none", imageOf(t))
	for tag, says := range map[string]string{"two": "it has 2 layers", "none": "it has 0 layers"} {
		refused(t, anonymous().Fetch(t.Context(), host+"/db:"+tag, &bytes.Buffer{}), "fetching "+host+"/db:"+tag, says)
	}

	database := honest(t, archive(t, "database"))
	lying := serve(t, instead(http.MethodGet, "/blobs/"+hash(database.stored).String(), func(w http.ResponseWriter) {
		_, _ = w.Write(make([]byte, len(database.stored)))
	}))
	push(t, lying+"/db:1", imageOf(t, database))
	refused(t, anonymous().Fetch(t.Context(), lying+"/db:1", &bytes.Buffer{}), "fetching "+lying+"/db:1", "sha256")
}

func TestFetch(t *testing.T) {
	host := serve(t)
	database := honest(t, archive(t, "database"))
	push(t, host+"/db:1", imageOf(t, database))
	var got bytes.Buffer
	must(t, anonymous().Fetch(t.Context(), host+"/db:1", &got))
	if !bytes.Equal(got.Bytes(), database.stored) {
		t.Errorf("%d other bytes came, want %d", got.Len(), len(database.stored))
	}
}

// manifest is the answer to a request for one.
type manifest struct {
	content   string
	mediaType types.MediaType
}

func (m manifest) answer(w http.ResponseWriter) {
	w.Header().Set("Content-Type", string(m.mediaType))
	_, _ = w.Write([]byte(m.content))
}

// rawManifest is a manifest of an image, to be pushed as it is.
type rawManifest []byte

func (m rawManifest) RawManifest() ([]byte, error)        { return m, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

func digestOf(t *testing.T, what interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	digest, err := what.Digest()
	must(t, err)
	return digest.String()
}
