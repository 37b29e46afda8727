package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/identity"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// document is something that was brought and may say which image it is of.
type document struct {
	taking string // for messages: reading the SBOM bom.json
	claims []identity.Claims
	single bool // it takes the place of what is made of one image
}

// named reports whether the document says which image it is of.
func (d document) named() bool { return slices.ContainsFunc(d.claims, identity.Claims.Named) }

func (d document) check(img identity.Image) error {
	for _, claims := range d.claims {
		if err := claims.Check(img); err != nil {
			return fault.WithHint(fmt.Errorf("%s: %w", d.taking, err), "%s", fault.HintOf(err))
		}
	}
	return nil
}

// documentsOf returns the predicates of a job that others made and that may say which image they are of.
func documentsOf(job pipeline.Job) []document {
	var documents []document
	for _, p := range slices.Concat(job.Made, job.Brought) {
		for _, uri := range []string{attest.TypeCycloneDX, attest.TypeSPDX, attest.TypeVuln, attest.TypeSARIF} {
			if attest.SameType(p.Type, uri) {
				taking := "taking the " + attest.ShortType(p.Type) + " file"
				documents = append(documents, document{taking: taking, claims: identity.Of(p.Body)})
			}
		}
	}
	return documents
}

// comparedImages refuses documents of another image as soon as it is known which one is meant, and before any of it
// is pulled.
type comparedImages struct {
	pipeline.Images
	documents []document
}

// OpenAll implements pipeline.Images. A document about an image must be about each image that is marked, and about
// the index where that is marked, too.
func (c comparedImages) OpenAll(ctx context.Context, reference string, platforms []string) (image.Opened, error) {
	opened, err := c.Images.OpenAll(ctx, reference, platforms)
	if err != nil {
		return image.Opened{}, err
	}
	for _, d := range c.documents {
		if d.single && len(opened.Images()) > 1 {
			return image.Opened{}, fault.WithHint(
				fault.Usagef("%s: it is of one image, and this is an index of several images", d.taking),
				"name the one image with platforms")
		}
		if err := compare(d, opened); err != nil {
			return image.Opened{}, err
		}
	}
	return opened, nil
}

func compare(d document, opened image.Opened) error {
	if !d.single && len(opened.LeftOut()) == 0 {
		whole, err := opened.Whole()
		if err != nil {
			return err
		}
		if err := d.check(whole); err != nil {
			return err
		}
	}
	for _, img := range opened.Images() {
		known, err := opened.Identity(img)
		if err != nil {
			return err
		}
		if err := d.check(known); err != nil {
			return err
		}
	}
	return nil
}

// Resolve implements pipeline.Images, for who attaches documents to what a reference names and to nothing else.
func (c comparedImages) Resolve(ctx context.Context, reference string) (attest.Subject, error) {
	s, err := c.Images.Resolve(ctx, reference)
	if err != nil {
		return attest.Subject{}, err
	}
	pinned := identity.Image{Manifest: "sha256:" + s.Hex()}
	doubtful := func(d document) bool { return d.check(pinned) != nil }
	if !slices.ContainsFunc(c.documents, doubtful) {
		return s, nil
	}
	opened, err := c.Images.OpenAll(ctx, s.String(), nil)
	if err != nil {
		return attest.Subject{}, err
	}
	whole, err := opened.Whole()
	if err != nil {
		return attest.Subject{}, err
	}
	for _, d := range c.documents {
		if err := d.check(whole); err != nil {
			return attest.Subject{}, err
		}
	}
	return s, nil
}
