// Package identity tells whether a document is about an image. SBOMs and scans say which image they are of, each tool
// in fields of its own: [Of] reads what they claim, and [Claims.Check] compares it with the digests by which the image
// is known.
//
// An image has one config, and the config names the content of every layer. So a claim about the config decides: the
// manifest is another one where the same image was compressed again, was saved from an engine, or lies in two
// registries. The digest of an index says which image is meant only if the index has one image, or if the document
// says more.
package identity

import (
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Image is the digests by which an image is known, each sha256:… in lower case.
type Image struct {
	Manifest string   // of its manifest
	Config   string   // of its config, which engines call the image ID; empty: an index
	Layers   []string // diff IDs: of the layers, uncompressed
	Index    string   // of the index that it was found in; empty: none
	Siblings int      // other images in that index
}

// Kind is what a claim names.
type Kind int

// The kinds of claims.
const (
	Config    Kind = iota + 1 // the config of the image
	Manifest                  // the manifest of the image itself
	Reference                 // what somebody asked for: a manifest or an index
	Layer                     // one of the layers, by its diff ID
)

// Claim is one thing that a document says of the image that it is about.
type Claim struct {
	Kind   Kind
	Field  string // where the document says so, for messages
	Digest string // sha256:… in lower case, or what the document has in place of one
}

// Claims is all that a document says of one image. With none it may be about any.
type Claims []Claim

// Named reports whether the document says which image it is about. Layers do not say that: images share them.
func (c Claims) Named() bool {
	return slices.ContainsFunc(c, func(one Claim) bool { return one.Kind != Layer })
}

// Check returns an error if the document is about another image, contradicts itself, or names an index and not which
// of its images is meant; the last is undecided. A document that names nothing passes.
func (c Claims) Check(img Image) error {
	for _, one := range c.of(Layer) {
		if len(img.Layers) > 0 && !slices.Contains(img.Layers, one.Digest) {
			return one.foreign(img)
		}
	}
	configs := c.of(Config)
	if len(configs) > 1 {
		return contradiction(configs[0], configs[1])
	}
	if len(configs) == 1 && configs[0].Digest == img.Config {
		return nil
	}
	return c.checkManifests(img)
}

// checkManifests compares what else a document names. An engine that keeps images by their manifests gives the digest
// of a manifest or an index as the image ID.
func (c Claims) checkManifests(img Image) error {
	named, index, foreign := c.sides(img)
	for _, one := range foreign {
		switch {
		case one.Kind == Reference: // an image may be in several repositories
		case one.Kind == Manifest && len(named) > 0:
			return contradiction(named[0], one)
		default:
			return one.foreign(img)
		}
	}
	switch {
	case len(named) > 0 || !c.Named():
		return nil
	case len(index) == 0:
		return foreign[0].foreign(img)
	case img.Siblings > 0 && !c.layersOf(img):
		return fault.WithHint(fault.Undecidedf(
			"it is about the index %s, which has %d images, and does not say which of them it looked at", img.Index, img.Siblings+1),
			"make it of %s, the digest of the image itself", img.Manifest)
	}
	return nil
}

// sides sorts what a document names, but for layers: the image itself, the index that it is in, and others.
func (c Claims) sides(img Image) (named, index, foreign Claims) {
	for _, one := range slices.Concat(c.of(Config), c.of(Manifest), c.of(Reference)) {
		switch one.Digest {
		case img.Manifest, img.Config:
			named = append(named, one)
		case img.Index:
			index = append(index, one)
		default:
			foreign = append(foreign, one)
		}
	}
	return named, index, foreign
}

// of returns the claims of a kind, each digest once.
func (c Claims) of(kind Kind) Claims {
	var out Claims
	for _, one := range c {
		same := func(other Claim) bool { return other.Digest == one.Digest }
		if one.Kind == kind && !slices.ContainsFunc(out, same) {
			out = append(out, one)
		}
	}
	return out
}

// layersOf reports whether all layers of an image are named.
func (c Claims) layersOf(img Image) bool {
	named := c.of(Layer)
	return len(img.Layers) > 0 && !slices.ContainsFunc(img.Layers, func(layer string) bool {
		return !slices.ContainsFunc(named, func(one Claim) bool { return one.Digest == layer })
	})
}

// foreign is the refusal of a document because of a claim.
func (c Claim) foreign(img Image) error {
	is := img.Manifest
	switch {
	case c.Kind == Layer:
		is += ", which has no such layer"
	case c.Kind == Config && img.Config == "":
		is += ", an index"
	case c.Kind == Config:
		is += " with the config " + img.Config
	}
	return fault.WithHint(fmt.Errorf("it is about %s, and the image is %s", plain.Line(c.Digest, 100), is),
		"its %s says so: make it of the image %s", c.Field, img.Manifest)
}

func contradiction(a, b Claim) error {
	return fault.WithHint(fmt.Errorf("it contradicts itself: %s is %s, and %s is %s",
		a.Field, plain.Line(a.Digest, 100), b.Field, plain.Line(b.Digest, 100)), "make it again, of one image")
}
