package image_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/image"
)

// TestWhatBuildKitLeftIsBounded: anybody can leave statements in an index. None of
// these is read, nor begun to be.
func TestWhatBuildKitLeftIsBounded(t *testing.T) {
	const one = `,{"mediaType":"application/vnd.in-toto+json","digest":"sha256:%064x","size":%d}`
	listed := func(count int, size int64) string {
		var layers strings.Builder
		for i := range count {
			fmt.Fprintf(&layers, one, i, size)
		}
		return layers.String()[1:]
	}
	for says, layers := range map[string]string{
		"it has 1001 layers, the limit is 1000":                                           listed(1001, 1),
		"what BuildKit left in it has more than 1073741824 bytes, the limit (1 GiB)":      listed(17, 64<<20),
		"it has 67108865 bytes, the limit is 67108864 (64 MiB)":                           listed(1, 64<<20+1),
		"it has more than the 5 bytes that its manifest says":                             fmt.Sprintf(one, 0, 5)[1:],
		"what BuildKit left in it has more than 1073741824 bytes, the limit (1 GiB); all": listed(1, 1<<62) + "," + listed(1, 1<<62),
	} {
		t.Run(says, func(t *testing.T) {
			var read atomic.Int64
			counted := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.Contains(r.URL.Path, "/blobs/sha256:0000") {
						n, _ := w.Write([]byte(`{"more":"than five"}`))
						read.Add(int64(n))
						return
					}
					next.ServeHTTP(w, r)
				})
			}
			registry := image.NewRegistry(image.Access{}.Connect(), image.DefaultLimits())
			s := pushBuilt(t, serve(t, counted), layers)
			err := readStatements(t, registry, s)
			refused(t, err, strings.TrimSuffix(says, "; all"))
			if n := read.Load(); n > 0 && !strings.Contains(says, "manifest says") {
				t.Errorf("%d bytes of the statements were read", n)
			}
		})
	}
}

// TestTooManyStatementsOfBuildKit: many manifests with a few hold many, too.
func TestTooManyStatementsOfBuildKit(t *testing.T) {
	host := serve(t)
	entries := []v1.Descriptor{entry(t, host, empty.Image, "linux/amd64")}
	for i := range 5 {
		var layers strings.Builder
		for n := range 206 {
			fmt.Fprintf(&layers, `,{"mediaType":"application/vnd.in-toto+json","digest":"sha256:%064x","size":1}`, i*1000+n)
		}
		entries = append(entries, heldIn(t, host, layers.String()[1:]))
	}
	pushIndex(t, host+"/app:v1", entries...)
	_, err := image.NewRegistry(image.Access{}.Connect(), image.DefaultLimits()).BuildAttestations(t.Context(), subjectOf(t, host+"/app:v1"))
	refused(t, err, "BuildKit left more than 1024 statements in it, the limit")
}

// TestWhatBuildKitLeft comes with the image that it is about.
func TestWhatBuildKitLeft(t *testing.T) {
	host := serve(t)
	statement := static.NewLayer([]byte(`{"a":1}`), "application/vnd.in-toto+json")
	push(t, host+"/app:statement", imageOf(t, statement))
	digest := digestOf(t, statement)
	s := pushBuilt(t, host, fmt.Sprintf(`{"mediaType":"application/vnd.in-toto+json","digest":%q,"size":7,"annotations":{"in-toto.io/predicate-type":"https://spdx.dev/Document"}}`, digest))
	registry := image.NewRegistry(image.Access{}.Connect(), image.DefaultLimits())
	there, err := registry.BuildAttestations(t.Context(), s)
	must(t, err)
	want := image.BuildAttestation{PredicateType: "https://spdx.dev/Document", Digest: digest, Size: 7, Of: digestOf(t, empty.Image)}
	if len(there) != 1 || there[0] != want {
		t.Fatalf("have %+v, want %+v", there, want)
	}
	content, err := registry.BuildStatement(t.Context(), s, there[0])
	must(t, err)
	if string(content) != `{"a":1}` {
		t.Errorf("it reads %s", content)
	}
}

// readStatements reads every statement in an index.
func readStatements(t *testing.T, registry *image.Registry, s attest.Subject) error {
	t.Helper()
	there, err := registry.BuildAttestations(t.Context(), s)
	for _, b := range there {
		if _, err := registry.BuildStatement(t.Context(), s, b); err != nil {
			return err
		}
	}
	return err
}

// pushBuilt pushes an index of an image and of an attestation manifest with layers,
// whether they are there or not.
func pushBuilt(t *testing.T, host, layers string) attest.Subject {
	t.Helper()
	pushIndex(t, host+"/app:v1", entry(t, host, empty.Image, "linux/amd64"), heldIn(t, host, layers))
	return subjectOf(t, host+"/app:v1")
}

// heldIn pushes an attestation manifest and returns what an index says of it.
func heldIn(t *testing.T, host, layers string) v1.Descriptor {
	t.Helper()
	held := rawManifest(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json",` +
		`"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[` + layers + `]}`)
	push(t, host+"/app:held", held)
	return v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: hash(held), Size: int64(len(held)), Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digestOf(t, empty.Image)},
	}
}

func subjectOf(t *testing.T, reference string) attest.Subject {
	t.Helper()
	tag, err := name.NewTag(reference)
	must(t, err)
	descriptor, err := remote.Get(tag)
	must(t, err)
	s, err := attest.NewSubject(tag.Digest(descriptor.Digest.String()), tag.String())
	must(t, err)
	return s
}
