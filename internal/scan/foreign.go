package scan

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/packageurl-go"
	"github.com/anchore/syft/syft/linux"
	syftpkg "github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// maxDistributions bounds how many distributions the packages of one SBOM may be of.
const maxDistributions = 100

// ScanForeign is Scan for an SBOM that was read from a document of another program, or
// of a format that does not hold all that a scan reads. Package URLs say the rest, as for
// grype: the source package, and the distribution of each package, which goes before that
// of the document. Where grype does not understand how a package URL names its
// distribution and finds nothing, other ways of writing it are tried.
func (d *Database) ScanForeign(ctx context.Context, bom *sbom.SBOM) (finding.Scan, error) {
	r, err := d.readForeign(bom)
	if err != nil {
		return finding.Scan{}, fmt.Errorf("scanning the packages: %w", err)
	}
	release := bom.Artifacts.LinuxDistribution
	if own := r.scope.Distro; own != nil && distro.FromRelease(release, nil) == nil {
		release = &linux.Release{ID: own.ID(), VersionID: own.VersionString()}
	}
	scan, err := d.scan(ctx, release, r.packages, r.scope)
	scan.Notes = r.notes()
	return scan, err
}

// foreign is what is read of an SBOM by another program.
type foreign struct {
	database *Database
	packages []pkg.Package
	scope    pkg.Context
	known    map[string]*distro.Distro // by how a package URL names it
	err      error                     // the first one
}

func (d *Database) readForeign(bom *sbom.SBOM) (*foreign, error) {
	channels := distro.DefaultFixChannels()
	release := bom.Artifacts.LinuxDistribution
	source := bom.Source
	r := &foreign{database: d, known: map[string]*distro.Distro{}}
	r.scope = pkg.Context{Source: &source, Distro: distro.FromRelease(release, channels)}
	r.scope.DistroDetectionFailed = release != nil && r.scope.Distro == nil

	config := pkg.SynthesisConfig{Distro: pkg.DistroConfig{FixChannels: channels}}
	packages := pkg.FromCollection(bom.Artifacts.Packages, bom.Relationships, config, upstreamsOf, r.distributionOf)
	if r.err != nil {
		return nil, r.err
	}
	if r.scope.Distro == nil {
		r.scope.Distro = common(packages)
	}
	for _, p := range packages {
		if r.saysLess(p.Distro) {
			p.Distro = r.scope.Distro
		}
		p.CPEs = searchable(p.CPEs)
	}
	r.packages = pkg.FromPtrs(dropOwned(packages))
	return r, nil
}

// saysLess reports whether a package's own distribution says less than that of the
// document: it has none, or the same without a version.
func (r *foreign) saysLess(own *distro.Distro) bool {
	all := r.scope.Distro
	return own == nil || all != nil && own.Type == all.Type && own.VersionString() == ""
}

// common returns the distribution of all packages that say one; nil if they differ.
func common(packages []*pkg.Package) *distro.Distro {
	var one *distro.Distro
	for _, p := range packages {
		switch {
		case p.Distro == nil:
		case one == nil:
			one = p.Distro
		case one.Type != p.Distro.Type || one.Version != p.Distro.Version || one.Codename != p.Distro.Codename:
			return nil
		}
	}
	return one
}

// upstreamsOf takes the source packages from a package URL, where the metadata of the
// package has none.
func upstreamsOf(out *pkg.Package, purl packageurl.PackageURL, from syftpkg.Package) {
	if len(out.Upstreams) > 0 {
		return
	}
	for _, q := range purl.Qualifiers {
		if q.Key != syftpkg.PURLQualifierUpstream {
			continue
		}
		for _, u := range upstreamOf(from.Type, purl.Name, q.Value) {
			if !slices.Contains(out.Upstreams, u) {
				out.Upstreams = append(out.Upstreams, u)
			}
		}
	}
}

// upstreamOf reads the qualifier upstream: the file name of a source RPM, else the name
// of a source package, with its version where that differs.
func upstreamOf(kind syftpkg.Type, name, value string) []pkg.UpstreamPackage {
	if kind == syftpkg.RpmPkg {
		return pkg.New(syftpkg.Package{Name: name, Type: kind, Metadata: syftpkg.RpmDBEntry{SourceRpm: value}}).Upstreams
	}
	source, version, _ := strings.Cut(value, "@")
	if source == "" || source == name {
		return nil
	}
	return []pkg.UpstreamPackage{{Name: source, Version: version}}
}

