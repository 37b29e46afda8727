package scan

import (
	"slices"
	"strings"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cpe"
	syftpkg "github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
)

// packagesOf returns the packages of an SBOM as grype's own reader of SBOM files
// gives them, without writing the SBOM out and reading it back.
func packagesOf(bom *sbom.SBOM) ([]pkg.Package, pkg.Context) {
	channels := distro.DefaultFixChannels()
	release := bom.Artifacts.LinuxDistribution
	distribution := distro.FromRelease(release, channels)
	config := pkg.SynthesisConfig{Distro: pkg.DistroConfig{FixChannels: channels}}

	packages := pkg.FromCollection(bom.Artifacts.Packages, bom.Relationships, config)
	for _, p := range packages {
		if p.Distro == nil {
			p.Distro = distribution
		}
		p.CPEs = searchable(p.CPEs)
	}
	source := bom.Source
	return pkg.FromPtrs(dropOwned(packages)), pkg.Context{
		Source:                &source,
		Distro:                distribution,
		DistroDetectionFailed: release != nil && distribution == nil,
	}
}

// searchable leaves out the CPEs that name no product. Nothing can match them,
// and a search with one is an error that costs the package its other CPEs.
func searchable(cpes []cpe.CPE) []cpe.CPE {
	nameless := func(c cpe.CPE) bool { return c.Attributes.Product == cpe.Any }
	if !slices.ContainsFunc(cpes, nameless) {
		return cpes
	}
	return slices.DeleteFunc(slices.Clone(cpes), nameless)
}

// dropOwned leaves out the packages that are the same software as a package of
// the distribution which owns their files: Debian's python3-yaml and the Python
// package PyYAML inside it would otherwise be reported twice, and the second
// time against versions that do not know Debian's patches.
func dropOwned(packages []*pkg.Package) []*pkg.Package {
	return slices.DeleteFunc(packages, func(p *pkg.Package) bool {
		owners := p.RelatedPackages[artifact.OwnershipByFileOverlapRelationship]
		return slices.ContainsFunc(owners, func(owner *pkg.Package) bool { return sameSoftware(p, owner) })
	})
}

// sameSoftware reports whether the owner stands for p as well. Names do not tell
// (python, python3.11), so versions must agree as far as both are given. Then a
// bare binary is always covered by its owner, and any other package when the
// owner's distribution also publishes vulnerabilities that it has not fixed.
func sameSoftware(p, owner *pkg.Package) bool {
	if owner == nil || owner.Distro == nil {
		return false
	}
	if !strings.HasPrefix(owner.Version, p.Version) && !strings.HasPrefix(p.Version, owner.Version) {
		return false
	}
	covered := publishesUnfixed(owner.Distro) && ofSystem(owner.Type) && !ofSystem(p.Type)
	return covered || p.Type == syftpkg.BinaryPkg
}

// publishesUnfixed reports whether a distribution, or one that it is like, lists
// vulnerabilities that it has not fixed.
func publishesUnfixed(d *distro.Distro) bool {
	if d.Type == distro.AmazonLinux { // like RHEL in name only
		return false
	}
	names := append([]string{d.Name()}, d.IDLike...)
	for _, complete := range []distro.Type{
		distro.ArchLinux, distro.Azure, distro.Debian, distro.Mariner, distro.RedHat, distro.SLES, distro.Ubuntu,
	} {
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, string(complete)) }) {
			return true
		}
	}
	return false
}

// ofSystem reports whether packages of this type belong to an operating system,
// so that their vulnerabilities are those of its distribution.
func ofSystem(kind syftpkg.Type) bool {
	switch kind {
	case syftpkg.DebPkg, syftpkg.RpmPkg, syftpkg.ApkPkg, syftpkg.AlpmPkg, syftpkg.PortagePkg:
		return true
	default:
		return false
	}
}
