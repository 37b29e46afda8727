package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

const (
	emptyMediaType    = types.MediaType("application/vnd.oci.empty.v1+json")
	createdAnnotation = "org.opencontainers.image.created"
	contentAnnotation = "dev.sigstore.bundle.content"
)

// staged is a manifest whose blobs are in the registry already.
type staged struct {
	raw        []byte
	descriptor v1.Descriptor
	bundle     v1.Hash // of the layer
}

// stage uploads the bundles and makes their manifests. Nobody sees them before
// the manifests are there.
func (w *referrerWriter) stage(ctx context.Context, signed []Signed) error {
	subject, err := remote.Head(w.subject.Digest(), w.remote...)
	if err != nil {
		return err
	}
	pusher, err := remote.NewPusher(w.remote...)
	if err != nil {
		return err
	}
	w.added = make([]staged, len(signed))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	config := static.NewLayer([]byte("{}"), emptyMediaType)
	group.Go(func() error { return pusher.Upload(groupCtx, w.repo, config) })
	for i, s := range signed {
		content, err := s.Envelope.EncodeBundle()
		if err != nil {
			return err
		}
		if len(content) > attest.MaxSize {
			return fmt.Errorf("the bundle of type %s has %d bytes, the limit is %d (128 MiB)", attest.ShortType(s.PredicateType), len(content), attest.MaxSize)
		}
		layer := static.NewLayer(content, attest.BundleMediaType)
		if w.added[i], err = newStaged(subject, config, layer, s.PredicateType); err != nil {
			return err
		}
		group.Go(func() error { return pusher.Upload(groupCtx, w.repo, layer) })
	}
	return group.Wait()
}

// newStaged makes the manifest of a bundle as cosign makes it.
func newStaged(subject *v1.Descriptor, config, layer v1.Layer, predicateType string) (staged, error) {
	annotations := map[string]string{
		createdAnnotation:         time.Now().UTC().Format(time.RFC3339),
		contentAnnotation:         "dsse-envelope",
		bundlePredicateAnnotation: predicateType,
	}
	parts := make([]v1.Descriptor, 2)
	for i, l := range []v1.Layer{config, layer} {
		d, err := descriptorOf(l)
		if err != nil {
			return staged{}, err
		}
		parts[i] = d
	}
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        parts[0],
		Layers:        parts[1:],
		Subject:       &v1.Descriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size},
		Annotations:   annotations,
		ArtifactType:  attest.BundleMediaType,
	})
	if err != nil {
		return staged{}, err
	}
	return staged{raw: raw, bundle: parts[1].Digest, descriptor: v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: sha256Of(raw), Size: int64(len(raw)),
		ArtifactType: attest.BundleMediaType, Annotations: annotations,
	}}, nil
}

func descriptorOf(l v1.Layer) (v1.Descriptor, error) {
	digest, err := l.Digest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	size, err := l.Size()
	if err != nil {
		return v1.Descriptor{}, err
	}
	mediaType, err := l.MediaType()
	return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size}, err
}
