package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/identity"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// buildKit is the word for the SBOMs that BuildKit left in the index.
const buildKit = "buildkit"

// sbomFormats returns the formats to attest: an SBOM that is brought keeps its own, in
// which it says who made it.
func sbomFormats(v values) ([]catalog.Format, error) {
	wanted, err := formats(v)
	if err != nil {
		return nil, err
	}
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
// that would be made. What says that it is of another image is refused.
func (a *app) takeBrought(v values, p place, job *pipeline.Job, rooms *pipeline.Rooms) error {
	compared := comparedImages{Images: rooms.Images, documents: documentsOf(*job)}
	take := func(taking, path string, content []byte) {
		d := document{taking: taking, claims: identity.Of(content), single: true}
		if !d.named() {
			job.Notes = append(job.Notes, fmt.Sprintf("%s does not say which image it is of", path))
		}
		compared.documents = append(compared.documents, d)
	}
	switch path := v.text("sbom-file"); path {
	case "":
	case buildKit:
		rooms.Catalog = buildKitSBOM(p)
	default:
		f, err := evidence.Load(path)
		if err != nil {
			return err
		}
		rooms.Catalog = broughtSBOM(path, f.Content)
		take("reading the SBOM "+path, "the SBOM "+path, f.Content)
	}
	if path := v.text("scan-file"); path != "" {
		f, scan, err := readScan(v, path)
		if err != nil {
			return err
		}
		rooms.Database = func(context.Context) (pipeline.Scanner, error) { return broughtScan{path: path, scan: scan}, nil }
		take("taking the scan "+path, "the scan "+path, f.Content)
	}
	rooms.Images = compared
	return nil
}

// readScan reads the input scan-file.
func readScan(v values, path string) (evidence.Brought, evidence.ScanFile, error) {
	if wanted, err := v.boolean("scan"); err != nil || !wanted {
		err = errors.Join(err, fault.Usagef("scan is false, and scan-file is given"))
		return evidence.Brought{}, evidence.ScanFile{}, err
	}
	f, err := evidence.Load(path)
	if err != nil {
		return evidence.Brought{}, evidence.ScanFile{}, err
	}
	scan, err := evidence.ReadScan(f)
	return f, scan, err
}

func broughtSBOM(path string, content []byte) pipeline.Cataloger {
	from := attest.Input{Name: plain.Line(filepath.Base(path), maxName), Digest: attest.FileDigest(content)}
	return func(_ context.Context, subject attest.Subject, _ v1.Image, _ string, _ ...catalog.Look) (catalog.SBOM, error) {
		bom, err := catalog.Read(subject, content)
		if err != nil {
			return catalog.SBOM{}, fmt.Errorf("reading the SBOM %s: %w", path, err)
		}
		return bom.BroughtFrom(from), nil
	}
}

// maxName bounds the name of a file in an origin, in bytes.
const maxName = 300

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
			bom, err := catalog.Read(subject, st.Predicate)
			if err != nil {
				return catalog.SBOM{}, fmt.Errorf("reading BuildKit's SBOM %s: %w", b.Digest, err)
			}
			return bom.BroughtFrom(attest.Input{Name: buildKit, Digest: b.Digest}), nil
		}
		return catalog.SBOM{}, fault.WithHint(fault.Undecidedf("BuildKit left no SBOM of %s", subject), "build with --sbom=true, or leave sbom-file out")
	}
}

// broughtScan is a scan that somebody else made, in place of a scanner.
type broughtScan struct {
	path string
	scan evidence.ScanFile
}

// Info implements pipeline.Scanner.
func (s broughtScan) Info() finding.Database { return s.scan.Database }

// Notes implements pipeline.Scanner.
func (s broughtScan) Notes() []string {
	return []string{fmt.Sprintf("the scan is that of %s %s, from %s", s.scan.Scanner.URI, s.scan.Scanner.Version, s.path)}
}

// Scan implements pipeline.Scanner.
func (s broughtScan) Scan(_ context.Context, bom catalog.SBOM) (finding.Scan, error) {
	var types []string
	for _, ecosystem := range bom.Ecosystems() {
		types = append(types, ecosystem.Name)
	}
	return s.scan.Beside(types), nil
}
