// Package catalog makes the SBOM of an image: syft, in this process, over the
// layers that the image room checks as they come.
//
// An SBOM is a function of the image and of syft's version alone. What syft
// fills in at random or from the clock (serial number, namespace, times) is
// replaced by values derived from the image, so that the same image always
// gives the same bytes, and an unchanged one needs no new attestation.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/sbom"
	_ "github.com/glebarez/go-sqlite" // syft reads RPM databases with it; the driver that grype uses, too
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// SBOM is the bill of materials of one image. Having one from Image is the proof
// that the image was read whole.
type SBOM struct {
	content  *sbom.SBOM
	packages func() []Package // of the content, once
	created  time.Time
	subject  attest.Subject
	unread   []finding.Gap
	files    *Files            // nil: nobody has read them
	original map[Format][]byte // of one that was brought: as it was written
	seal     Seal
	origin   attest.Origin
	attested bool    // original is what this program attested earlier
	foreign  bool    // read from a document of somebody else, or that does not hold all
	complete bool    // of a foreign one: the document holds all that a scan reads, as syft's
	listing  listing // of one by somebody else: what its document lists
	unlisted bool    // the files that packages own are not in it, which SPDX lists
}

// newSBOM returns an SBOM of an image, of which no more is known yet.
func newSBOM(subject attest.Subject, content *sbom.SBOM, created time.Time) SBOM {
	return SBOM{
		content: content, packages: sync.OnceValue(func() []Package { return packagesOf(content) }),
		created: created, subject: subject,
	}
}

// Subject returns the image.
func (b SBOM) Subject() attest.Subject { return b.subject }

// Syft returns the SBOM in syft's own model, for the scan.
func (b SBOM) Syft() *sbom.SBOM { return b.content }

// Unread says what of the image was not read, or not to its end: paths, and names of
// what was expected and is not there, sorted. Packages in it may be missing. A package
// database of an operating system that cannot be read is not among them, as without it
// there is no SBOM.
func (b SBOM) Unread() []finding.Gap { return slices.Clone(b.unread) }

// Ecosystem is a number of packages of one type.
type Ecosystem struct {
	Name     string // syft's package type: deb, npm, go-module, …
	Packages int
}

// Ecosystems counts the packages by type, in the order of the names.
func (b SBOM) Ecosystems() []Ecosystem {
	counts := map[string]int{}
	for _, p := range b.packages() {
		counts[p.Type]++
	}
	ecosystems := make([]Ecosystem, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		ecosystems = append(ecosystems, Ecosystem{Name: name, Packages: counts[name]})
	}
	return ecosystems
}

// Cataloger makes SBOMs. What it recognizes licences with is the same for all images,
// and made once. It is safe for concurrent use.
type Cataloger struct {
	config   func() *syft.CreateSBOMConfig
	licences func() (context.Context, error) // syft keeps it in a context
	unlisted bool
}

// New returns a cataloger, which has done no work yet. Its SBOMs can be scanned, and
// written in the formats that are given: only SPDX lists the files that packages own,
// and to relate these to each other takes a tenth of the time of a large image.
func New(formats ...Format) *Cataloger {
	listed := slices.Contains(formats, SPDX)
	config := func() *syft.CreateSBOMConfig { return configuration(listed) }
	return &Cataloger{config: config, unlisted: !listed, licences: sync.OnceValues(func() (context.Context, error) {
		return syft.SetContextLicenseScanner(context.Background(), config().Licenses)
	})}
}

