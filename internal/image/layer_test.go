package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/stargz-snapshotter/estargz"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/image"
)

func TestALayerThatLiesIsNotReadToItsEnd(t *testing.T) {
	plain := archive(t, "hello")
	packed := gzipped(t, plain)
	badChecksum := bytes.Clone(packed)
	badChecksum[len(badChecksum)-8] ^= 1 // the CRC of gzip

	tests := []struct {
		name  string
		layer blob
		says  string
	}{
		{"a diff id of something else", blob{packed, hash([]byte("else")), types.OCILayer}, "it unpacks to " + hash(plain).String()},
		{"a diff id of the compressed bytes", blob{packed, hash(packed), types.OCILayer}, "but the image's config says " + hash(packed).String()},
		{"garbage that begins like gzip", blob{[]byte("\x1f\x8bgarbage"), hash(plain), types.OCILayer}, "it is cut short"},
		{"gzip of an unknown method", blob{[]byte("\x1f\x8b\x07garbage garbage"), hash(plain), types.OCILayer}, "gzip: invalid header"},
		{"gzip of two bytes", blob{[]byte("\x1f\x8b"), hash(plain), types.OCILayer}, "it is cut short"},
		{"gzip cut short", blob{packed[:len(packed)/2], hash(plain), types.OCILayer}, "it is cut short"},
		{"gzip with a wrong checksum", blob{badChecksum, hash(plain), types.OCILayer}, "checksum"},
		{"gzip with garbage behind it", blob{append(bytes.Clone(packed), "garbage garbage"...), hash(plain), types.OCILayer}, "gzip: invalid header"},
		{"garbage that begins like zstd", blob{[]byte("\x28\xb5\x2f\xfdgarbage"), hash(plain), types.OCILayerZStd}, "reading the layer"},
		{"zstd cut short", blob{zstandard(t, plain)[:20], hash(plain), types.OCILayerZStd}, "it is cut short"},
		{"garbage", blob{[]byte("garbage"), hash(plain), types.OCILayer}, "it unpacks to " + hash([]byte("garbage")).String()},
		{"nothing", blob{nil, hash(plain), types.OCILayer}, "it unpacks to " + hash(nil).String()},
	}
	host := serve(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reference := host + "/app:" + hash([]byte(test.name)).Hex[:12]
			push(t, reference, imageOf(t, test.layer))
			_, err := readLayer(t, anonymous(), reference)
			refused(t, err, "reading the layer "+hash(test.layer.stored).String(), test.says)
		})
	}
}

// The registry answers with other bytes than the manifest promises.
func TestALayerWhoseBytesAreNotThoseOfItsDigest(t *testing.T) {
	plain := archive(t, strings.Repeat("hello", 1000))
	layer := blob{plain, hash(plain), types.OCIUncompressedLayer}
	other := archive(t, strings.Repeat("HELLO", 1000))

	tests := []struct {
		name   string
		answer func(w http.ResponseWriter)
		says   string
	}{
		{"other bytes, as many", func(w http.ResponseWriter) { _, _ = w.Write(other) }, "got " + strconv.Quote(hash(other).String())},
		{"one byte more", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(len(plain)+1))
			_, _ = w.Write(append(bytes.Clone(plain), 0))
		}, "does not match expected size"},
		{"half of it, said to be all", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(len(plain)/2))
			_, _ = w.Write(plain[:len(plain)/2])
		}, "does not match expected size"},
		{"half of it, without a length", func(w http.ResponseWriter) {
			_, _ = w.Write(plain[:len(plain)/2])
			_ = http.NewResponseController(w).Flush()
		}, "reading the layer"},
		{"a connection dropped half-way", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", strconv.Itoa(len(plain)))
			_, _ = w.Write(plain[:len(plain)/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "it is cut short"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := serve(t, instead(http.MethodGet, "/blobs/"+hash(plain).String(), test.answer))
			push(t, host+"/app:1", imageOf(t, layer))
			_, err := readLayer(t, anonymous(), host+"/app:1")
			refused(t, err, "reading the layer "+hash(plain).String(), test.says)
		})
	}
}

func TestALayerThatUnpacksToTooMuchStopsAtTheLimit(t *testing.T) {
	const limit = 1 << 20
	zeros := make([]byte, 20*limit)
	limits := image.Limits{Layers: 10, UnpackedLayer: limit, UnpackedTotal: 2 * limit}

	bombs := map[string]blob{
		"gzip":  honest(t, zeros),
		"zstd":  {zstandard(t, zeros), hash(zeros), types.OCILayerZStd},
		"plain": {zeros, hash(zeros), types.OCIUncompressedLayer},
	}
	host := serve(t)
	for name, bomb := range bombs {
		t.Run(name, func(t *testing.T) {
			push(t, host+"/bomb:"+name, imageOf(t, bomb))
			content, err := readLayer(t, image.NewRegistry(image.Access{}.Connect(), limits), host+"/bomb:"+name)
			refused(t, err, "reading the layer", "it unpacks to more than 1048576 bytes")
			if len(content) > limit {
				t.Errorf("%d bytes came out", len(content))
			}
		})
	}
	exact := honest(t, zeros[:limit])
	push(t, host+"/bomb:exact", imageOf(t, exact))
	if _, err := readLayer(t, image.NewRegistry(image.Access{}.Connect(), limits), host+"/bomb:exact"); err != nil {
		t.Errorf("a layer of just the limit: %v", err)
	}
}

