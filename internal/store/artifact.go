package store

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/hallmark-ci/hallmark/internal/artifact"
)

// Artifacts writes sets of policies.
type Artifacts struct{ remote []remote.Option }

// NewArtifacts returns what writes sets of policies.
func NewArtifacts(options []remote.Option) Artifacts { return Artifacts{remote: options} }

// Put writes a set of policies under its digest and nothing else, so that nobody
// finds it who was not told.
func (a Artifacts) Put(ctx context.Context, repository name.Repository, set artifact.Packed) (name.Digest, error) {
	digest := repository.Digest(set.Digest())
	options := append(a.remote[:len(a.remote):len(a.remote)], remote.WithContext(ctx))
	for _, b := range set.Blobs {
		layer := static.NewLayer(b.Content, b.Descriptor.MediaType)
		if err := remote.WriteLayer(repository, layer, options...); err != nil {
			return name.Digest{}, explainArtifact(ctx, digest, err)
		}
	}
	if err := remote.Put(digest, set, options...); err != nil {
		return name.Digest{}, explainArtifact(ctx, digest, err)
	}
	return digest, nil
}

// Name lets a tag name a set of policies that was put before.
func (a Artifacts) Name(ctx context.Context, tag name.Tag, set artifact.Packed) error {
	options := append(a.remote[:len(a.remote):len(a.remote)], remote.WithContext(ctx))
	if err := remote.Put(tag, set, options...); err != nil {
		return explainArtifact(ctx, tag, err)
	}
	return nil
}

// explainArtifact is explainWrite, for a tag that is not one of signatures.
func explainArtifact(ctx context.Context, where name.Reference, err error) error {
	if immutable(err) {
		return fmt.Errorf("writing %s: the registry does not let this tag be overwritten", where)
	}
	return explainWrite(ctx, FormatSig, where.String(), err)
}
