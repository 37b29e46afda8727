package image

import (
	"context"
	"fmt"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Facts is what an image's own configuration says of it.
type Facts struct {
	Subject   attest.Subject
	Platform  string  // of an image; empty where nothing says it
	Config    []byte  // as OCI has it; nil: an index
	Platforms []Facts // of an index, its images
}

// Facts reads the configuration of a pinned image, or of each image of an index.
func (r *Registry) Facts(ctx context.Context, s attest.Subject) (Facts, error) {
	opened, err := r.OpenAll(ctx, s.String(), nil)
	if err != nil {
		return Facts{}, err
	}
	if !opened.IsIndex() {
		return opened.Images()[0].Facts()
	}
	facts := Facts{Subject: opened.Subject()}
	for _, img := range opened.Images() {
		one, err := img.Facts()
		if err != nil {
			return Facts{}, err
		}
		facts.Platforms = append(facts.Platforms, one)
	}
	return facts, nil
}

// Facts returns what the image's configuration says.
func (i Image) Facts() (Facts, error) {
	config, err := i.content.RawConfigFile()
	if err != nil {
		return Facts{}, fmt.Errorf("reading the configuration of %s: %w", i.subject, err)
	}
	return Facts{Subject: i.subject, Platform: i.Platform(), Config: config}, nil
}
