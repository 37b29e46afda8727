package catalog

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// badLayer is an error of a layer that says itself what is wrong with it.
type badLayer interface {
	error
	Layer() v1.Hash
}

// explain turns an error of unpacking into one about the image: where on this
// machine the layers are unpacked to is nobody's concern. The reason for which
// the context ended goes before what came of that.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var layer badLayer
	var path *fs.PathError
	switch {
	case errors.As(err, &layer):
		return layer
	case errors.Is(err, tar.ErrHeader), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("one of its layers is not a sound tar archive")
	case errors.As(err, &path):
		return fmt.Errorf("writing to the folder for temporary files: %w", path.Err)
	}
	return err
}
