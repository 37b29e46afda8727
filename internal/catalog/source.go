package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/filetree"
)

// imageSource is an unpacked image, as syft catalogs one.
type imageSource struct {
	subject  attest.Subject
	tree     *filetree.Tree
	temp     string // for what is put together of its files
	metadata source.ImageMetadata
}

var _ source.Source = (*imageSource)(nil)

// unpack reads the layers of an image, keeping their contents below dir.
func unpack(ctx context.Context, subject attest.Subject, content v1.Image, dir string) (*imageSource, error) {
	layers, err := content.Layers()
	if err != nil {
		return nil, err
	}
	metadata, err := describe(subject, content, layers)
	if err != nil {
		return nil, err
	}
	readable := make([]filetree.Layer, len(layers))
	for i, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return nil, err
		}
		readable[i] = filetree.Layer{ID: metadata.Layers[i].Digest, Size: size, Open: func() (io.ReadCloser, error) { return layer.Uncompressed() }}
	}
	tree, err := filetree.Read(ctx, readable, dir, filetree.DefaultLimits(), marks()...)
	if err != nil {
		return nil, err
	}
	for i := range metadata.Layers {
		metadata.Layers[i].Size = tree.ContentSize(i)
		metadata.Size += tree.ContentSize(i)
	}
	return &imageSource{subject: subject, tree: tree, temp: dir, metadata: metadata}, nil
}

// describe returns what an SBOM says of its image, but for sizes, which are not known
// before the layers were read.
func describe(subject attest.Subject, content v1.Image, layers []v1.Layer) (source.ImageMetadata, error) {
	manifest, err := content.RawManifest()
	if err != nil {
		return source.ImageMetadata{}, err
	}
	mediaType, err := content.MediaType()
	if err != nil {
		return source.ImageMetadata{}, err
	}
	raw, err := content.RawConfigFile()
	if err != nil {
		return source.ImageMetadata{}, err
	}
	config, err := content.ConfigFile()
	if err != nil {
		return source.ImageMetadata{}, err
	}
	described := make([]source.LayerMetadata, len(layers))
	for i, layer := range layers {
		if described[i], err = describeLayer(i, layer); err != nil {
			return source.ImageMetadata{}, err
		}
	}
	return source.ImageMetadata{
		UserInput: subject.String(), ID: digestOf(raw), ManifestDigest: digestOf(manifest), MediaType: string(mediaType),
		Tags: []string{}, RepoDigests: []string{subject.String()}, Layers: described, RawManifest: manifest, RawConfig: raw,
		Architecture: config.Architecture, Variant: config.Variant, OS: config.OS, Labels: config.Config.Labels,
	}, nil
}

// describeLayer refuses what is no archive of files.
func describeLayer(i int, layer v1.Layer) (source.LayerMetadata, error) {
	mediaType, err := layer.MediaType()
	if err != nil {
		return source.LayerMetadata{}, err
	}
	switch mediaType {
	case types.OCILayer, types.OCIUncompressedLayer, types.OCIRestrictedLayer, types.OCIUncompressedRestrictedLayer, types.OCILayerZStd,
		types.DockerLayer, types.DockerForeignLayer, types.DockerUncompressedLayer,
		"application/vnd.docker.image.rootfs.diff.tar.zstd", "application/vnd.docker.image.rootfs.diff.tar+zstd":
	default:
		return source.LayerMetadata{}, fmt.Errorf("it has a layer of a type that holds no files: layer %d: %s", i, mediaType)
	}
	diffID, err := layer.DiffID()
	if err != nil {
		return source.LayerMetadata{}, err
	}
	return source.LayerMetadata{MediaType: string(mediaType), Digest: diffID.String()}, nil
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ID implements artifact.Identifiable: the digest of the manifest.
func (s *imageSource) ID() artifact.ID {
	return artifact.ID(s.metadata.ManifestDigest[len("sha256:"):])
}

// FileResolver returns the image as a container would see it.
func (s *imageSource) FileResolver(scope source.Scope) (file.Resolver, error) {
	if scope != source.SquashedScope {
		return nil, fmt.Errorf("no files are kept for the scope %q", scope)
	}
	return resolver{tree: s.tree, temp: s.temp}, nil
}

// Describe returns what the SBOM says of the image.
func (s *imageSource) Describe() source.Description {
	return source.Description{
		ID: string(s.ID()), Name: s.subject.Repository(), Version: "sha256:" + s.subject.Hex(), Metadata: s.metadata,
	}
}

// Close frees what the layers were unpacked to.
func (s *imageSource) Close() error { return s.tree.Close() }
