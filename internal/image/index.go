package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Bounds of an index, far beyond what an honest one has.
const (
	maxEntries  = 256      // manifests that it lists
	maxManifest = 4 << 20  // bytes of it, and of each manifest, as registries have it: 4 MiB
	maxRead     = 64 << 20 // bytes of all manifests and configs together: 64 MiB
)

// BuildKit's annotations of an attestation manifest.
const (
	referenceType   = "vnd.docker.reference.type"
	referenceDigest = "vnd.docker.reference.digest"
)

// Opened is what a reference names: one image, or an index with the images of
// several platforms.
type Opened struct {
	subject      attest.Subject
	index        bool
	images       []Image
	attestations []IndexEntry
	artifacts    []IndexEntry
	leftOut      []string
	shared       *sharedLayers
}

// IndexEntry is what an index says of something in it that is no image. Nothing
// of it was looked at.
type IndexEntry struct {
	Digest    string
	MediaType string
	Size      int64
	Of        string // digest of the image that it is about; empty: none
}

// Subject returns what the reference names, pinned: the index, or the image.
func (o Opened) Subject() attest.Subject { return o.subject }

// IsIndex reports whether the reference names an index.
func (o Opened) IsIndex() bool { return o.index }

// Images returns the images that were asked for, in the order of the index. The
// subject of each is requested by its digest, so it never moves.
func (o Opened) Images() []Image { return o.images }

// Attestations returns what BuildKit attached to the images of the index, those
// that were not asked for included.
func (o Opened) Attestations() []IndexEntry { return o.attestations }

// Artifacts returns what else is in the index and is no image.
func (o Opened) Artifacts() []IndexEntry { return o.artifacts }

// LeftOut returns the platforms of the index that were not asked for.
func (o Opened) LeftOut() []string { return o.leftOut }

// ShareLayers lets the images keep layers that several of them have in a folder,
// so that each is pulled once. The folder is the caller's to remove, when no
// layer is read any more.
func (o Opened) ShareLayers(dir string) { o.shared.keepIn(dir) }

// OpenAll pins a reference and returns the images that it names: of an index
// those of the platforms given, all if none or "all" is. A platform without a
// variant stands for each of its variants. A platform that is not there is a
// usage error. The reason for which ctx ended goes before whatever was made of
// an answer that came too late.
//
// An index that holds another index is refused: nothing that a runtime may find
// in it may go unseen, and nobody builds such.
func (r *Registry) OpenAll(ctx context.Context, reference string, platforms []string) (Opened, error) {
	wanted, err := parsePlatforms(platforms)
	if err != nil {
		return Opened{}, err
	}
	ref, err := r.parse(reference)
	if err != nil {
		return Opened{}, err
	}
	opened, err := r.openAll(ctx, reference, ref, wanted)
	if err != nil && ctx.Err() != nil {
		return Opened{}, explain(ctx, reference, err)
	}
	return opened, err
}

func (r *Registry) openAll(ctx context.Context, reference string, ref name.Reference, wanted *selection) (Opened, error) {
	puller, err := remote.NewPuller(r.options(ctx)...) // one login for all
	if err != nil {
		return Opened{}, err
	}
	descriptor, err := puller.Get(ctx, ref)
	if err != nil {
		return Opened{}, explain(ctx, reference, err)
	}
	pinned := ref.Context().Digest(descriptor.Digest.String())
	subject, err := attest.NewSubject(pinned, reference)
	if err != nil {
		return Opened{}, err
	}
	if err := unambiguous(descriptor); err != nil {
		return Opened{}, fmt.Errorf("opening %s: %w", pinned, err)
	}
	if descriptor.MediaType.IsIndex() {
		reader := &indexReader{registry: r, puller: puller, pinned: pinned, wanted: wanted}
		return reader.read(ctx, subject, descriptor)
	}
	m, err := r.readManifest(reference, descriptor)
	if err != nil {
		return Opened{}, err
	}
	image, err := m.isImage()
	switch {
	case err != nil:
		return Opened{}, fmt.Errorf("opening %s: %w", reference, err)
	case !image:
		return Opened{}, fmt.Errorf("opening %s: it holds an artifact of type %q, not a container image",
			reference, plain.Line(string(m.manifest.Config.MediaType), 80))
	}
	img, err := r.ready(subject, m)
	if err != nil {
		return Opened{}, err
	}
	wanted.takes(img.platform)
	return Opened{subject: subject, images: []Image{img}}, wanted.missing(pinned, "image")
}

// attestation reports whether an entry says that it is BuildKit's attestation of an
// image, and is for a platform that no runtime chooses.
func attestation(entry v1.Descriptor) bool {
	return entry.MediaType.IsImage() && entry.Annotations[referenceType] == "attestation-manifest" &&
		entry.Platform != nil && entry.Platform.OS == "unknown" && entry.Platform.Architecture == "unknown"
}

func describe(entry v1.Descriptor) IndexEntry {
	return IndexEntry{Digest: entry.Digest.String(), MediaType: string(entry.MediaType), Size: entry.Size}
}

// unambiguous refuses a manifest that one reader may take for an image and
// another for an index.
func unambiguous(descriptor *remote.Descriptor) error {
	var m struct {
		MediaType string          `json:"mediaType"`
		Config    json.RawMessage `json:"config"`
		Layers    json.RawMessage `json:"layers"`
		Manifests json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(descriptor.Manifest, &m); err != nil {
		return nil //nolint:nilerr // who reads it says what is wrong with it
	}
	if m.MediaType != "" && m.MediaType != string(descriptor.MediaType) {
		return fmt.Errorf("its manifest says that it is of type %q, and its registry %q",
			plain.Line(m.MediaType, 80), plain.Line(string(descriptor.MediaType), 80))
	}
	if m.Manifests != nil && (m.Config != nil || m.Layers != nil) {
		return errors.New("its manifest is that of an image and of an index at once")
	}
	return nil
}
