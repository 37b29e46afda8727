package scan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/advisory"
	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// The reference in these tests is `grype sbom:FILE`: grype's own reader of documents, and
// its matchers, on the same database.

// foreignTypes is a component of every ecosystem that grype knows by a package URL.
func foreignTypes() []component {
	return []component{
		{"libssl3", "3.0.9-1", "pkg:deb/debian/libssl3@3.0.9-1?arch=amd64&upstream=openssl&distro=debian-12"},
		{"libc6", "2.36-9+deb12u2", "pkg:deb/debian/libc6@2.36-9%2Bdeb12u2?upstream=glibc%402.36-9&distro=debian-12"},
		{"tar", "1.34+dfsg-1.2", "pkg:deb/debian/tar@1.34%2Bdfsg-1.2?upstream=tar&distro=debian-12"},
		{"libssl3", "3.0.2-0ubuntu1.10", "pkg:deb/ubuntu/libssl3@3.0.2-0ubuntu1.10?upstream=openssl&distro=ubuntu-22.04"},
		{"libssl3", "3.0.2-0ubuntu1.10", "pkg:deb/ubuntu/libssl3@3.0.2-0ubuntu1.10?upstream=openssl&distro=ubuntu-jammy"},
		{"openssl-libs", "3.0.7-6.el9_2", "pkg:rpm/redhat/openssl-libs@3.0.7-6.el9_2?arch=x86_64&epoch=1&upstream=openssl-3.0.7-6.el9_2.src.rpm&distro=rhel-9.2"},
		{"bash", "5.1.8-6.el9", "pkg:rpm/redhat/bash@5.1.8-6.el9?upstream=bash-5.1.8-6.el9.src.rpm&distro=redhat-9.2"},
		{"perl-libs", "5.32.1", "pkg:rpm/fedora/perl-libs@5.32.1?rpmmod=perl:5.32&distro=fedora-39"},
		{"libcrypto3", "3.1.4-r1", "pkg:apk/alpine/libcrypto3@3.1.4-r1?arch=x86_64&upstream=openssl&distro=alpine-3.19.1"},
		{"busybox", "1.36.1-r5", "pkg:apk/wolfi/busybox@1.36.1-r5?distro=wolfi-20230201"},
		{"linux", "6.6.1.arch1-1", "pkg:alpm/arch/linux@6.6.1.arch1-1?upstream=linux&distro=arch"},
		{"lodash", "4.17.15", "pkg:npm/lodash@4.17.15"},
		{"@babel/core", "7.0.0", "pkg:npm/%40babel/core@7.0.0"},
		{"Django", "3.2", "pkg:pypi/django@3.2"},
		{"rails", "6.0.0", "pkg:gem/rails@6.0.0"},
		{"commons-text", "1.9", "pkg:maven/org.apache.commons/commons-text@1.9?type=jar"},
		{"golang.org/x/net", "v0.10.0", "pkg:golang/golang.org/x/net@v0.10.0"},
		{"stdlib", "go1.21.8", "pkg:golang/stdlib@1.21.8"},
		{"tokio", "1.0.0", "pkg:cargo/tokio@1.0.0"},
		{"symfony/http-kernel", "4.4.0", "pkg:composer/symfony/http-kernel@4.4.0"},
		{"Newtonsoft.Json", "12.0.1", "pkg:nuget/Newtonsoft.Json@12.0.1"},
		{"plug", "1.3.1", "pkg:hex/plug@1.3.1"},
		{"http", "0.13.0", "pkg:pub/http@0.13.0"},
		{"zlib", "1.2.11", "pkg:conan/zlib@1.2.11"},
		{"Alamofire", "5.0.0", "pkg:cocoapods/Alamofire@5.0.0"},
		{"swift-nio", "2.0.0", "pkg:swift/github.com/apple/swift-nio@2.0.0"},
		{"aeson", "1.0", "pkg:hackage/aeson@1.0"},
		{"ggplot2", "3.0.0", "pkg:cran/ggplot2@3.0.0"},
		{"wordpress", "6.0", "pkg:bitnami/wordpress@6.0?arch=amd64&distro=debian-12"},
		{"openssl", "1.1.1", "pkg:generic/openssl@1.1.1"},
	}
}

type component struct{ name, version, purl string }

// in writes a document in a format that lists components, with an operating system where
// the format has one.
func in(format string, components ...component) []byte {
	var list []string
	for i, c := range components {
		switch format {
		case "cyclonedx":
			list = append(list, fmt.Sprintf(`{"type":"library","bom-ref":"c%d","name":%q,"version":%q,"purl":%q}`, i, c.name, c.version, c.purl))
		case "spdx":
			list = append(list, fmt.Sprintf(`{"name":%q,"SPDXID":"SPDXRef-%d","versionInfo":%q,"downloadLocation":"NOASSERTION",
				"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":%q}]}`, c.name, i, c.version, c.purl))
		}
	}
	all := strings.Join(list, ",")
	if format == "spdx" {
		return []byte(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","dataLicense":"CC0-1.0","documentNamespace":"https://example.com/x",
			"creationInfo":{"created":"2026-11-20T08:00:00Z","creators":["Tool: x"]},"packages":[` + all + `]}`)
	}
	return []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[` + all + `]}`)
}