// Layers that are small enough each may be too much together.
func TestAnImageThatUnpacksToTooMuchStopsAtTheLimit(t *testing.T) {
	const limit = 1 << 20
	limits := image.Limits{Layers: 10, UnpackedLayer: limit, UnpackedTotal: 2*limit + limit/2}
	host := serve(t)
	third := honest(t, bytes.Repeat([]byte{3}, limit))
	push(t, host+"/bomb:1", imageOf(t, honest(t, make([]byte, limit)), honest(t, bytes.Repeat([]byte{2}, limit)), third))
	img, err := open(t.Context(), image.NewRegistry(image.Access{}.Connect(), limits), host+"/bomb:1")
	must(t, err)

	layers, err := img.Content().Layers()
	must(t, err)
	for i, layer := range layers {
		content, err := layer.Uncompressed()
		must(t, err)
		unpacked, err := io.ReadAll(content)
		must(t, content.Close())
		if i < 2 {
			must(t, err)
			continue
		}
		refused(t, err, "reading the layer "+hash(third.stored).String(), "with it the image unpacks to more than 2621440 bytes")
		if len(unpacked) > limit/2 {
			t.Errorf("%d bytes of the last layer came out", len(unpacked))
		}
	}
}

func TestAConfigThatListsOtherLayersThanTheManifest(t *testing.T) {
	img := imageOf(t, honest(t, archive(t, "hello")))
	config, err := img.ConfigFile()
	must(t, err)
	config = config.DeepCopy()
	config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)})
	img, err = mutate.ConfigFile(img, config)
	must(t, err)
	host := serve(t)
	push(t, host+"/app:1", img)

	opened, err := open(t.Context(), anonymous(), host+"/app:1")
	must(t, err)
	_, err = opened.Content().Layers()
	refused(t, err, "the config lists 2 layers, the manifest 1")
}

// Media types are not always right about the compression, so they do not count.
func TestLayersComeOutAsTheyWentIn(t *testing.T) {
	plain := archive(t, strings.Repeat("hello ", 100_000))
	var twice bytes.Buffer // two members of gzip, one after the other
	for _, part := range [][]byte{plain[:1000], plain[1000:]} {
		w := gzip.NewWriter(&twice)
		_, err := w.Write(part)
		must(t, err)
		must(t, w.Close())
	}
	tests := map[string]blob{
		"gzip":             honest(t, plain),
		"gzip-in-parts":    {twice.Bytes(), hash(plain), types.OCILayer},
		"zstd":             {zstandard(t, plain), hash(plain), types.OCILayerZStd},
		"zstd-called-gzip": {zstandard(t, plain), hash(plain), types.OCILayer},
		"plain":            {plain, hash(plain), types.OCIUncompressedLayer},
		"plain-called-tgz": {plain, hash(plain), types.DockerLayer},
	}
	host := serve(t)
	for name, layer := range tests {
		t.Run(name, func(t *testing.T) {
			push(t, host+"/app:"+name, imageOf(t, layer))
			got, err := readLayer(t, anonymous(), host+"/app:"+name)
			must(t, err)
			if !bytes.Equal(got, plain) {
				t.Errorf("%d other bytes came out, want %d", len(got), len(plain))
			}
		})
	}
}

// A layer that can be read lazily has every file in a member of gzip of its own, a
// table of contents and a footer. It is read like any other.
func TestALayerOfEstargz(t *testing.T) {
	plain := archive(t, strings.Repeat("hello ", 100_000))
	built, err := estargz.Build(io.NewSectionReader(bytes.NewReader(plain), 0, int64(len(plain))))
	must(t, err)
	stored, err := io.ReadAll(built)
	must(t, err)
	must(t, built.Close())
	diffID, err := v1.NewHash(built.DiffID().String())
	must(t, err)
	host := serve(t)
	push(t, host+"/app:1", imageOf(t, blob{stored, diffID, types.OCILayer}))
	got, err := readLayer(t, anonymous(), host+"/app:1")
	must(t, err)
	var names []string
	for content := tar.NewReader(bytes.NewReader(got)); ; {
		header, err := content.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		names = append(names, header.Name)
	}
	if !slices.Contains(names, "file") || !slices.Contains(names, estargz.TOCTarName) {
		t.Errorf("it holds %q", names)
	}
}

func TestALayerKnowsItsDiffID(t *testing.T) {
	plain := archive(t, "hello")
	host := serve(t)
	push(t, host+"/app:1", imageOf(t, honest(t, plain)))
	img, err := open(t.Context(), anonymous(), host+"/app:1")
	must(t, err)
	layers, err := img.Content().Layers()
	must(t, err)
	if got, err := layers[0].DiffID(); err != nil || got != hash(plain) {
		t.Errorf("diff id %s, error %v", got, err)
	}
	stored, err := layers[0].Compressed()
	must(t, err)
	if _, err := io.Copy(io.Discard, stored); err != nil {
		t.Error(err)
	}
	must(t, stored.Close())
}
