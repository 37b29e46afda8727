package catalog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
)

// Package is one package of an SBOM, for a report: as much of it as a person
// looks for.
type Package struct {
	Name     string
	Version  string
	Type     string // syft's package type: deb, npm, go-module, …
	PURL     string
	Licences []string // SPDX expressions where they are such, else as the package says; sorted
}

// Packages lists the packages, by name, version, type and package URL.
func (b SBOM) Packages() []Package { return slices.Clone(b.packages()) }

func packagesOf(content *sbom.SBOM) []Package {
	var out []Package
	for p := range content.Artifacts.Packages.Enumerate() { // which copies each: that is slow
		out = append(out, Package{Name: p.Name, Version: p.Version, Type: string(p.Type), PURL: p.PURL, Licences: licences(p)})
	}
	slices.SortFunc(out, func(a, b Package) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version),
			cmp.Compare(a.Type, b.Type), cmp.Compare(a.PURL, b.PURL))
	})
	return out
}

func licences(p pkg.Package) []string {
	var out []string
	for _, l := range p.Licenses.ToUnorderedSlice() {
		if name := cmp.Or(l.SPDXExpression, l.Value); name != "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// System names the operating system of the image as its release file does: an
// id and a version, debian 12. Empty: it has none.
func (b SBOM) System() string { return system(b.content.Artifacts.LinuxDistribution) }

func system(release *linux.Release) string {
	if release == nil {
		return ""
	}
	return strings.TrimSpace(release.ID + " " + release.VersionID)
}
