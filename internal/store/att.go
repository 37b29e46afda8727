package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/cosign/v2/pkg/oci"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	ocistatic "github.com/sigstore/cosign/v2/pkg/oci/static"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

const (
	envelopeMediaType   = types.MediaType("application/vnd.dsse.envelope.v1+json")
	predicateAnnotation = "predicateType" // cosign's, on the layer
)

// Att is the store under the tag sha256-<hex>.att.
type Att struct {
	remote     []remote.Option
	target     *name.Repository
	signatures bool    // under .sig, instead of attestations under .att
	known      *memory // layers that were read already
	own        *writes
}

// NewAtt returns the store. Attestations lie in target, as COSIGN_REPOSITORY
// has it, or beside the image if target is nil.
func NewAtt(options []remote.Option, target *name.Repository) Att {
	return Att{remote: options, target: target, known: &memory{}, own: &writes{}}
}

// Format returns att.
func (a Att) Format() Format {
	if a.signatures {
		return FormatSig
	}
	return FormatAtt
}

// StatementType returns the version of in-toto statements that this store's
// readers expect: v0.1, as cosign writes it.
func (a Att) StatementType() string { return attest.StatementV01 }

// Location returns the tag that holds the attestations of a subject.
func (a Att) Location(s attest.Subject) (name.Tag, error) {
	find := ociremote.AttestationTag
	if a.signatures {
		find = ociremote.SignatureTag
	}
	tag, err := find(s.Digest(), a.options()...)
	if err != nil {
		return name.Tag{}, fmt.Errorf("naming the attestations of %s: %w", s, err)
	}
	return tag, nil
}

// List returns all that is attached to a subject, in the order of the manifest,
// and nothing where there is no such tag. What cannot be read is an entry with
// its error, not the end of the list.
func (a Att) List(ctx context.Context, s attest.Subject) ([]Entry, error) {
	current, err := a.read(ctx, s)
	if tooMany, ok := errors.AsType[tooManyLayersError](err); ok {
		return []Entry{Entry{Format: a.Format()}.notRead(attest.PlaceAttLayers, tooMany.error)}, nil
	}
	if err != nil {
		return nil, err
	}
	return a.entries(ctx, current, func(Entry) bool { return true }), nil
}

// Attach writes envelopes to a subject. mine tells whether an entry that is
// already there may be replaced by one of the same predicate type; all others
// are kept. Whether what it attached and what it kept stays there, the end of the
// watch tells. mine may be called until then.
func (a Att) Attach(ctx context.Context, s attest.Subject, signed []Signed, mine func(attest.Envelope) bool) (*Watched, error) {
	added, err := layers(signed)
	if err != nil {
		return nil, fmt.Errorf("attaching to %s: %w", s, err)
	}
	if len(added) == 0 {
		return Settled(Receipt{}), nil
	}
	w, err := a.newWriter(ctx, s, added)
	if err != nil {
		return nil, fmt.Errorf("attaching to %s: %w", s, err)
	}
	w.judge = newJudge(signed, mine)
	if w.ranks, err = ranks(signed, layerNames(added)); err != nil {
		return nil, fmt.Errorf("attaching to %s: %w", s, err)
	}
	return settle(ctx, s, w, a.own, func() []string { return w.superseded })
}

// tooManyLayersError says that a tag has more layers than any reader takes.
type tooManyLayersError struct{ error }

// Unwrap returns the error itself.
func (e tooManyLayersError) Unwrap() error { return e.error }

// content is what lies under a tag.
type content struct {
	repository name.Repository
	digest     v1.Hash // of the manifest; that of an empty one where the tag is not there
	manifest   *v1.Manifest
	layers     []oci.Signature // in the order of the manifest
}

