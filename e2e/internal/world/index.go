package world

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
)

// Index is an index as it was pushed, everything of it pinned.
type Index struct {
	Pinned      name.Digest
	Images      map[string]name.Digest // by platform
	Attestation name.Digest            // of BuildKit's kind, about the first image
	layers      map[string]v1.Hash
}

// PushIndex pushes an index of small images of Debian, one for each platform that
// is given, and an attestation manifest as BuildKit adds one. An old minimist,
// with a critical finding, is in the images of the platforms that are vulnerable.
func PushIndex(ctx context.Context, reference string, platforms []string, vulnerable map[string]bool) (Index, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return Index{}, fmt.Errorf("pushing an index: %w", err)
	}
	pushed := Index{Images: map[string]name.Digest{}, layers: map[string]v1.Hash{}}
	index := v1.ImageIndex(empty.Index)
	for n, platform := range platforms {
		added, err := pushed.image(ref, platform, vulnerable[platform])
		if err != nil {
			return Index{}, fmt.Errorf("making the image for %s: %w", platform, err)
		}
		index = mutate.AppendManifests(index, added)
		if n > 0 {
			continue
		}
		if added, err = pushed.attestation(ref, pushed.Images[platform]); err != nil {
			return Index{}, fmt.Errorf("making an attestation manifest: %w", err)
		}
		index = mutate.AppendManifests(index, added)
	}
	if err := remote.WriteIndex(ref, index, remote.WithContext(ctx)); err != nil {
		return Index{}, fmt.Errorf("pushing %s: %w", ref, err)
	}
	digest, err := index.Digest()
	if err != nil {
		return Index{}, fmt.Errorf("pinning %s: %w", ref, err)
	}
	pushed.Pinned = ref.Context().Digest(digest.String())
	return pushed, nil
}

// image makes the image of a platform.
func (i Index) image(ref name.Reference, platform string, vulnerable bool) (mutate.IndexAddendum, error) {
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	files := append(debian(), file{"etc/platform", []byte(ref.String() + " " + platform)})
	if vulnerable {
		files = append(files, file{"app/node_modules/minimist/package.json", []byte(`{"name":"minimist","version":"1.2.0","license":"MIT"}`)})
	}
	image, err := imageOf(files)
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = p.OS, p.Architecture, p.Variant
	if image, err = mutate.ConfigFile(image, config); err != nil {
		return mutate.IndexAddendum{}, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	digest, err := image.Digest()
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	i.Images[platform], i.layers[platform] = ref.Context().Digest(digest.String()), manifest.Layers[0].Digest
	return mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: p}}, nil
}

// attestation makes what BuildKit adds about an image: for no platform, with a
// statement where an image has files.
func (i *Index) attestation(ref name.Reference, about name.Digest) (mutate.IndexAddendum, error) {
	statement := static.NewLayer([]byte(`{"_type":"https://in-toto.io/Statement/v0.1","subject":[],"predicate":{}}`), "application/vnd.in-toto+json")
	image, err := mutate.AppendLayers(empty.Image, statement)
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	digest, err := image.Digest()
	if err != nil {
		return mutate.IndexAddendum{}, err
	}
	i.Attestation = ref.Context().Digest(digest.String())
	return mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
		Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"},
		Annotations: map[string]string{
			"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": about.DigestStr(),
		},
	}}, nil
}

// Damage replaces the layer of a platform's image in the registry that keeps its
// content below dir, or removes it where content is nil.
func (i Index) Damage(dir, platform string, content []byte) error {
	hex := i.layers[platform].Hex
	blob := filepath.Join(dir, "registry", "docker", "registry", "v2", "blobs", "sha256", hex[:2], hex, "data")
	err := os.Remove(blob)
	if err == nil && content != nil {
		err = os.WriteFile(blob, content, 0o600)
	}
	if err != nil {
		return fmt.Errorf("damaging the image for %s: %w", platform, err)
	}
	return nil
}
