package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// buildKit is the word for the SBOMs that BuildKit left in the index.
const buildKit = "buildkit"

// sbomFileFormats returns the formats to attest: an SBOM that is brought keeps its
// own, in which it says who made it.
func sbomFileFormats(v values, wanted []catalog.Format) ([]catalog.Format, error) {
	path := v.text("sbom-file")
	switch {
	case path == "":
		return wanted, nil
	case len(wanted) == 0:
		return nil, fault.Usagef("sbom is none, and sbom-file is given")
	case path == buildKit:
		return []catalog.Format{catalog.SPDX}, nil
	}
	f, err := evidence.Load(path)
	if err != nil {
		return nil, err
	}
	format, err := catalog.FormatOf(f.Content)
	if err != nil {
		return nil, fmt.Errorf("reading the SBOM %s: %w", path, err)
	}
	if format == "" {
		return wanted, nil
	}
	return []catalog.Format{format}, nil
}

// takeBrought lets an SBOM and a scan that were brought take the place of those
// that would be made.
func (a *app) takeBrought(v values, p place, rooms *pipeline.Rooms) error {
	switch path := v.text("sbom-file"); path {
	case "":
	case buildKit:
		rooms.Catalog = buildKitSBOM(p)
	default:
		f, err := evidence.Load(path)
		if err != nil {
			return err
		}
		rooms.Catalog = (&single{what: "SBOM", path: path}).catalog(f.Content)
	}
	path := v.text("scan-file")
	if path == "" {
		return nil
	}
	if wanted, err := v.boolean("scan"); err != nil || !wanted {
		return errors.Join(err, fault.Usagef("scan is false, and scan-file is given"))
	}
	f, err := evidence.Load(path)
	if err != nil {
		return err
	}
	scan, err := evidence.ReadScan(f)
	if err != nil {
		return err
	}
	rooms.Database = func(context.Context) (pipeline.Scanner, error) {
		return &broughtScan{single: single{what: "scan", path: path}, file: scan}, nil
	}
	return nil
}

// single is evidence about one image, which cannot be that of another.
type single struct {
	what, path string
	of         attest.Subject
}

func (s *single) take(subject attest.Subject) error {
	if s.of != (attest.Subject{}) && s.of.Hex() != subject.Hex() {
		return fault.WithHint(fault.Usagef("the %s %s is one, and this is an index of several images", s.what, s.path), "name the one image with platforms")
	}
	s.of = subject
	return nil
}

func (s *single) catalog(content []byte) pipeline.Cataloger {
	return func(_ context.Context, subject attest.Subject, _ v1.Image, _ string, _ ...catalog.Look) (catalog.SBOM, error) {
		if err := s.take(subject); err != nil {
			return catalog.SBOM{}, err
		}
		bom, err := catalog.Read(subject, content)
		if err != nil {
			return catalog.SBOM{}, fmt.Errorf("reading the SBOM %s: %w", s.path, err)
		}
		return bom, nil
	}
}

// buildKitSBOM takes the SBOM that BuildKit left in the index about an image. It is
// not signed: from here on, this run's signer answers for it.
func buildKitSBOM(p place) pipeline.Cataloger {
	return func(ctx context.Context, subject attest.Subject, _ v1.Image, _ string, _ ...catalog.Look) (catalog.SBOM, error) {
		index, err := p.registry.Resolve(ctx, p.reference)
		if err != nil {
			return catalog.SBOM{}, err
		}
		there, err := p.registry.BuildAttestations(ctx, index)
		if err != nil {
			return catalog.SBOM{}, err
		}
		digest := "sha256:" + subject.Hex()
		for _, b := range there {
			if b.Of != digest || !attest.SameType(b.PredicateType, attest.TypeSPDX) {
				continue
			}
			content, err := p.registry.BuildStatement(ctx, index, b)
			if err != nil {
				return catalog.SBOM{}, err
			}
			st, err := attest.ParseStatement(content)
			if err == nil && !st.About(subject) {
				err = errors.New("it is about another image")
			}
			if err != nil {
				return catalog.SBOM{}, fmt.Errorf("reading BuildKit's SBOM %s: %w", b.Digest, err)
			}
			return catalog.Read(subject, st.Predicate)
		}
		return catalog.SBOM{}, fault.WithHint(fault.Undecidedf("BuildKit left no SBOM of %s", subject), "build with --sbom=true, or leave sbom-file out")
	}
}

// broughtScan is a scan that somebody else made, in place of a scanner.
type broughtScan struct {
	single
	file evidence.ScanFile
}

// Info implements pipeline.Scanner.
func (s *broughtScan) Info() finding.Database { return s.file.Scan.Database }

// Notes implements pipeline.Scanner.
func (s *broughtScan) Notes() []string {
	notes := []string{fmt.Sprintf("the scan is that of %s %s, from %s", s.file.Scan.Scanner.URI, s.file.Scan.Scanner.Version, s.path)}
	if len(s.file.Images) == 0 {
		notes = append(notes, fmt.Sprintf("the scan %s does not say which image it is of", s.path))
	}
	return notes
}

// Scan implements pipeline.Scanner.
func (s *broughtScan) Scan(_ context.Context, bom catalog.SBOM) (finding.Scan, error) {
	if err := s.take(bom.Subject()); err != nil {
		return finding.Scan{}, err
	}
	if digest := "sha256:" + bom.Subject().Hex(); len(s.file.Images) > 0 && !slices.Contains(s.file.Images, digest) {
		return finding.Scan{}, fmt.Errorf("taking the scan %s: it is about %s, and the image is %s", s.path, s.file.Images[0], digest)
	}
	return s.file.Scan, nil
}
