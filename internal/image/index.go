package image

import (
	"bytes"
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
	img, err := r.ready(subject, m)
	if err != nil {
		return Opened{}, err
	}
	wanted.takes(img.platform)
	return Opened{subject: subject, images: []Image{img}}, wanted.missing(pinned, "image")
}

// indexReader opens the images of one index.
type indexReader struct {
	registry *Registry
	puller   *remote.Puller
	pinned   name.Digest
	wanted   *selection
	total    int64 // bytes of manifests and configs
	opened   Opened
	seen     map[v1.Hash]bool
}

func (i *indexReader) read(ctx context.Context, subject attest.Subject, descriptor *remote.Descriptor) (Opened, error) {
	entries, err := entriesOf(descriptor)
	if err != nil {
		return Opened{}, fmt.Errorf("opening %s: %w", i.pinned, err)
	}
	i.seen = map[v1.Hash]bool{}
	i.opened = Opened{subject: subject, index: true, shared: newSharedLayers(i.registry.limits)}
	for _, entry := range entries {
		if err := i.take(ctx, entry); err != nil {
			return Opened{}, err
		}
	}
	if len(i.wanted.offered) == 0 {
		return Opened{}, fmt.Errorf("opening %s: it is an index of no images", i.pinned)
	}
	if err := i.wanted.missing(i.pinned, "index"); err != nil {
		return Opened{}, err
	}
	i.opened.leftOut = i.wanted.left
	return i.opened, i.opened.share()
}

// entriesOf reads what an index lists, and refuses what is too much of it.
func entriesOf(descriptor *remote.Descriptor) ([]v1.Descriptor, error) {
	if descriptor.Size > maxManifest {
		return nil, fmt.Errorf("its index has %d bytes, the limit is %d (4 MiB)", descriptor.Size, maxManifest)
	}
	manifest, err := v1.ParseIndexManifest(bytes.NewReader(descriptor.Manifest))
	if err != nil {
		return nil, fmt.Errorf("its index cannot be read: %w", malformed(err))
	}
	if n := len(manifest.Manifests); n > maxEntries {
		return nil, fmt.Errorf("its index lists %d manifests, the limit is %d", n, maxEntries)
	}
	for _, entry := range manifest.Manifests {
		switch {
		case entry.Size < 0:
			return nil, fmt.Errorf("its index lists %s with %d bytes", entry.Digest, entry.Size)
		case entry.MediaType == "":
			return nil, fmt.Errorf("its index does not say what %s is", entry.Digest)
		case entry.MediaType.IsIndex():
			return nil, fmt.Errorf("its index lists another index, %s, and an index of images is needed", entry.Digest)
		}
	}
	return manifest.Manifests, nil
}

// take sorts an entry in, and opens it if it is an image.
func (i *indexReader) take(ctx context.Context, entry v1.Descriptor) error {
	switch {
	case attestation(entry):
		described := describe(entry)
		described.Of = describedOf(entry)
		i.opened.attestations = append(i.opened.attestations, described)
		return nil
	case !entry.MediaType.IsImage():
		i.opened.artifacts = append(i.opened.artifacts, describe(entry))
		return nil
	}
	return i.add(ctx, entry)
}

// add opens the image of an entry if it is asked for. What for it is may be known
// only then; and that it is no image, which an entry for a platform must be.
func (i *indexReader) add(ctx context.Context, entry v1.Descriptor) error {
	named := entry.Platform != nil && entry.Platform.OS != ""
	if named && !i.wanted.takes(*entry.Platform) || i.seen[entry.Digest] {
		return nil
	}
	img, err := i.open(ctx, entry)
	var artifact *artifactError
	switch {
	case errors.As(err, &artifact) && !named:
		i.seen[entry.Digest] = true
		i.opened.artifacts = append(i.opened.artifacts, describe(entry))
		return nil
	case err != nil:
		return err
	case named:
		img.platform = *entry.Platform // what runtimes choose by
	case !i.wanted.takes(img.platform):
		return nil
	}
	i.seen[entry.Digest] = true
	i.opened.images = append(i.opened.images, img)
	return nil
}

// open opens the image of an entry, after making sure that it is what the entry
// promises.
func (i *indexReader) open(ctx context.Context, entry v1.Descriptor) (Image, error) {
	pinned := i.pinned.Context().Digest(entry.Digest.String())
	subject, err := attest.NewSubject(pinned, pinned.String())
	if err != nil {
		return Image{}, err
	}
	if entry.Size > maxManifest {
		return Image{}, fmt.Errorf("opening %s: its manifest has %d bytes, the limit is %d (4 MiB)", pinned, entry.Size, maxManifest)
	}
	descriptor, err := i.puller.Get(ctx, pinned)
	if err != nil {
		return Image{}, explain(ctx, pinned.String(), err)
	}
	if descriptor.MediaType != entry.MediaType || descriptor.Size != entry.Size {
		return Image{}, fmt.Errorf("opening %s: its manifest is %d bytes of type %q, but its index says %d of %q",
			pinned, descriptor.Size, plain.Line(string(descriptor.MediaType), 80), entry.Size, plain.Line(string(entry.MediaType), 80))
	}
	if err := unambiguous(descriptor); err != nil {
		return Image{}, fmt.Errorf("opening %s: %w", pinned, err)
	}
	m, err := i.registry.readManifest(pinned.String(), descriptor)
	if err != nil {
		return Image{}, err
	}
	if i.total += entry.Size + m.manifest.Config.Size; i.total > maxRead {
		return Image{}, fmt.Errorf("opening %s: with it, the manifests and configs of the index have over %d bytes (64 MiB)", pinned, maxRead)
	}
	return i.registry.ready(subject, m)
}

// attestation reports whether an entry is BuildKit's attestation of an image: it
// says so, and it is for a platform that no runtime chooses. With one of the two
// alone, an image would go unseen that a runtime may run.
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
