package image

import (
	"context"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Fetch copies the one layer of an OCI artifact to w, as it is stored. Its
// digest is checked. An artifact of more layers is refused.
func (r *Registry) Fetch(ctx context.Context, reference string, w io.Writer) error {
	ref, err := r.parse(reference)
	if err != nil {
		return err
	}
	artifact, err := remote.Image(ref, r.options(ctx)...)
	if err != nil {
		return explain(ctx, reference, err)
	}
	layers, err := artifact.Layers()
	if err != nil {
		return fmt.Errorf("fetching %s: %w", reference, err)
	}
	if len(layers) != 1 {
		return fmt.Errorf("fetching %s: it has %d layers, and one is expected", reference, len(layers))
	}
	size, err := layers[0].Size()
	if err != nil {
		return fmt.Errorf("fetching %s: %w", reference, err)
	}
	if size < 0 { // the registry client would read without end
		return fmt.Errorf("fetching %s: its layer has %d bytes", reference, size)
	}
	content, err := layers[0].Compressed()
	if err != nil {
		return fmt.Errorf("fetching %s: %w", reference, err)
	}
	defer content.Close() //nolint:errcheck // only read from
	if _, err := io.Copy(w, content); err != nil {
		return fmt.Errorf("fetching %s: %w", reference, err)
	}
	return nil
}
