// Package store keeps envelopes beside the image that they are about, in its
// registry, and gives back what is there.
//
// The store for the .att tag follows cosign: an image manifest under the tag
// sha256-<hex>.att whose layers are DSSE envelopes
// (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md).
// What a run attaches becomes visible with one manifest write: all of it or
// nothing. Layers of other signers are carried over as they are, and so are the
// annotations of the manifest.
//
// A registry offers no compare-and-swap on a tag, so writers who come at once may
// overwrite each other. Everything slow is done first; then the tag is looked at
// once more and written in the next request, unless another writer was faster.
// When all who looked before have written too, what the tag holds is read back.
// What was overwritten is merged and written again. What remains is a writer
// that stops for longer between its look and its write, or does not take care.
package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/sigstore/cosign/v2/pkg/oci"
	ociremote "github.com/sigstore/cosign/v2/pkg/oci/remote"
	ocistatic "github.com/sigstore/cosign/v2/pkg/oci/static"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

const (
	envelopeMediaType   = types.MediaType("application/vnd.dsse.envelope.v1+json")
	predicateAnnotation = "predicateType" // cosign's, on the layer
	attempts            = 12              // writes before a contended tag is given up
)

// Att is the store under the tag sha256-<hex>.att.
type Att struct {
	remote []remote.Option
	target *name.Repository
}

// NewAtt returns the store. Attestations lie in target, as COSIGN_REPOSITORY
// has it, or beside the image if target is nil.
func NewAtt(options []remote.Option, target *name.Repository) Att {
	return Att{remote: options, target: target}
}

// Location returns the tag that holds the attestations of a subject.
func (a Att) Location(s attest.Subject) (name.Tag, error) {
	tag, err := ociremote.AttestationTag(s.Digest(), a.options()...)
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
	if err != nil {
		return nil, err
	}
	return entries(ctx, current), nil
}

// Attach writes envelopes to a subject. mine tells whether an entry that is
// already there may be replaced by one of the same predicate type; all others
// are kept. When it returns without error, everything it attached and
// everything it kept was read back from the registry.
func (a Att) Attach(ctx context.Context, s attest.Subject, signed []Signed, mine func(attest.Envelope) bool) error {
	added, err := layers(signed)
	if err != nil {
		return fmt.Errorf("attaching to %s: %w", s, err)
	}
	if len(added) == 0 {
		return nil
	}
	w, err := a.newWriter(ctx, s, added)
	if err != nil {
		return fmt.Errorf("attaching to %s: %w", s, err)
	}
	for attempt := range attempts {
		kept, written, err := w.writeOnce(ctx, Replaces(signed, mine))
		if err != nil {
			return fmt.Errorf("attaching to %s: %w", s, err)
		}
		if written {
			missing, err := a.missing(ctx, s, slices.Concat(kept, digests(added)))
			if err != nil {
				return fmt.Errorf("reading back what was attached to %s: %w", s, err)
			}
			if missing == 0 {
				return nil
			}
		}
		if err := pause(ctx, attempt); err != nil {
			return fmt.Errorf("attaching to %s: %w", s, err)
		}
	}
	return fault.WithHint(fmt.Errorf("attaching to %s: other writers kept replacing the tag, %d attempts were lost", s, attempts),
		"attach from one job at a time, or run this one again")
}

// missing counts the wanted layers that the tag does not list.
func (a Att) missing(ctx context.Context, s attest.Subject, wanted []string) (int, error) {
	current, err := a.read(ctx, s)
	if err != nil {
		return 0, err
	}
	present := digests(current.layers)
	count := 0
	for _, w := range wanted {
		if !slices.Contains(present, w) {
			count++
		}
	}
	return count, nil
}

// content is what lies under a tag.
type content struct {
	digest   v1.Hash // of the manifest; that of an empty one where the tag is not there
	manifest *v1.Manifest
	layers   []oci.Signature // in the order of the manifest
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
	return content{digest: digest, manifest: manifest, layers: layers}, nil
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
		layer, err := ocistatic.NewAttestation(s.Envelope.Raw(),
			ocistatic.WithLayerMediaType(envelopeMediaType),
			ocistatic.WithAnnotations(map[string]string{predicateAnnotation: s.PredicateType}))
		if err != nil {
			return nil, err
		}
		out[i] = layer
	}
	return out, nil
}

// Replaces returns whether an entry gives way to what is signed now: it is mine,
// and one of the signed is of its predicate type.
func Replaces(signed []Signed, mine func(attest.Envelope) bool) func(Entry) bool {
	return func(e Entry) bool {
		if e.Err != nil {
			return false
		}
		envelope, err := attest.ParseEnvelope(e.Raw)
		if err != nil || !mine(envelope) {
			return false
		}
		statement, err := attest.ParseStatement(envelope.Payload())
		return err == nil && slices.ContainsFunc(signed, func(s Signed) bool {
			return attest.SameType(s.PredicateType, statement.PredicateType)
		})
	}
}

func digests(signatures []oci.Signature) []string {
	out := make([]string, len(signatures))
	for i, s := range signatures {
		out[i] = digestOf(s)
	}
	return out
}

func digestOf(layer v1.Layer) string {
	digest, err := layer.Digest()
	if err != nil {
		return "" // matches no digest that is looked for
	}
	return digest.String()
}

// pause waits before another attempt, longer each time and by chance, so that
// writers who met once do not meet again.
func pause(ctx context.Context, attempt int) error {
	limit := min(100*time.Millisecond<<attempt, 2*time.Second)
	return wait(ctx, limit/2+rand.N(limit)) //nolint:gosec // not a secret
}
