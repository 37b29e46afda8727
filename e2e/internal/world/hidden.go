package world

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// PushHidden pushes an index of a clean image for one platform, and of a vulnerable image
// for another that the index does not name: its config has a media type that is no
// image's, and that Docker runs all the same.
func PushHidden(ctx context.Context, reference, platform, other string, configType types.MediaType) (name.Digest, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return name.Digest{}, fmt.Errorf("pushing an index: %w", err)
	}
	pushed := Index{Images: map[string]name.Digest{}, layers: map[string]v1.Hash{}}
	clean, err := pushed.image(ref, platform, false)
	if err != nil {
		return name.Digest{}, fmt.Errorf("making the image for %s: %w", platform, err)
	}
	vulnerable, err := pushed.image(ref, other, true)
	if err != nil {
		return name.Digest{}, fmt.Errorf("making the hidden image: %w", err)
	}
	image, ok := vulnerable.Add.(v1.Image)
	if !ok {
		return name.Digest{}, fmt.Errorf("making the hidden image: it is a %T", vulnerable.Add)
	}
	index := mutate.AppendManifests(empty.Index, clean, mutate.IndexAddendum{Add: mutate.ConfigMediaType(image, configType)})
	if err := remote.WriteIndex(ref, index, remote.WithContext(ctx)); err != nil {
		return name.Digest{}, fmt.Errorf("pushing %s: %w", ref, err)
	}
	digest, err := index.Digest()
	if err != nil {
		return name.Digest{}, fmt.Errorf("pinning %s: %w", ref, err)
	}
	return ref.Context().Digest(digest.String()), nil
}
