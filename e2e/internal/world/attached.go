package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Attestation is something attached to an image, read without the product.
type Attestation struct {
	Store         string // att or bundle
	PredicateType string
	Predicate     json.RawMessage
	Digest        string // of the layer that holds it
}

// Attached reads all that is attached to a pinned image: the tag
// sha256-<hex>.att, and its referrers that are bundles.
func Attached(ctx context.Context, image string) ([]Attestation, error) {
	digest, err := name.NewDigest(image)
	if err != nil {
		return nil, err
	}
	option := remote.WithContext(ctx)
	tag := digest.Context().Tag(strings.Replace(digest.DigestStr(), ":", "-", 1) + ".att")
	out, err := read(ctx, "att", tag)
	if err != nil {
		return nil, err
	}
	index, err := remote.Referrers(digest, option)
	if err != nil {
		return nil, fmt.Errorf("listing the referrers of %s: %w", digest, err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("listing the referrers of %s: %w", digest, err)
	}
	for _, d := range list.Manifests {
		bundles, err := read(ctx, "bundle", digest.Context().Digest(d.Digest.String()))
		if err != nil {
			return nil, err
		}
		out = append(out, bundles...)
	}
	return out, nil
}

func read(ctx context.Context, store string, ref name.Reference) ([]Attestation, error) {
	img, err := remote.Image(ref, remote.WithContext(ctx))
	var status *transport.Error
	if errors.As(err, &status) && status.StatusCode == http.StatusNotFound && store == "att" {
		return nil, nil // nothing is attached
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	var out []Attestation
	for _, layer := range layers {
		a, err := parse(layer)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", ref, err)
		}
		digest, err := layer.Digest()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", ref, err)
		}
		a.Store, a.Digest = store, digest.String()
		out = append(out, a)
	}
	return out, nil
}

func parse(layer v1.Layer) (Attestation, error) {
	r, err := layer.Compressed()
	if err != nil {
		return Attestation{}, err
	}
	defer r.Close() //nolint:errcheck // only read from
	raw, err := io.ReadAll(r)
	if err != nil {
		return Attestation{}, err
	}
	var envelope struct {
		Payload      []byte
		DSSEEnvelope struct{ Payload []byte }
	}
	if err := json.Unmarshal(raw, &envelope); err != nil {
		return Attestation{}, err
	}
	payload := envelope.Payload
	if payload == nil {
		payload = envelope.DSSEEnvelope.Payload
	}
	var statement Attestation
	return statement, json.Unmarshal(payload, &statement)
}