// distributionOf takes the distribution of a package from its package URL.
func (r *foreign) distributionOf(out *pkg.Package, purl packageurl.PackageURL, from syftpkg.Package) {
	if out.Distro != nil {
		return
	}
	said := purl.Qualifiers.Map()
	system, namespace := ofSystem(from.Type), purl.Namespace
	if !system {
		namespace = "" // of npm and others it is no distribution
	}
	var words []string
	for _, name := range []string{syftpkg.PURLQualifierDistro, "distro_name", "os_name", "os_version", "os_distro"} {
		words = append(words, said[name])
	}
	if strings.Join(words, "") == "" {
		return
	}
	key := strings.Join(append(words, namespace, fmt.Sprint(system)), "\n")
	known, ok := r.known[key]
	if !ok {
		known = r.choose(candidates(namespace, said), system)
		r.known[key] = known
	}
	out.Distro = known
	if len(r.known) > maxDistributions && r.err == nil {
		r.err = fault.Undecidedf("the packages name more than %d distributions", maxDistributions)
	}
}

// choose returns the distribution that the database has most about, the first of several,
// or nil where there is none. Packages that belong to no system need no such look.
func (r *foreign) choose(all []*distro.Distro, system bool) *distro.Distro {
	if len(all) == 0 {
		return nil
	}
	best, most := all[0], nothing
	for _, one := range all {
		if !system || one.VersionString() == "" {
			continue
		}
		covered, err := r.database.covers(one)
		if err != nil && r.err == nil {
			r.err = fault.Undecidedf("looking for %s in the vulnerability database: %w", bounded(one.String()), err)
		}
		if covered > most {
			best, most = one, covered
		}
	}
	return best
}

// candidates returns what the qualifiers of a package URL can mean, the likeliest first:
// distro=debian-12 as grype reads it; distro=bookworm or distro=12 below pkg:deb/debian,
// as in the examples of the purl specification; os_name=debian&os_version=12, as Docker
// Scout writes it; distro_name=bookworm beside any of these, as cdxgen does.
func candidates(namespace string, said map[string]string) []*distro.Distro {
	var out []*distro.Distro
	add := func(name, version string) {
		if name != "" && version != "" {
			out = append(out, namedDistro(strings.ToLower(name), version))
		}
	}
	name, version := distro.ParseDistroString(said[syftpkg.PURLQualifierDistro])
	if name != "" {
		out = append(out, namedDistro(name, version))
	}
	add(namespace, said[syftpkg.PURLQualifierDistro])
	add(namespace, version)
	add(said["os_name"], said["os_version"])
	add(said["os_name"], said["os_distro"])
	add(namespace, said["distro_name"])
	return out
}

// namedDistro is a distribution by a name and a version, or the name of a release, with
// those channels of fixes that grype looks into by default.
func namedDistro(name, version string) *distro.Distro {
	d := distro.NewFromNameVersion(name, version)
	same := &linux.Release{ID: d.ID(), VersionID: d.VersionString(), VersionCodename: d.Codename}
	d.Channels = nil
	if known := distro.FromRelease(same, distro.DefaultFixChannels()); known != nil {
		d.Channels = known.Channels
	}
	return d
}

// notes says so where the packages are of several distributions: each was looked up in
// its own.
func (r *foreign) notes() []string {
	counts, order := map[string]int{}, []string{}
	for _, p := range r.packages {
		if !ofSystem(p.Type) || p.Distro == nil {
			continue
		}
		name := bounded(nameOf(p.Distro))
		if counts[name]++; counts[name] == 1 {
			order = append(order, name)
		}
	}
	if len(order) < 2 {
		return nil
	}
	for i, name := range order {
		order[i] = fmt.Sprintf("%s (%s)", name, packagesWord(counts[name]))
	}
	return []string{"the packages of the SBOM name several distributions, and each was looked up in its own: " +
		strings.Join(order[:min(len(order), 10)], ", ")}
}

// nameOf names a distribution for people, one that grype does not know as it was written.
func nameOf(d *distro.Distro) string {
	if d.ID() == "" {
		return strings.TrimSpace(d.Name() + " " + d.VersionString())
	}
	return d.String()
}
