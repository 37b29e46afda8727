package image

import (
	"fmt"

	"github.com/hallmark-ci/hallmark/internal/identity"
)

// Identity returns the digests by which an image of what was opened is known.
func (o Opened) Identity(img Image) (identity.Image, error) {
	config, err := img.content.ConfigName()
	if err != nil {
		return identity.Image{}, fmt.Errorf("reading the manifest of %s: %w", img.subject, err)
	}
	file, err := img.content.ConfigFile()
	if err != nil {
		return identity.Image{}, fmt.Errorf("reading the config of %s: %w", img.subject, malformed(err))
	}
	known := identity.Image{Manifest: "sha256:" + img.subject.Hex(), Config: config.String()}
	for _, layer := range file.RootFS.DiffIDs {
		known.Layers = append(known.Layers, layer.String())
	}
	if o.index {
		known.Index, known.Siblings = "sha256:"+o.subject.Hex(), len(o.images)+len(o.leftOut)-1
	}
	return known, nil
}

// Whole returns the digests by which what the reference names is known. An index of one image is known as that, too.
func (o Opened) Whole() (identity.Image, error) {
	if len(o.images)+len(o.leftOut) == 1 && len(o.images) == 1 {
		return o.Identity(o.images[0])
	}
	return identity.Image{Manifest: "sha256:" + o.subject.Hex()}, nil
}
