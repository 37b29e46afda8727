package image

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync/atomic"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Limits bounds what an image may cost.
type Limits struct {
	Layers        int   // number of layers
	UnpackedLayer int64 // bytes of one layer once it is decompressed
	UnpackedTotal int64 // bytes of all layers of one image once they are
}

// DefaultLimits returns the limits that no honest image reaches: 1,000 layers,
// 20 GiB in one layer, 64 GiB in all.
func DefaultLimits() Limits {
	return Limits{Layers: 1000, UnpackedLayer: 20 << 30, UnpackedTotal: 64 << 30}
}

// checkedImage hands out layers that check themselves.
type checkedImage struct {
	v1.Image
	limits   Limits
	unpacked *atomic.Int64 // bytes of all that was read of its layers
	shared   *sharedLayers // nil: it shares none with another image
}

// Layers returns the layers in the order of the manifest.
func (i checkedImage) Layers() ([]v1.Layer, error) {
	layers, err := i.Image.Layers()
	if err != nil {
		return nil, err
	}
	config, err := i.ConfigFile()
	if err != nil {
		return nil, err
	}
	if len(config.RootFS.DiffIDs) != len(layers) {
		return nil, fmt.Errorf("the config lists %d layers, the manifest %d", len(config.RootFS.DiffIDs), len(layers))
	}
	checked := make([]v1.Layer, len(layers))
	for n, l := range layers {
		checked[n] = checkedLayer{Layer: i.shared.layer(l), diffID: config.RootFS.DiffIDs[n], limits: i.limits, unpacked: i.unpacked}
	}
	return checked, nil
}

// checkedLayer decompresses with a faster gzip than the standard library's and
// compares what comes out with the diff id that the config promises.
type checkedLayer struct {
	v1.Layer
	diffID   v1.Hash
	limits   Limits
	unpacked *atomic.Int64 // shared by the layers of the image
}

// DiffID returns the digest of the unpacked layer as the config has it.
func (l checkedLayer) DiffID() (v1.Hash, error) { return l.diffID, nil }

// Uncompressed returns the layer's tar. The last read fails if the layer's
// digest or diff id is not what was promised.
func (l checkedLayer) Uncompressed() (io.ReadCloser, error) {
	compressed, err := l.Layer.Compressed() // checks the digest at its end
	if err != nil {
		return nil, l.wrap(err)
	}
	download := readAhead(compressed, nil)
	buffered := bufio.NewReaderSize(download, 64<<10) // what gzip reads fastest from
	plain, err := decompress(buffered)
	if err != nil {
		download.stop()
		_ = compressed.Close()
		return nil, l.wrap(err)
	}
	sum := sha256.New()
	return &checkedReader{
		layer: l, content: compressed, download: download, compressed: buffered, plain: plain, sum: sum,
		unpacked: readAhead(plain, func(p []byte) { _, _ = sum.Write(p) }), // a hash never fails
	}, nil
}

func (l checkedLayer) wrap(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = fmt.Errorf("it is cut short: %w", io.ErrUnexpectedEOF)
	}
	digest, digestErr := l.Layer.Digest()
	if digestErr != nil {
		return err
	}
	return &layerError{digest: digest, err: err}
}

// layerError is what is wrong with a layer. It is a type, so that it can be
// found among what others have wrapped around it.
type layerError struct {
	digest v1.Hash
	err    error
}

// Error implements error.
func (e *layerError) Error() string {
	if status, ok := errors.AsType[*transport.Error](e.err); ok {
		return fmt.Sprintf("reading the layer %s: %s", e.digest, answered(status)) // its own text has the page that came
	}
	return fmt.Sprintf("reading the layer %s: %v", e.digest, e.err)
}

// Unwrap returns the cause.
func (e *layerError) Unwrap() error { return e.err }

// Layer returns the digest of the layer.
func (e *layerError) Layer() v1.Hash { return e.digest }

// decompress tells gzip, zstd and plain tar apart by their first bytes, as
// media types are not always right about it.
func decompress(r *bufio.Reader) (io.ReadCloser, error) {
	magic, err := r.Peek(4)
	if err != nil && len(magic) == 0 {
		return io.NopCloser(r), nil // an empty layer; its diff id decides
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(r)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	default:
		return io.NopCloser(r), nil
	}
}

// checkedReader is the end of a row of stages, each of which works on its own:
// the layer comes down and its digest is summed; it is decompressed; its diff id
// is summed; it is read.
type checkedReader struct {
	layer      checkedLayer
	content    io.Closer     // of the layer as it is stored
	download   *ahead        // reads content
	compressed io.Reader     // what has come down
	plain      io.ReadCloser // decompresses it
	unpacked   *ahead        // reads plain
	sum        hash.Hash     // of all of unpacked that was read
	read       int64
}

// Read implements io.Reader.
func (r *checkedReader) Read(p []byte) (int, error) {
	n, err := r.unpacked.Read(p)
	r.read += int64(n)
	limits := r.layer.limits
	if r.read > limits.UnpackedLayer {
		return 0, r.layer.wrap(fmt.Errorf("it unpacks to more than %d bytes, the limit of one layer", limits.UnpackedLayer))
	}
	if r.layer.unpacked.Add(int64(n)) > limits.UnpackedTotal {
		return 0, r.layer.wrap(fmt.Errorf("with it the image unpacks to more than %d bytes, the limit of all layers", limits.UnpackedTotal))
	}
	switch {
	case err == io.EOF: //nolint:errorlint // io.Reader's contract: EOF itself
		return n, r.finish()
	case err != nil:
		return n, r.layer.wrap(err)
	}
	return n, nil
}

// finish reads what lies behind the compressed stream, so that the digest is
// checked over all of it, and compares the diff id.
func (r *checkedReader) finish() error {
	if _, err := io.Copy(io.Discard, r.compressed); err != nil {
		return r.layer.wrap(err)
	}
	if got := hex.EncodeToString(r.sum.Sum(nil)); got != r.layer.diffID.Hex {
		return r.layer.wrap(fmt.Errorf("it unpacks to sha256:%s, but the image's config says %s", got, r.layer.diffID))
	}
	return io.EOF
}

// Close implements io.Closer. It waits for the stages, the last one first.
func (r *checkedReader) Close() error {
	r.download.interrupt()
	r.unpacked.stop()
	r.download.stop()
	_ = r.plain.Close() // it says again what Read said, or that it was given up
	return r.content.Close()
}
