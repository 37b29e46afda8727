package image

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// predicateAnnotation is BuildKit's annotation of a layer that holds a statement.
const predicateAnnotation = "in-toto.io/predicate-type"

// BuildAttestation is a statement that BuildKit left in an index, unsigned: a layer
// of a manifest that no runtime chooses
// (https://docs.docker.com/build/metadata/attestations/attestation-storage/).
type BuildAttestation struct {
	PredicateType string // as its annotation says
	Digest        string // of the layer
	Size          int64  // bytes
	Of            string // digest of the image that it is about; empty: none is named
}

// BuildAttestations returns what BuildKit left in an index; nothing for an image.
// Of a manifest that cannot be read nothing is returned but the error.
func (r *Registry) BuildAttestations(ctx context.Context, s attest.Subject) ([]BuildAttestation, error) {
	puller, err := remote.NewPuller(r.options(ctx)...)
	if err != nil {
		return nil, err
	}
	descriptor, err := puller.Get(ctx, s.Digest())
	if err != nil {
		return nil, explain(ctx, s.String(), err)
	}
	if !descriptor.MediaType.IsIndex() {
		return nil, nil
	}
	entries, err := entriesOf(descriptor)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", s, err)
	}
	var found []BuildAttestation
	total := int64(0)
	for _, entry := range entries {
		if !attestation(entry) {
			continue
		}
		held, err := r.statementsIn(ctx, puller, s, entry)
		if err != nil {
			return nil, err
		}
		if found = append(found, held...); len(found) > maxStatements {
			return nil, fmt.Errorf("opening %s: BuildKit left more than %d statements in it, the limit", s, maxStatements)
		}
		for _, b := range held {
			if total += b.Size; b.Size < 0 || total > maxAllStatements {
				return nil, fmt.Errorf("opening %s: what BuildKit left in it has more than %d bytes, the limit (1 GiB)", s, maxAllStatements)
			}
		}
	}
	return found, nil
}

func (r *Registry) statementsIn(ctx context.Context, puller *remote.Puller, s attest.Subject, entry v1.Descriptor) ([]BuildAttestation, error) {
	pinned := s.Digest().Context().Digest(entry.Digest.String())
	descriptor, err := puller.Get(ctx, pinned)
	if err != nil {
		return nil, explain(ctx, pinned.String(), err)
	}
	m, err := r.readManifest(pinned.String(), descriptor)
	if err != nil {
		return nil, err
	}
	var found []BuildAttestation
	for _, layer := range m.manifest.Layers {
		found = append(found, BuildAttestation{
			PredicateType: layer.Annotations[predicateAnnotation], Digest: layer.Digest.String(), Size: layer.Size,
			Of: describedOf(entry),
		})
	}
	return found, nil
}

// describedOf returns the digest of the image that an attestation manifest names.
func describedOf(entry v1.Descriptor) string {
	of, err := v1.NewHash(entry.Annotations[referenceDigest])
	if err != nil {
		return ""
	}
	return of.String()
}

// What is read of that which BuildKit left in an index is bounded, as anybody can
// leave it there.
const (
	maxStatements    = 1024
	maxStatement     = 64 << 20 // bytes of one
	maxAllStatements = 1 << 30  // bytes of all
)

// BuildStatement reads a statement that BuildKit left in the repository of s, no
// more of it than its manifest says. What it says is nobody's word: it is not
// signed.
func (r *Registry) BuildStatement(ctx context.Context, s attest.Subject, b BuildAttestation) ([]byte, error) {
	pinned := s.Digest().Context().Digest(b.Digest)
	if b.Size > maxStatement {
		return nil, fmt.Errorf("reading BuildKit's statement %s: it has %d bytes, the limit is %d (64 MiB)", pinned, b.Size, maxStatement)
	}
	layer, err := remote.Layer(pinned, r.options(ctx)...)
	if err != nil {
		return nil, explain(ctx, pinned.String(), err)
	}
	content, err := layer.Compressed() // as it is stored: checks the digest at its end
	if err != nil {
		return nil, explain(ctx, pinned.String(), err)
	}
	defer content.Close() //nolint:errcheck // only read from
	statement, err := io.ReadAll(io.LimitReader(content, b.Size+1))
	if err != nil {
		return nil, explain(ctx, pinned.String(), err)
	}
	if int64(len(statement)) > b.Size {
		return nil, fmt.Errorf("reading BuildKit's statement %s: it has more than the %d bytes that its manifest says", pinned, b.Size)
	}
	return statement, nil
}
