package scan

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/linux"
	syftpkg "github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"

	"github.com/hallmark-ci/hallmark/internal/advisory"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// readByGrype gives the SBOM to grype in the way its command line reads a file.
func readByGrype(t *testing.T, bom *sbom.SBOM) ([]pkg.Package, pkg.Context) {
	t.Helper()
	encoder, err := syftjson.NewFormatEncoderWithConfig(syftjson.DefaultEncoderConfig())
	if err != nil {
		t.Fatal(err)
	}
	var encoded bytes.Buffer
	if err := encoder.Encode(&encoded, *bom); err != nil {
		t.Fatal(err)
	}
	packages, scope, _, err := pkg.ProvideFromReader(bytes.NewReader(encoded.Bytes()), pkg.ProviderConfig{
		SynthesisConfig: pkg.SynthesisConfig{Distro: pkg.DistroConfig{FixChannels: distro.DefaultFixChannels()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages, scope
}

// lines describes packages by everything that matching looks at.
func lines(packages []pkg.Package) string {
	var all []string
	for _, p := range packages {
		var cpes, related, places []string
		for _, c := range p.CPEs {
			cpes = append(cpes, c.Attributes.BindToFmtString())
		}
		for kind, others := range p.RelatedPackages {
			for _, other := range others {
				related = append(related, fmt.Sprintf("%s:%s@%s", kind, other.Name, other.Version))
			}
		}
		for _, l := range p.Locations.ToSlice() {
			places = append(places, l.RealPath)
		}
		slices.Sort(related)
		all = append(all, fmt.Sprintf("%s %s %s %s %s %s distro=%v upstreams=%v metadata=%+v cpes=%v related=%v at=%v",
			p.ID, p.Name, p.Version, p.Type, p.Language, p.PURL, p.Distro, p.Upstreams, p.Metadata, cpes, related, places))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// TestPackagesAreThoseThatGrypeReads is the reason why the SBOM need not be
// written out and read back: both ways give the same packages and findings.
func TestPackagesAreThoseThatGrypeReads(t *testing.T) {
	releases := map[string]*linux.Release{
		"debian 12":         {ID: "debian", VersionID: "12", VersionCodename: "bookworm"},
		"debian sid":        {ID: "debian", PrettyName: "Debian GNU/Linux trixie/sid", VersionCodename: "trixie"},
		"ubuntu":            {ID: "ubuntu", IDLike: []string{"debian"}, VersionID: "22.04", VersionCodename: "jammy"},
		"ubuntu pro":        {ID: "ubuntu", IDLike: []string{"debian"}, VersionID: "20.04", VersionCodename: "focal", ExtendedSupport: true},
		"rhel":              {ID: "rhel", IDLike: []string{"fedora"}, VersionID: "9.4"},
		"rhel eus":          {ID: "rhel", IDLike: []string{"fedora"}, VersionID: "9.4", ExtendedSupport: true},
		"rhel 7 eus":        {ID: "rhel", IDLike: []string{"fedora"}, VersionID: "7.9", ExtendedSupport: true},
		"rhel, no version":  {ID: "rhel", ExtendedSupport: true},
		"rhel, odd":         {ID: "rhel", VersionID: "banana", VersionCodename: "plow", ExtendedSupport: true},
		"rhel by channel":   {ID: "rhel", VersionID: "9.4+EUS"},
		"ubuntu by channel": {ID: "ubuntu", VersionID: "22.04+esm,eus"},
		"rocky":             {ID: "rocky", IDLike: []string{"rhel", "centos", "fedora"}, VersionID: "9.3", ExtendedSupport: true},
		"amazon":            {ID: "amzn", IDLike: []string{"centos", "rhel", "fedora"}, VersionID: "2023"},
		"alpine":            {ID: "alpine", VersionID: "3.20.1"},
		"arch":              {ID: "arch"},
		"an odd channel":    {ID: "debian", VersionID: "12+esm"},
		"an unknown one":    {ID: "homemade", VersionID: "1"},
		"no distribution":   nil,
	}
	for name, release := range releases {
		t.Run(name, func(t *testing.T) {
			bom := overlapping()
			bom.Artifacts.LinuxDistribution = release
			want, wantScope := readByGrype(t, bom)
			got, gotScope := packagesOf(bom)
			if lines(got) != lines(want) {
				t.Errorf("packages:\n%s\nwant, as grype reads them:\n%s", lines(got), lines(want))
			}
			if gotScope.DistroDetectionFailed != wantScope.DistroDetectionFailed ||
				fmt.Sprintf("%#v", deref(gotScope.Distro)) != fmt.Sprintf("%#v", deref(wantScope.Distro)) {
				t.Errorf("distribution %#v, want %#v", gotScope.Distro, wantScope.Distro)
			}
		})
	}
}

func deref(d *distro.Distro) distro.Distro {
	if d == nil {
		return distro.Distro{}
	}
	return *d
}

func TestFindingsAreThoseOfGrypesReader(t *testing.T) {
	dir := t.TempDir()
	advisories, err := advisory.Table()
	if err != nil {
		t.Fatal(err)
	}
	if err := advisory.Build(t.Context(), dir, time.Now(), advisories); err != nil {
		t.Fatal(err)
	}
	database, err := Open(t.Context(), Config{Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()

	bom := overlapping()
	scanned, err := database.Scan(t.Context(), bom)
	if err != nil {
		t.Fatal(err)
	}
	packages, scope := readByGrype(t, bom)
	matches, ignored, err := database.match(t.Context(), packages, scope)
	if err != nil {
		t.Fatal(err)
	}
	want, err := newFindings(matches, ignored)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(names(scanned.Findings)); got != fmt.Sprint(names(want)) || len(want) == 0 {
		t.Errorf("findings %v, want %v", got, names(want))
	}
}

func names(findings []finding.Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, f.ID+" "+f.Package.PURL)
	}
	return all
}

// TestACPEWithoutAProductCostsNothing: grype ends its search of a package at
// such a CPE, and does not find what the others would have found.
func TestACPEWithoutAProductCostsNothing(t *testing.T) {
	nameless, named := cpe.CPE{Attributes: cpe.Attributes{Part: "a"}}, cpe.Must("cpe:2.3:a:acme:thing:1:*:*:*:*:*:*:*", "")
	original := []cpe.CPE{nameless, named}
	if got := searchable(original); len(got) != 1 || got[0].Attributes.Product != "thing" {
		t.Errorf("searchable = %v", got)
	}
	if original[0].Attributes.Part != "a" {
		t.Error("the SBOM's own list was changed")
	}
}

// overlapping returns an SBOM in which Debian packages own the files of others:
// of a Python module and a binary of the same version, which are the same
// software, and of a node module of another version, which is not.
func overlapping() *sbom.SBOM {
	python := located(syftpkg.Package{
		Name: "python3-yaml", Version: "6.0-3", Type: syftpkg.DebPkg, PURL: "pkg:deb/debian/python3-yaml@6.0-3",
		Metadata: syftpkg.DpkgDBEntry{
			Package: "python3-yaml", Version: "6.0-3", Source: "pyyaml", SourceVersion: "6.0-3+b1",
			Files: []syftpkg.DpkgFileRecord{{Path: "/usr/lib/python3/PyYAML.egg-info"}},
		},
	}, "/var/lib/dpkg/status")
	module := located(syftpkg.Package{
		Name: "PyYAML", Version: "6.0", Type: syftpkg.PythonPkg, Language: syftpkg.Python, PURL: "pkg:pypi/pyyaml@6.0",
		CPEs: []cpe.CPE{cpe.Must("cpe:2.3:a:pyyaml:pyyaml:6.0:*:*:*:*:*:*:*", cpe.GeneratedSource)},
	}, "/usr/lib/python3/PyYAML.egg-info")
	node := located(syftpkg.Package{
		Name: "node-all", Version: "2020-1", Type: syftpkg.DebPkg, PURL: "pkg:deb/debian/node-all@2020-1",
		Metadata: syftpkg.DpkgDBEntry{Package: "node-all", Version: "2020-1"},
	}, "/var/lib/dpkg/status")
	binary := located(syftpkg.Package{
		Name: "node", Version: "2020", Type: syftpkg.BinaryPkg, PURL: "pkg:generic/node@2020",
	}, "/usr/bin/node")
	lodash := located(syftpkg.Package{
		Name: "lodash", Version: "4.17.15", Type: syftpkg.NpmPkg, Language: syftpkg.JavaScript, PURL: "pkg:npm/lodash@4.17.15",
		CPEs: []cpe.CPE{cpe.Must("cpe:2.3:a:lodash:lodash:4.17.15:*:*:*:*:node.js:*:*", cpe.GeneratedSource)},
	}, "/usr/share/nodejs/lodash/package.json")
	stdlib := located(syftpkg.Package{
		Name: "stdlib", Version: "go1.21.8", Type: syftpkg.GoModulePkg, Language: syftpkg.Go, PURL: "pkg:golang/stdlib@1.21.8",
		Metadata: syftpkg.GolangBinaryBuildinfoEntry{
			GoCompiledVersion: "go1.21.8", Architecture: "amd64", MainModule: "example.com/tool",
			Symbols: map[string][]string{"net/http": {"Server.Serve"}},
		},
	}, "/usr/local/bin/tool")
	jar := located(syftpkg.Package{
		Name: "commons-text", Version: "1.9", Type: syftpkg.JavaPkg, Language: syftpkg.Java, PURL: "pkg:maven/org.apache.commons/commons-text@1.9",
		Metadata: syftpkg.JavaArchive{
			VirtualPath: "/app/commons-text.jar", PomProperties: &syftpkg.JavaPomProperties{GroupID: "org.apache.commons", ArtifactID: "commons-text"},
			ArchiveDigests: []file.Digest{{Algorithm: "sha1", Value: "ba72cf0c40cf701e972fe7720ae844629f4ecca2"}},
		},
	}, "/app/commons-text.jar")

	owns := func(owner, owned syftpkg.Package) artifact.Relationship {
		return artifact.Relationship{From: owner, To: owned, Type: artifact.OwnershipByFileOverlapRelationship}
	}
	return &sbom.SBOM{
		Source: source.Description{ID: "1", Name: "image", Metadata: source.DirectoryMetadata{Path: "/image"}},
		Artifacts: sbom.Artifacts{
			Packages:          syftpkg.NewCollection(python, module, node, binary, lodash, stdlib, jar),
			LinuxDistribution: &linux.Release{ID: "debian", VersionID: "12", VersionCodename: "bookworm"},
		},
		Relationships: []artifact.Relationship{owns(python, module), owns(node, binary), owns(node, lodash)},
	}
}

func located(p syftpkg.Package, path string) syftpkg.Package {
	p.Locations = file.NewLocationSet(file.NewLocation(path))
	p.SetID()
	return p
}
