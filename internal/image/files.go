package image

import (
	"context"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/artifact"
	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Files pulls a set of policies that was resolved before. Every byte of it is
// checked against the subject's digest, and what it promises about its own size
// bounds what is read.
func (r *Registry) Files(ctx context.Context, s attest.Subject) ([]artifact.File, error) {
	puller, err := remote.NewPuller(r.options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("pulling %s: %w", s, err)
	}
	descriptor, err := puller.Get(ctx, s.Digest())
	if err != nil {
		return nil, explain(ctx, s.String(), err)
	}
	layers, err := artifact.Parse(descriptor.Manifest)
	if err != nil {
		return nil, fmt.Errorf("pulling %s: %w", s, err)
	}
	files := make([]artifact.File, len(layers))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i, l := range layers {
		group.Go(func() error {
			text, err := blobOf(groupCtx, puller, s, l)
			files[i] = artifact.File{Name: l.Name, Type: l.Type, Text: text}
			return err
		})
	}
	return files, group.Wait()
}

func blobOf(ctx context.Context, puller *remote.Puller, s attest.Subject, l artifact.Layer) ([]byte, error) {
	layer, err := puller.Layer(ctx, s.Digest().Context().Digest(l.Digest.String()))
	if err != nil {
		return nil, fmt.Errorf("pulling %s of %s: %w", l.Name, s, err)
	}
	content, err := layer.Compressed() // as it is stored; its digest is checked at its end
	if err != nil {
		return nil, fmt.Errorf("pulling %s: %w", l.Name, explain(ctx, s.String(), err))
	}
	defer content.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(content, l.Size+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("pulling %s of %s: %w", l.Name, s, err)
	case int64(len(text)) != l.Size:
		return nil, fmt.Errorf("pulling %s of %s: it is not of the %d bytes that the manifest says", l.Name, s, l.Size)
	}
	return text, nil
}
