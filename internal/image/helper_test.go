package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/zstd"

	"github.com/hallmark-ci/hallmark/internal/image"
)

// serve starts a registry on loopback, behind the handlers given, and returns
// its host:port.
func serve(t *testing.T, before ...func(next http.Handler) http.Handler) string {
	t.Helper()
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	for _, wrap := range before {
		handler = wrap(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// instead answers the requests of a method whose path ends so in its own way.
func instead(method, end string, answer func(w http.ResponseWriter)) func(next http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method && strings.HasSuffix(r.URL.Path, end) {
				answer(w)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func push(t *testing.T, reference string, what remote.Taggable) {
	t.Helper()
	ref, err := name.ParseReference(reference)
	must(t, err)
	switch what := what.(type) {
	case v1.Image:
		must(t, remote.Write(ref, what))
	case v1.ImageIndex:
		must(t, remote.WriteIndex(ref, what))
	default:
		must(t, remote.Put(ref, what))
	}
}

// imageOf makes an image of layers.
func imageOf(t *testing.T, layers ...v1.Layer) v1.Image {
	t.Helper()
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(img, layers...)
	must(t, err)
	return img
}

// blob is a layer that consists of given bytes and promises a given diff id.
type blob struct {
	stored    []byte
	diffID    v1.Hash
	mediaType types.MediaType
}

func (b blob) Digest() (v1.Hash, error)            { return hash(b.stored), nil }
func (b blob) DiffID() (v1.Hash, error)            { return b.diffID, nil }
func (b blob) Size() (int64, error)                { return int64(len(b.stored)), nil }
func (b blob) MediaType() (types.MediaType, error) { return b.mediaType, nil }
func (b blob) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(b.stored)), nil
}
func (b blob) Uncompressed() (io.ReadCloser, error) { return b.Compressed() }

// honest is a layer in gzip whose diff id is right.
func honest(t *testing.T, content []byte) blob {
	t.Helper()
	return blob{stored: gzipped(t, content), diffID: hash(content), mediaType: types.OCILayer}
}

func hash(content []byte) v1.Hash {
	h, _, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		panic(err) // a bytes.Reader does not fail
	}
	return h
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(content)
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

func zstandard(t *testing.T, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	must(t, err)
	defer w.Close()
	return w.EncodeAll(content, nil)
}

// archive is a tar with one file.
func archive(t *testing.T, content string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	must(t, w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(content))}))
	_, err := io.WriteString(w, content)
	must(t, err)
	must(t, w.Close())
	return out.Bytes()
}

func anonymous() *image.Registry {
	return image.NewRegistry(quick().Connect(), image.DefaultLimits())
}

// open opens what a reference names, and returns the first image of it.
func open(ctx context.Context, r *image.Registry, reference string) (image.Image, error) {
	opened, err := r.OpenAll(ctx, reference, nil)
	if err != nil {
		return image.Image{}, err
	}
	return opened.Images()[0], nil
}

// readLayer opens an image and reads its only layer to the end.
func readLayer(t *testing.T, r *image.Registry, reference string) ([]byte, error) {
	t.Helper()
	img, err := open(t.Context(), r, reference)
	must(t, err)
	layers, err := img.Content().Layers()
	must(t, err)
	if len(layers) != 1 {
		t.Fatalf("%d layers, want 1", len(layers))
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(content)
}

// refused fails the test unless err is one line that says all of the words.
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
	if strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("error %.500q is not one plain line", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sample is an image of one honest layer.
func sample(t *testing.T) v1.Image {
	t.Helper()
	return imageOf(t, honest(t, archive(t, "sample")))
}