// Image reads all layers of an image and catalogs the packages in them. Files
// are not listed. Layers are unpacked below tempDir, which is as it was when
// Image returns. An image whose operating system has a package database that
// cannot be read is undecided. While the files are there, they are shown to those
// who look.
func (c *Cataloger) Image(ctx context.Context, subject attest.Subject, content v1.Image, tempDir string, looks ...Look) (bom SBOM, err error) {
	unpacked, err := os.MkdirTemp(tempDir, "layers-")
	if err != nil {
		return SBOM{}, fmt.Errorf("making room for the layers of %s: %w", subject, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(unpacked)) }()

	created, err := creation(content)
	if err != nil {
		return SBOM{}, fmt.Errorf("reading the config of %s: %w", subject, err)
	}
	go func() { _, _ = c.licences() }() // about a second of work, while the layers come down; asked again, it tells its error again
	src, err := unpack(ctx, subject, content, unpacked)
	if err != nil {
		return SBOM{}, fmt.Errorf("unpacking %s: %w", subject, explain(ctx, err))
	}
	defer func() { err = errors.Join(err, src.Close()) }()

	files, err := filesOf(src.tree)
	if err == nil {
		err = show(ctx, src.tree, looks)
	}
	if err != nil {
		return SBOM{}, fmt.Errorf("looking at the files of %s: %w", subject, err)
	}
	found, err := c.catalog(ctx, subject, src)
	if err != nil {
		return SBOM{}, err
	}
	missed := unreadOf(found)
	found.Artifacts.Unknowns = nil // the encoders would list them as files
	if err := checkDatabases(subject, missed, src); err != nil {
		return SBOM{}, err
	}
	bom = newSBOM(subject, found, created)
	bom.origin = madeFrom(src.Describe())
	archives, err := unreadArchives(ctx, src.tree)
	if err != nil {
		return SBOM{}, fmt.Errorf("looking into the archives of %s: %w", subject, explain(ctx, err))
	}
	bom.unread = boundedGaps(append(src.gaps(found, missed), archives...))
	bom.files, bom.unlisted = files, c.unlisted
	return bom, nil
}

// catalog finds the packages in an unpacked image.
func (c *Cataloger) catalog(ctx context.Context, subject attest.Subject, src *imageSource) (*sbom.SBOM, error) {
	licences, err := c.licences()
	if err != nil {
		return nil, fmt.Errorf("preparing to recognize licences: %w", err)
	}
	found, err := syft.CreateSBOM(knowing{ctx, licences}, src, c.config())
	if ctx.Err() != nil { // catalogers that were cut short may report no error
		return nil, fmt.Errorf("cataloging %s: %w", subject, context.Cause(ctx))
	}
	if err != nil {
		return nil, fmt.Errorf("cataloging %s: %w", subject, err)
	}
	return found, nil
}

// knowing is a context that knows what another one knows, too.
type knowing struct {
	context.Context
	other context.Context
}

// Value implements context.Context.
func (k knowing) Value(key any) any {
	if v := k.Context.Value(key); v != nil {
		return v
	}
	return k.other.Value(key)
}

// configuration is syft's default without the files, but with the symbols of Go
// programs: with them the scan can drop the advisories about functions that a
// program does not have, as grype does when it catalogs an image itself. All
// that could not be read is kept, also where some packages came of it. As many
// files are looked into at once as there are processors, not four times as many as
// syft would: they come from no network, and the symbols of a large program take
// some 100 MB. The files that packages own are related to them where they are to be
// listed.
func configuration(listed bool) *syft.CreateSBOMConfig {
	config := syft.DefaultCreateSBOMConfig().WithoutFiles().WithUnknownsConfig(cataloging.UnknownsConfig{}).
		WithParallelism(max(2, runtime.GOMAXPROCS(0)))
	config.Packages.Golang = config.Packages.Golang.WithCaptureSymbols(cataloging.SymbolScopeAll)
	config.Relationships = config.Relationships.WithPackageFileOwnership(listed)
	return narrowing(config)
}

// creation returns the time that stands for the making of the SBOM: when the
// image was made, or the epoch where its config does not say.
func creation(content v1.Image) (time.Time, error) {
	config, err := content.ConfigFile()
	if err != nil {
		return time.Time{}, err
	}
	if config.Created.Year() < 1970 {
		return time.Unix(0, 0).UTC(), nil
	}
	return config.Created.UTC().Truncate(time.Second), nil
}