func TestForeignPackagesAreThoseThatGrypeReads(t *testing.T) {
	database := small(t)
	documents := map[string][]byte{}
	for _, c := range foreignTypes() {
		for _, format := range []string{"cyclonedx", "spdx"} {
			documents[c.purl+" in "+format] = in(format, c)
		}
	}
	for name, document := range written(t) {
		documents[name] = document
	}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			want, wantScope := grypeReads(t, document)
			got, gotScope := weRead(t, database, document)
			if told(got) != told(want) {
				t.Errorf("packages:\n%s\nwant, as grype reads them:\n%s", told(got), told(want))
			}
			if distributionOf(gotScope.Distro) != distributionOf(wantScope.Distro) {
				t.Errorf("distribution %s, want %s", distributionOf(gotScope.Distro), distributionOf(wantScope.Distro))
			}
		})
	}
}

func TestForeignFindingsAreThoseOfGrype(t *testing.T) {
	database := small(t)
	for name, document := range written(t) {
		t.Run(name, func(t *testing.T) {
			packages, scope := grypeReads(t, document)
			matches, ignored, err := database.match(t.Context(), packages, scope)
			if err != nil {
				t.Fatal(err)
			}
			want, err := newFindings(matches, ignored)
			if err != nil {
				t.Fatal(err)
			}
			got := found(t, database, document)
			if fmt.Sprint(names(got)) != fmt.Sprint(names(want)) || len(want) == 0 {
				t.Errorf("findings %v, want those of grype: %v", names(got), names(want))
			}
		})
	}
}

// What grype does not understand it looks up nowhere, and finds nothing. Those who write
// such documents mean a distribution all the same.
func TestADistributionIsUnderstoodHoweverItIsNamed(t *testing.T) {
	database := small(t)
	for says, purl := range map[string]string{
		"as grype reads it":              "pkg:deb/debian/libssl3@3.0.9-1?upstream=openssl&distro=debian-12",
		"a point release":                "pkg:deb/debian/libssl3@3.0.9-1?upstream=openssl&distro=debian-12.5",
		"a name of a release":            "pkg:deb/debian/libssl3@3.0.9-1?upstream=openssl&distro=bookworm",
		"a name behind the distribution": "pkg:deb/debian/libssl3@3.0.9-1?upstream=openssl&distro=debian-bookworm",
		"a number alone":                 "pkg:deb/debian/libssl3@3.0.9-1?upstream=openssl&distro=12",
		"as Docker Scout":                "pkg:deb/debian/libssl3@3.0.9-1?os_distro=bookworm&os_name=debian&os_version=12&upstream=openssl",
		"as cdxgen, without distro":      "pkg:deb/debian/libssl3@3.0.9-1?upstream=openssl&distro_name=bookworm",
	} {
		for _, format := range []string{"cyclonedx", "spdx"} {
			t.Run(says+" in "+format, func(t *testing.T) {
				got := found(t, database, in(format, component{"libssl3", "3.0.9-1", purl}))
				if len(got) != 1 || got[0].ID != "CVE-2023-5363" {
					t.Errorf("findings %v, want CVE-2023-5363", names(got))
				}
			})
		}
	}
}

// A package that is of another distribution than the operating system of the document is
// looked up in its own, as grype does, and that is told.
func TestEachPackageIsLookedUpInItsOwnDistribution(t *testing.T) {
	eleven := advisory.Advisory{
		ID: "CVE-2026-1111", Ecosystem: "debian:11", Package: "openssl", Fixed: "1.1.1n-0+deb11u5", Severity: finding.High, Summary: "of eleven",
	}
	database := small(t, eleven)
	system := `{"type":"operating-system","name":"debian","version":"12"},`
	document := bytes.Replace(in("cyclonedx",
		component{"libssl1.1", "1.1.1n-0+deb11u4", "pkg:deb/debian/libssl1.1@1.1.1n-0%2Bdeb11u4?upstream=openssl&distro=debian-11"},
		component{"libc6", "2.36-9+deb12u2", "pkg:deb/debian/libc6@2.36-9%2Bdeb12u2?upstream=glibc"},
	), []byte(`"components":[`), []byte(`"components":[`+system), 1)
	scan, err := scanned(t, database, document)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(names(scan.Findings)); !strings.Contains(got, "CVE-2026-1111") || !strings.Contains(got, "CVE-2023-4911") {
		t.Errorf("findings %s", got)
	}
	if len(scan.Notes) != 1 || !strings.Contains(scan.Notes[0], "debian 11 (1 package)") || !strings.Contains(scan.Notes[0], "debian 12 (1 package)") {
		t.Errorf("notes %q", scan.Notes)
	}
}

