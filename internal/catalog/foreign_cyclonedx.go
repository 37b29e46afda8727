package catalog

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/packageurl-go"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// cycloneDXWalk goes through the components of a document, the ones inside of others
// too, and makes their bom-refs differ.
type cycloneDXWalk struct {
	taken   names
	changed bool
	listed  []listed
	systems []cyclonedx.Component
}

func readForeignCycloneDX(document []byte) (*sbom.SBOM, []listed, []string, error) {
	content, err := readSyft(CycloneDX, document)
	if err != nil {
		return nil, nil, nil, err
	}
	var bom cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(document), cyclonedx.BOMFileFormatJSON).Decode(&bom); err != nil {
		return nil, nil, nil, err
	}
	w := cycloneDXWalk{taken: names{}}
	w.all(bom.Components)
	if bom.Metadata != nil && bom.Metadata.Component != nil {
		w.one(bom.Metadata.Component, true)
	}
	if content.Artifacts.LinuxDistribution == nil && len(w.systems) > 0 && !topLevel(bom.Components) {
		components := w.systems[:1:1]
		if bom.Components != nil {
			components = append(components, *bom.Components...)
		}
		bom.Components, w.changed = &components, true
	}
	if w.changed {
		if content, err = readAgain(&bom); err != nil {
			return nil, nil, nil, err
		}
	}
	return content, w.listed, w.notes(), nil
}

// topLevel reports whether an operating system is among the components.
func topLevel(components *[]cyclonedx.Component) bool {
	if components == nil {
		return false
	}
	for _, c := range *components {
		if c.Type == cyclonedx.ComponentTypeOS {
			return true
		}
	}
	return false
}

// readAgain reads a document after something in it was changed.
func readAgain(bom *cyclonedx.BOM) (*sbom.SBOM, error) {
	var out bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&out, cyclonedx.BOMFileFormatJSON).Encode(bom); err != nil {
		return nil, err
	}
	return readSyft(CycloneDX, out.Bytes())
}

func (w *cycloneDXWalk) all(components *[]cyclonedx.Component) {
	if components == nil {
		return
	}
	for i := range *components {
		w.one(&(*components)[i], false)
	}
}

// one takes a component. The subject of the document is none of what it lists, unless
// it is a package itself.
func (w *cycloneDXWalk) one(c *cyclonedx.Component, subject bool) {
	purl := c.PackageURL
	if purl == "" && strings.HasPrefix(c.BOMRef, "pkg:") {
		purl = c.BOMRef // where syft's reader looks, too
	}
	if isRead(c.Type) {
		if ref, changed := w.taken.unique(c.BOMRef); changed {
			c.BOMRef, c.PackageURL, w.changed = ref, purl, true
		}
	}
	if c.Type == cyclonedx.ComponentTypeOS {
		w.systems = append(w.systems, *c)
	}
	if componentNamesPackage(c, purl, subject) {
		l := listed{id: c.BOMRef, name: nameOf(purl, c.Name, c.Version)}
		if !isRead(c.Type) {
			kind := plain.Line(string(c.Type), maxMissedName)
			l.why = fmt.Sprintf("it is a component of type %s, which no scanner reads as a package", kind)
		}
		w.listed = append(w.listed, l)
	}
	w.all(c.Components)
}

// componentNamesPackage reports whether a component names a package, and not an operating
// system, an image or a group of others.
func componentNamesPackage(c *cyclonedx.Component, purl string, subject bool) bool {
	switch {
	case c.Type == cyclonedx.ComponentTypeOS:
		return false
	case subject, c.Type == cyclonedx.ComponentTypeContainer:
		return knownPURL(purl)
	}
	return purl != "" && !ofImage(purl) || c.CPE != "" || isRead(c.Type) && c.Version != ""
}

// isRead reports whether syft's reader takes components of a type for packages.
func isRead(kind cyclonedx.ComponentType) bool {
	return slices.Contains([]cyclonedx.ComponentType{
		cyclonedx.ComponentTypeApplication, cyclonedx.ComponentTypeFramework, cyclonedx.ComponentTypeLibrary,
		cyclonedx.ComponentTypeMachineLearningModel, cyclonedx.ComponentTypeFirmware,
	}, kind)
}

// knownPURL reports whether a package URL is of a type that scanners look up.
func knownPURL(purl string) bool {
	return purl != "" && pkg.TypeFromPURL(purl) != pkg.UnknownPkg
}

// ofImage reports whether a package URL names an image, not a package.
func ofImage(purl string) bool {
	parsed, err := packageurl.FromString(purl)
	return err == nil && (parsed.Type == packageurl.TypeOCI || parsed.Type == packageurl.TypeDocker)
}

// notes says where a document names several operating systems.
func (w *cycloneDXWalk) notes() []string {
	var systems []string
	seen := map[string]bool{}
	for _, c := range w.systems {
		name := plain.Line(c.Name+" "+c.Version, maxMissedName)
		if !seen[name] {
			systems = append(systems, name)
		}
		seen[name] = true
	}
	if len(systems) < 2 {
		return nil
	}
	return []string{"the SBOM names several operating systems, of which the first counts where a package names none: " +
		strings.Join(systems[:min(len(systems), maxMissedInNote)], ", ")}
}
