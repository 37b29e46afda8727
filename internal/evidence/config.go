package evidence

import (
	"bytes"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Labels of an image that name what it is built on
// (https://github.com/opencontainers/image-spec/blob/main/annotations.md).
const (
	labelBaseName   = "org.opencontainers.image.base.name"
	labelBaseDigest = "org.opencontainers.image.base.digest"
)

// Of returns the build as that of an image with a configuration; of an index there
// is none.
func (b Build) Of(config []byte) (Build, error) {
	if config == nil {
		return b, nil
	}
	c, err := v1.ParseConfigFile(bytes.NewReader(config))
	if err != nil {
		return b, fmt.Errorf("reading the configuration of the image: %w", err)
	}
	b.Created = c.Created.Time
	b.Base = Base{Name: c.Config.Labels[labelBaseName], Digest: c.Config.Labels[labelBaseDigest]}
	return b, nil
}
