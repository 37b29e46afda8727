package image

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"runtime"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// share finds out which layers the images have in common.
func (o Opened) share() error {
	count := map[v1.Hash]int{}
	for n, img := range o.images {
		manifest, err := img.content.Manifest()
		if err != nil {
			return fmt.Errorf("opening %s: %w", img.subject, err)
		}
		own := map[v1.Hash]bool{}
		for _, layer := range manifest.Layers {
			if !own[layer.Digest] {
				own[layer.Digest] = true
				count[layer.Digest]++
			}
		}
		if checked, ok := img.content.(checkedImage); ok {
			checked.shared = o.shared
			o.images[n].content = checked
		}
	}
	for digest, images := range count {
		if images > 1 {
			o.shared.kept[digest] = &keptLayer{}
		}
	}
	return nil
}

// severalAtOnce bounds the layers, as they are stored, of images that are read at the
// same time, in bytes: 128 MiB. What two images unpack to, and what is found in
// them, is in memory together.
const severalAtOnce = 128 << 20

// AtOnce returns how many of the images may be read at the same time: one where
// several share a layer, which would be pulled twice, or where they are large.
func (o Opened) AtOnce() int {
	if o.shared == nil || len(o.shared.kept) > 0 {
		return 1
	}
	total := int64(0)
	for _, img := range o.images {
		manifest, err := img.content.Manifest()
		if err != nil {
			return 1
		}
		for _, layer := range manifest.Layers {
			total += layer.Size
		}
	}
	if total > severalAtOnce {
		return 1
	}
	return max(1, min(len(o.images), runtime.GOMAXPROCS(0)))
}

// sharedLayers keeps the layers in a folder that several images have. The first
// reader that comes to the end of one leaves it there. Nobody waits for another:
// who comes meanwhile pulls the layer, too, as a reader may rest for any time.
type sharedLayers struct {
	mu   sync.Mutex
	dir  string // empty: nothing is kept
	left int64  // bytes that may still be kept
	kept map[v1.Hash]*keptLayer
}

// keptLayer is where a layer is kept.
type keptLayer struct {
	path   string // empty: nowhere yet
	filled bool   // by a reader that has not come to the end
}

// newSharedLayers keeps no more than the images may unpack to.
func newSharedLayers(limits Limits) *sharedLayers {
	return &sharedLayers{left: limits.UnpackedTotal, kept: map[v1.Hash]*keptLayer{}}
}

func (s *sharedLayers) keepIn(dir string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dir = dir
}

// layer returns a layer that is kept if other images have it, too.
func (s *sharedLayers) layer(l v1.Layer) v1.Layer {
	if s == nil {
		return l
	}
	digest, err := l.Digest()
	if err != nil || s.kept[digest] == nil { // its keys never change
		return l
	}
	return sharedLayer{Layer: l, digest: digest, shared: s}
}

// begin returns where a layer is kept, or a file to fill with it. Neither means
// that it is not to be kept now.
func (s *sharedLayers) begin(digest v1.Hash) (path string, fill *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kept[digest]
	if k.path != "" || k.filled || s.dir == "" {
		return k.path, nil
	}
	file, err := os.CreateTemp(s.dir, "layer-")
	if err != nil {
		return "", nil // pulling again is no failure
	}
	k.filled = true
	return "", file
}

// end says where a layer is kept now; empty: nowhere, and size bytes are free
// again.
func (s *sharedLayers) end(digest v1.Hash, path string, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[digest].path, s.kept[digest].filled = path, false
	if path == "" {
		s.left += size
	}
}

// reserve reports whether n more bytes may be kept.
func (s *sharedLayers) reserve(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left -= int64(n)
	return s.left >= 0
}

// sharedLayer is pulled by the first of the images that reads it.
type sharedLayer struct {
	v1.Layer
	digest v1.Hash
	shared *sharedLayers
}

// Compressed returns the layer as it is stored. The last read fails if its
// digest is not what was promised, wherever it comes from.
func (l sharedLayer) Compressed() (io.ReadCloser, error) {
	path, fill := l.shared.begin(l.digest)
	if path != "" {
		if kept, err := l.open(path); err == nil {
			return kept, nil
		}
	}
	content, err := l.Layer.Compressed()
	if fill == nil {
		return content, err
	}
	keeping := &keepingReader{layer: l, content: content, file: fill}
	if err != nil {
		keeping.drop()
		return nil, err
	}
	return keeping, nil
}

// open returns the kept layer, if it has the size that this image says: pulling
// it fails otherwise, as it should.
func (l sharedLayer) open(path string) (io.ReadCloser, error) {
	sum, err := v1.Hasher(l.digest.Algorithm)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		var size int64
		if size, err = l.Layer.Size(); err == nil && size != info.Size() {
			err = fmt.Errorf("%d bytes are kept, and it has %d", info.Size(), size)
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return &keptReader{file: file, want: l.digest, sum: sum}, nil
}

// keepingReader writes what it reads into a file, which counts only when the
// last byte was read and checked.
type keepingReader struct {
	layer   sharedLayer
	content io.ReadCloser // checks the digest at its end
	file    *os.File      // nil: not kept, or not any more
	size    int64
}

// Read implements io.Reader.
func (r *keepingReader) Read(p []byte) (int, error) {
	n, err := r.content.Read(p)
	if r.file == nil {
		return n, err
	}
	r.size += int64(n)
	fits := r.layer.shared.reserve(n)
	if _, writeErr := r.file.Write(p[:n]); !fits || writeErr != nil || err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract
		r.drop()
		return n, err
	}
	if err != nil {
		r.keep()
	}
	return n, err
}

// Close implements io.Closer.
func (r *keepingReader) Close() error {
	r.drop()
	return r.content.Close()
}

func (r *keepingReader) keep() {
	path := r.file.Name()
	if err := r.file.Close(); err != nil {
		_ = os.Remove(path)
		path = ""
	}
	r.file = nil
	r.layer.shared.end(r.layer.digest, path, r.size)
}

// drop leaves nothing of a layer that was not read to its end.
func (r *keepingReader) drop() {
	if r.file == nil {
		return
	}
	_ = r.file.Close()
	_ = os.Remove(r.file.Name())
	r.file = nil
	r.layer.shared.end(r.layer.digest, "", r.size)
}

// keptReader checks a kept layer while it is read. The file is not embedded: its
// WriteTo would go past the check.
type keptReader struct {
	file *os.File
	want v1.Hash
	sum  hash.Hash
}

// Read implements io.Reader.
func (r *keptReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	_, _ = r.sum.Write(p[:n]) // a hash never fails
	if errors.Is(err, io.EOF) && hex.EncodeToString(r.sum.Sum(nil)) != r.want.Hex {
		return n, errors.New("its kept copy was changed")
	}
	return n, err
}

// Close implements io.Closer.
func (r *keptReader) Close() error { return r.file.Close() }