// entries returns the layers, and the bytes of those that are wanted.
func (a Att) entries(ctx context.Context, c content, wanted func(Entry) bool) []Entry {
	out := make([]Entry, len(c.layers))
	for i, layer := range c.manifest.Layers {
		out[i] = describe(a.Format(), layer, layer.Annotations[predicateAnnotation])
		out[i].vouching = vouching(layer.Annotations)
	}
	digest := func(i int) v1.Hash { return c.manifest.Layers[i].Digest }
	fill(ctx, out, wanted, a.known.reading(digest, a.pulling(c)))
	for i, e := range out {
		a.known.keep(digest(i), e.Raw)
	}
	return out
}

// pulling returns a source that pulls layers by their digests. The layers that the
// client makes of an image read the whole manifest again for each of them.
func (a Att) pulling(c content) source {
	puller := sync.OnceValues(func() (*remote.Puller, error) { return remote.NewPuller(a.remote...) })
	return func(ctx context.Context, i int) (io.ReadCloser, error) {
		from, err := puller()
		if err != nil {
			return nil, err
		}
		layer, err := from.Layer(ctx, c.repository.Digest(c.manifest.Layers[i].Digest.String()))
		if err != nil {
			return nil, err
		}
		return layer.Compressed()
	}
}

// read returns what lies under the tag; no layers where the tag is not there.
func (a Att) read(ctx context.Context, s attest.Subject) (content, error) {
	tag, err := a.Location(s)
	if err != nil {
		return content{}, err
	}
	set, err := ociremote.Signatures(tag, ociremote.WithRemoteOptions(a.with(ctx)...))
	if err != nil {
		return content{}, fmt.Errorf("reading %s: %w", tag, explain(ctx, err))
	}
	layers, err := set.Get()
	if tooMany, ok := errors.AsType[*oci.MaxLayersExceeded](err); ok {
		return content{}, tooManyLayersError{overBounds("reading %s: %w, and no reader takes more", tag, tooMany)}
	}
	if err != nil {
		return content{}, fmt.Errorf("reading %s: %w", tag, explain(ctx, err))
	}
	digest, err := set.Digest()
	if err != nil {
		return content{}, fmt.Errorf("reading %s: %w", tag, explain(ctx, err))
	}
	manifest, err := set.Manifest()
	if err != nil {
		return content{}, fmt.Errorf("reading %s: %w", tag, explain(ctx, err))
	}
	if len(layers) != len(manifest.Layers) {
		return content{}, fmt.Errorf("reading %s: %d layers of %d can be named", tag, len(layers), len(manifest.Layers))
	}
	return content{repository: tag.Context(), digest: digest, manifest: manifest, layers: layers}, nil
}

func (a Att) options() []ociremote.Option {
	options := []ociremote.Option{ociremote.WithRemoteOptions(a.remote...)}
	if a.target != nil {
		options = append(options, ociremote.WithTargetRepository(*a.target))
	}
	return options
}

func (a Att) with(ctx context.Context) []remote.Option {
	return append(slices.Clone(a.remote), remote.WithContext(ctx))
}

// layers returns the envelopes in the form that they are written in.
func layers(signed []Signed) ([]oci.Signature, error) {
	out := make([]oci.Signature, len(signed))
	for i, s := range signed {
		annotations, err := annotate(s.Envelope.Proof())
		if err != nil {
			return nil, err
		}
		annotations[predicateAnnotation] = s.PredicateType
		layer, err := ocistatic.NewAttestation(s.Envelope.Raw(),
			ocistatic.WithLayerMediaType(envelopeMediaType), ocistatic.WithAnnotations(annotations))
		if err != nil {
			return nil, err
		}
		out[i] = layer
	}
	return out, nil
}

// layerNames returns what tells layers apart: the digest and, since all signatures
// of one image are over the same bytes, the signature.
func layerNames(layers []oci.Signature) []string {
	out := make([]string, len(layers))
	for i, l := range layers {
		digest, err := l.Digest()
		annotations, annotationsErr := l.Annotations()
		if err == nil && annotationsErr == nil { // else it is no layer that is looked for
			out[i] = layerName(digest.String(), annotations[signatureAnnotation])
		}
	}
	return out
}

func layerName(digest, signature string) string { return digest + signature }
