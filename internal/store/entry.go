package store

import (
	"context"
	"fmt"
	"io"

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

// entries reads the layers, a few at a time.
func entries(ctx context.Context, signatures []oci.Signature) []Entry {
	out := make([]Entry, len(signatures))
	var group errgroup.Group
	group.SetLimit(4)
	for i, s := range signatures {
		group.Go(func() error {
			out[i] = entry(ctx, s)
			return nil
		})
	}
	_ = group.Wait() // errors are the entries' own
	return out
}

func entry(ctx context.Context, s oci.Signature) Entry {
	e := Entry{Digest: digestOf(s)}
	if mediaType, err := s.MediaType(); err == nil {
		e.MediaType = string(mediaType)
	}
	if annotations, err := s.Annotations(); err == nil {
		e.ClaimedType = annotations[predicateAnnotation]
	}
	size, err := s.Size()
	if err != nil {
		e.Err = err
		return e
	}
	e.Size = size
	if size > attest.MaxSize {
		e.Err = fmt.Errorf("it has %d bytes, the limit is %d (128 MiB)", size, attest.MaxSize)
		return e
	}
	raw, err := readLayer(s)
	if err != nil {
		e.Err = fmt.Errorf("reading the layer %s: %w", e.Digest, cause(ctx, err))
		e.Unread = true
		return e
	}
	e.Raw = raw
	return e
}

// readLayer reads a layer's bytes; the registry client checks their digest.
func readLayer(s oci.Signature) ([]byte, error) {
	r, err := s.Compressed()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // only read from
	return io.ReadAll(io.LimitReader(r, attest.MaxSize+1))
}