func TestADistributionThatNobodyCanLookUpIsUndecided(t *testing.T) {
	database := small(t)
	for says, c := range map[string]struct{ purl, want string }{
		"none":            {"pkg:deb/debian/tar@1.34", "its distribution is unknown"},
		"another release": {"pkg:deb/debian/tar@1.34?distro=debian-99", "holds nothing about debian 99"},
		"an invented one": {"pkg:deb/homemade/tar@1.34?distro=homemade-1", "holds nothing about homemade 1"},
		"one of rpm":      {"pkg:rpm/redhat/tar@1.34?distro=rhel-9", "holds nothing about rhel 9"},
	} {
		t.Run(says, func(t *testing.T) {
			_, err := scanned(t, database, in("cyclonedx", component{"tar", "1.34", c.purl}))
			if fault.KindOf(err) != fault.Undecided || !strings.Contains(fmt.Sprint(err), c.want) {
				t.Errorf("error %v, want one of kind undecided with %q", err, c.want)
			}
		})
	}
}

func TestTooManyDistributionsAreUndecided(t *testing.T) {
	var all []component
	for i := range maxDistributions + 2 {
		all = append(all, component{"tar", "1", fmt.Sprintf("pkg:deb/debian/tar@1?distro=debian-%d", i+100)})
	}
	if _, err := scanned(t, small(t), in("cyclonedx", all...)); fault.KindOf(err) != fault.Undecided {
		t.Errorf("error %v, want one of kind undecided", err)
	}
}

// TestManyNamespacesAreNotManyDistributions: packages of many owners are of none.
func TestManyNamespacesAreNotManyDistributions(t *testing.T) {
	var all []component
	for i := range maxDistributions + 2 {
		all = append(all, component{"a", "1", fmt.Sprintf("pkg:npm/%%40scope%d/a@1", i)})
		all = append(all, component{"a", "1", fmt.Sprintf("pkg:maven/org.example%d/a@1?distro=debian-12", i)})
	}
	if _, err := scanned(t, small(t), in("cyclonedx", all...)); err != nil {
		t.Error(err)
	}
}

// small returns a database with the table of advisories and some more.
func small(t *testing.T, more ...advisory.Advisory) *Database {
	t.Helper()
	advisories, err := advisory.Table()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := advisory.Build(t.Context(), dir, time.Now(), append(advisories, more...)); err != nil {
		t.Fatal(err)
	}
	database, err := Open(t.Context(), Config{Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	return database
}

// written returns the documents in testdata, in the form of the programs that write such.
func written(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "foreign", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d documents, error %v", len(paths), err)
	}
	all := map[string][]byte{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = content
	}
	return all
}

// grypeReads gives a document to grype as its command line reads a file.
func grypeReads(t *testing.T, document []byte) ([]pkg.Package, pkg.Context) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sbom.json")
	if err := os.WriteFile(path, document, 0o600); err != nil {
		t.Fatal(err)
	}
	packages, scope, _, err := pkg.Provide("sbom:"+path, pkg.ProviderConfig{
		SynthesisConfig: pkg.SynthesisConfig{Distro: pkg.DistroConfig{FixChannels: distro.DefaultFixChannels()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages, scope
}

func weRead(t *testing.T, database *Database, document []byte) ([]pkg.Package, pkg.Context) {
	t.Helper()
	bom := brought(t, document)
	if !bom.Foreign() {
		return packagesOf(bom.Syft())
	}
	r, err := database.readForeign(bom.Syft())
	if err != nil {
		t.Fatal(err)
	}
	return r.packages, r.scope
}

func brought(t *testing.T, document []byte) catalog.SBOM {
	t.Helper()
	digest, err := name.NewDigest("registry.example/app@sha256:" + strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := attest.NewSubject(digest, "registry.example/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	bom, err := catalog.Read(subject, document)
	if err != nil {
		t.Fatal(err)
	}
	return bom
}

func scanned(t *testing.T, database *Database, document []byte) (finding.Scan, error) {
	t.Helper()
	bom := brought(t, document)
	if !bom.Foreign() {
		return database.Scan(t.Context(), bom.Syft())
	}
	return database.ScanForeign(t.Context(), bom.Syft())
}

func found(t *testing.T, database *Database, document []byte) []finding.Finding {
	t.Helper()
	scan, err := scanned(t, database, document)
	if err != nil {
		t.Fatal(err)
	}
	return scan.Findings
}

// told describes packages by what matching looks at, without the identifiers, which
// differ where those of the document are missing or not its own.
func told(packages []pkg.Package) string {
	var all []string
	for _, p := range packages {
		var cpes []string
		for _, c := range p.CPEs {
			cpes = append(cpes, c.Attributes.BindToFmtString())
		}
		metadata, err := json.Marshal(p.Metadata)
		if err != nil {
			return err.Error()
		}
		all = append(all, fmt.Sprintf("%s %s %s %s %s distro=%s upstreams=%v metadata=%s cpes=%v",
			p.Name, p.Version, p.Type, p.Language, p.PURL, distributionOf(p.Distro), p.Upstreams, metadata, cpes))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}
