package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// indexReader opens the images of one index.
type indexReader struct {
	registry *Registry
	puller   *remote.Puller
	pinned   name.Digest
	wanted   *selection
	total    int64 // bytes of manifests and configs
	opened   Opened
	seen     map[v1.Hash]bool // what was sorted in, and whether it is an image
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

// take sorts an entry in: an image that is asked for, one that is not, an attestation of
// BuildKit's, or another artifact. What it is its content says, and no annotation or
// type in the index: whatever a runtime would run is an image here.
func (i *indexReader) take(ctx context.Context, entry v1.Descriptor) error {
	switch {
	case !entry.MediaType.IsImage():
		return i.takeOther(ctx, entry)
	case i.settled(entry):
		return nil
	}
	m, err := i.open(ctx, entry)
	if attestation(entry) && (holdsStatements(m) || isAbsent(err)) {
		described := describe(entry)
		described.Of = describedOf(entry)
		i.opened.attestations = append(i.opened.attestations, described)
		return nil
	}
	if err != nil {
		return err
	}
	image, err := m.isImage()
	if err != nil {
		return fmt.Errorf("opening %s: %w", m.reference, err)
	}
	if !image {
		i.seen[entry.Digest] = false
		i.opened.artifacts = append(i.opened.artifacts, describe(entry))
		return nil
	}
	return i.add(entry, m)
}

// settled reports whether nothing of an entry has to be read: it is for a platform that
// nobody asked for, or the same manifest was sorted in before.
func (i *indexReader) settled(entry v1.Descriptor) bool {
	image, seen := i.seen[entry.Digest]
	switch {
	case named(entry) && !attestation(entry) && !i.wanted.wants(*entry.Platform), image && named(entry):
		i.wanted.takes(*entry.Platform)
		return true
	}
	return seen
}

// named reports whether an entry says which platform it is for.
func named(entry v1.Descriptor) bool { return entry.Platform != nil && entry.Platform.OS != "" }

// add adds an image if it is asked for. What for it is may be known only now.
func (i *indexReader) add(entry v1.Descriptor, m manifested) error {
	subject, err := i.subjectOf(entry)
	if err != nil {
		return err
	}
	img, err := i.registry.ready(subject, m)
	if err != nil {
		return err
	}
	if named(entry) {
		img.platform = *entry.Platform // what runtimes choose by
	}
	if !i.wanted.takes(img.platform) {
		return nil
	}
	i.seen[entry.Digest] = true
	i.opened.images = append(i.opened.images, img)
	return nil
}

// takeOther sorts in an entry of a type that is no image's. Runtimes that go by what the
// registry says of a manifest would run an image all the same, and older ones ran images
// of Docker's first schema: those are refused.
func (i *indexReader) takeOther(ctx context.Context, entry v1.Descriptor) error {
	pinned := i.pinned.Context().Digest(entry.Digest.String())
	refused := func(what string) error {
		return fault.WithHint(fault.Undecidedf("opening %s: its index lists %s as %q, and that is %s, which was not examined",
			i.pinned, entry.Digest, plain.Line(string(entry.MediaType), 80), what), "build the index without it")
	}
	if entry.MediaType.IsSchema1() {
		return refused("an image of Docker's first schema")
	}
	if entry.Size <= maxManifest {
		descriptor, err := i.puller.Get(ctx, pinned)
		switch {
		case isAbsent(err): // a blob, or nothing: no runtime finds a manifest there either
		case err != nil:
			return explain(ctx, pinned.String(), err)
		default:
			if i.total += descriptor.Size; i.total > maxRead {
				return tooMuch(pinned)
			}
			var form struct {
				Config, Layers, Manifests, FSLayers json.RawMessage
			}
			if json.Unmarshal(descriptor.Manifest, &form) == nil && (form.Config != nil && form.Layers != nil || form.Manifests != nil || form.FSLayers != nil) {
				return refused("the manifest of an image or an index")
			}
		}
	}
	i.opened.artifacts = append(i.opened.artifacts, describe(entry))
	return nil
}

func (i *indexReader) subjectOf(entry v1.Descriptor) (attest.Subject, error) {
	pinned := i.pinned.Context().Digest(entry.Digest.String())
	return attest.NewSubject(pinned, pinned.String())
}

// open reads the manifest of an entry, after making sure that it is what the entry
// promises.
func (i *indexReader) open(ctx context.Context, entry v1.Descriptor) (manifested, error) {
	pinned := i.pinned.Context().Digest(entry.Digest.String())
	if _, err := i.subjectOf(entry); err != nil {
		return manifested{}, err
	}
	if entry.Size > maxManifest {
		return manifested{}, fmt.Errorf("opening %s: its manifest has %d bytes, the limit is %d (4 MiB)", pinned, entry.Size, maxManifest)
	}
	descriptor, err := i.puller.Get(ctx, pinned)
	if isAbsent(err) {
		return manifested{}, absentError{explain(ctx, pinned.String(), err)}
	}
	if err != nil {
		return manifested{}, explain(ctx, pinned.String(), err)
	}
	if descriptor.MediaType != entry.MediaType || descriptor.Size != entry.Size {
		return manifested{}, fmt.Errorf("opening %s: its manifest is %d bytes of type %q, but its index says %d of %q",
			pinned, descriptor.Size, plain.Line(string(descriptor.MediaType), 80), entry.Size, plain.Line(string(entry.MediaType), 80))
	}
	if err := unambiguous(descriptor); err != nil {
		return manifested{}, fmt.Errorf("opening %s: %w", pinned, err)
	}
	m, err := i.registry.readManifest(pinned.String(), descriptor)
	if err != nil {
		return manifested{}, err
	}
	if i.total += entry.Size + m.manifest.Config.Size; i.total > maxRead {
		return manifested{}, tooMuch(pinned)
	}
	return m, nil
}

func tooMuch(pinned name.Digest) error {
	return fmt.Errorf("opening %s: with it, the manifests and configs of the index have over %d bytes (64 MiB)", pinned, maxRead)
}

// absentError is an error about a manifest that the registry does not have.
type absentError struct{ error }

// Unwrap returns the cause.
func (e absentError) Unwrap() error { return e.error }

// isAbsent reports whether the registry says that it has no such manifest.
func isAbsent(err error) bool {
	var status *transport.Error
	_, known := errors.AsType[absentError](err)
	return known || errors.As(err, &status) && status.StatusCode == http.StatusNotFound
}
