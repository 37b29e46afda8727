package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// mostMemory is what the program takes at its largest, whatever the image: 1 GiB.
const mostMemory = 1 << 30

func TestMemoryIsBoundedWhateverTheImage(t *testing.T) {
	images := map[string]func(*testing.T) []v1.Layer{
		"ten gigabytes, of which one file has five": func(t *testing.T) []v1.Layer {
			one, many := newPacker(t), newPacker(t)
			one.file("var/lib/app/data", 80)
			for i := range 80 {
				many.file(fmt.Sprintf("srv/%02d.img", i), 1)
			}
			return []v1.Layer{one.layer(), many.layer()}
		},
		"a thousand layers": func(t *testing.T) []v1.Layer {
			layers := make([]v1.Layer, 1000)
			for i := range layers {
				p := newPacker(t)
				p.file(fmt.Sprintf("srv/%d", i), 0)
				layers[i] = p.layer()
			}
			return layers
		},
		"a million files": func(t *testing.T) []v1.Layer {
			p := newPacker(t)
			for i := range 1_000_000 {
				p.file(fmt.Sprintf("usr/share/doc/package-%d/examples/%d.txt", i/100, i), 0)
			}
			return []v1.Layer{p.layer()}
		},
	}
	p := newPlace(t, "")
	p.keys("cosign")
	for what, layers := range images {
		t.Run(what, func(t *testing.T) {
			reference := p.host + "/bounds/" + hashOf(what)[:12] + ":v1"
			pushLayers(t, reference, layers(t))
			if memory := p.memoryOf(t, reference); memory > mostMemory {
				t.Errorf("%d MiB of memory were taken, the limit is %d", memory>>20, mostMemory>>20)
			} else {
				t.Logf("%d MiB of memory were taken", memory>>20)
			}
			p.nothingLeft()
		})
	}
}

// memoryOf runs the product on an image and returns the memory that it took at its
// largest, in bytes.
func (p *place) memoryOf(t *testing.T, reference string) int64 {
	t.Helper()
	path, err := world.Tool("hallmark")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "run", reference, "--push=false", "--scan=false", "--key", "cosign.key", "--output-dir", "out")
	cmd.Dir, cmd.Env = p.dir, p.env
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("running hallmark on %s: %v\n%s", reference, err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("this system does not tell what a process used")
	}
	return usage.Maxrss << 10 // Linux counts in KiB
}

func pushLayers(t *testing.T, reference string, layers []v1.Layer) {
	t.Helper()
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layers...)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, img, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// packer writes the archive of a layer in gzip. Pieces of zeros are packed once and
// repeated, so that gigabytes take no time.
type packer struct {
	t      *testing.T
	stored bytes.Buffer
	packed *gzip.Writer
	sum    hash.Hash // of the archive
}

const piece = 64 << 20 // bytes: a piece of zeros

// zerosOnce returns a piece of zeros, and how it is packed.
var zerosOnce = sync.OnceValues(func() (zeros, packed []byte) {
	zeros = make([]byte, piece)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(zeros) // a buffer takes everything
	_ = w.Close()
	return zeros, out.Bytes()
})

func newPacker(t *testing.T) *packer {
	p := &packer{t: t, sum: sha256.New()}
	p.packed, _ = gzip.NewWriterLevel(&p.stored, gzip.BestSpeed)
	return p
}

// file adds a file of so many pieces of zeros.
func (p *packer) file(name string, pieces int) {
	p.t.Helper()
	var header bytes.Buffer
	if err := tar.NewWriter(&header).WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(pieces) * piece, Format: tar.FormatGNU}); err != nil {
		p.t.Fatal(err)
	}
	p.write(header.Bytes())
	if pieces == 0 {
		return
	}
	zeros, packed := zerosOnce()
	if err := p.packed.Close(); err != nil {
		p.t.Fatal(err)
	}
	for range pieces {
		p.stored.Write(packed)
		p.sum.Write(zeros)
	}
	p.packed.Reset(&p.stored)
}

func (p *packer) write(content []byte) {
	p.t.Helper()
	if _, err := io.MultiWriter(p.packed, p.sum).Write(content); err != nil {
		p.t.Fatal(err)
	}
}

func (p *packer) layer() v1.Layer {
	p.t.Helper()
	p.write(make([]byte, 1024)) // the end of the archive
	if err := p.packed.Close(); err != nil {
		p.t.Fatal(err)
	}
	return packedLayer{p.stored.Bytes(), v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(p.sum.Sum(nil))}}
}

// packedLayer is a layer as it is stored.
type packedLayer struct {
	stored []byte
	diffID v1.Hash
}

func (l packedLayer) Digest() (v1.Hash, error) {
	return v1.Hash{Algorithm: "sha256", Hex: hashOf(string(l.stored))}, nil
}
func (l packedLayer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l packedLayer) Size() (int64, error)                { return int64(len(l.stored)), nil }
func (l packedLayer) MediaType() (types.MediaType, error) { return types.OCILayer, nil }
func (l packedLayer) Uncompressed() (io.ReadCloser, error) {
	return gzip.NewReader(bytes.NewReader(l.stored))
}

func (l packedLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.stored)), nil
}

func hashOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}
