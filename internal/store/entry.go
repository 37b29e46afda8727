package store

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/sigstore/cosign/v2/pkg/oci"
	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Signed is an envelope to be attached.
type Signed struct {
	PredicateType string
	Envelope      attest.Envelope
}

// Entry is one attached thing as the registry gave it. Nothing of it is
// verified.
type Entry struct {
	Digest      string // of the layer, sha256:…
	Size        int64  // bytes
	MediaType   string
	ClaimedType string // the predicate type that the annotation claims
	Raw         []byte // nil if Err is set
	Err         error  // why there is no Raw
	Unread      bool   // reading failed; the same entry may be readable later
}

// maxTotal bounds what one listing holds in memory, in bytes: 512 MiB.
const maxTotal = 512 << 20

// entries reads the layers, a few at a time and in their order up to maxTotal.
func entries(ctx context.Context, current content) []Entry {
	out := make([]Entry, len(current.layers))
	var group errgroup.Group
	group.SetLimit(4)
	var total int64
	for i, s := range current.layers {
		out[i] = describe(current.manifest.Layers[i])
		if out[i].Err != nil {
			continue
		}
		if total += out[i].Size; total > maxTotal {
			out[i].Err = fmt.Errorf("with it and those before it, the attestations have over %d bytes (512 MiB)", maxTotal)
			continue
		}
		group.Go(func() error {
			out[i].fill(ctx, s)
			return nil
		})
	}
	_ = group.Wait() // errors are the entries' own
	return out
}

// describe returns what the manifest says of a layer.
func describe(layer v1.Descriptor) Entry {
	e := Entry{
		Digest: layer.Digest.String(), Size: layer.Size,
		MediaType: string(layer.MediaType), ClaimedType: layer.Annotations[predicateAnnotation],
	}
	switch {
	case e.Size < 0: // with it the registry client reads without end
		e.Err = fmt.Errorf("it has %d bytes by its manifest", e.Size)
	case e.Size > attest.MaxSize:
		e.Err = fmt.Errorf("it has %d bytes, the limit is %d (128 MiB)", e.Size, attest.MaxSize)
	}
	return e
}

// fill reads the layer's bytes.
func (e *Entry) fill(ctx context.Context, s oci.Signature) {
	raw, err := readLayer(s, e.Size)
	if err != nil {
		e.Err = fmt.Errorf("reading the layer %s: %w", e.Digest, explain(ctx, err))
		e.Unread = true
		return
	}
	e.Raw = raw
}

// readLayer reads a layer of size bytes; the registry client checks their
// digest when they end.
func readLayer(s oci.Signature, size int64) ([]byte, error) {
	r, err := s.Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read from

	raw, err := io.ReadAll(io.LimitReader(r, size+1))
	if err == nil && int64(len(raw)) != size {
		err = fmt.Errorf("it has other than %d bytes", size)
	}
	return raw, err
}
