package catalog

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// What a scan reads of a package comes back from the document.
func TestCycloneDXGivesBackWhatAScanReads(t *testing.T) {
	for kind, p := range map[string]pkg.Package{
		"a Go program": {
			Name: "example.com/a", Version: "v1.0.0", Type: pkg.GoModulePkg, PURL: "pkg:golang/example.com/a@v1.0.0",
			Metadata: pkg.GolangBinaryBuildinfoEntry{MainModule: "example.com/a", Symbols: map[string][]string{"example.com/a": {"(*T).M", "main"}, "example.com/a/b": {}}},
		},
		"an Alpine package": {
			Name: "musl", Version: "1.2.5-r0", Type: pkg.ApkPkg, PURL: "pkg:apk/alpine/musl@1.2.5-r0",
			Metadata: pkg.ApkDBEntry{OriginPackage: "musl", Architecture: "x86_64", Files: []pkg.ApkFileRecord{{Path: "/lib/ld-musl.so"}}},
		},
		"an RPM package": {
			Name: "bash", Version: "5.1-9", Type: pkg.RpmPkg, PURL: "pkg:rpm/rhel/bash@5.1-9",
			Metadata: pkg.RpmDBEntry{Arch: "x86_64", SourceRpm: "bash-5.1-9.src.rpm"},
		},
		"a Java archive": {
			Name: "log4j-core", Version: "2.14.1", Type: pkg.JavaPkg, PURL: "pkg:maven/org.apache/log4j-core@2.14.1",
			Metadata: pkg.JavaArchive{PomProperties: &pkg.JavaPomProperties{GroupID: "org.apache", ArtifactID: "log4j-core"}, Manifest: &pkg.JavaManifest{Main: pkg.KeyValues{{Key: "Name", Value: "core"}}}},
		},
		"a Java archive without properties": {
			Name: "certificates", Version: "1", Type: pkg.JavaPkg, PURL: "pkg:maven/org.debian/certificates@1",
			Metadata: pkg.JavaArchive{},
		},
		"a Java runtime": {
			Name: "openjdk", Version: "17.0.2", Type: pkg.BinaryPkg, PURL: "pkg:generic/oracle/openjdk@17.0.2",
			Metadata: pkg.JavaVMInstallation{Release: pkg.JavaVMRelease{JavaRuntimeVersion: "17.0.2+8"}},
		},
	} {
		p.SetID()
		release := &linux.Release{ID: "wolfi", IDLike: []string{"alpine"}, VersionID: "20230201", Version: "2023"}
		back := throughCycloneDX(t, sbom.Artifacts{Packages: pkg.NewCollection(p), LinuxDistribution: release})
		packages := back.content.Artifacts.Packages.Sorted()
		if len(packages) != 1 || !reflect.DeepEqual(packages[0].Metadata, p.Metadata) {
			t.Errorf("%s: back came %+v, want %+v", kind, packages[0].Metadata, p.Metadata)
		}
		if !reflect.DeepEqual(back.content.Artifacts.LinuxDistribution, release) {
			t.Errorf("%s: back came %+v", kind, back.content.Artifacts.LinuxDistribution)
		}
	}
}

// Of two copies of one module, the distribution owns one; the other one counts.
func TestAnOwnerIsThatOfOneCopy(t *testing.T) {
	owner := pkg.Package{
		Name: "node-ajv", Version: "6.12", Type: pkg.DebPkg, PURL: "pkg:deb/debian/node-ajv@6.12",
		Metadata: pkg.DpkgDBEntry{Package: "node-ajv", Files: []pkg.DpkgFileRecord{{Path: "/usr/share/nodejs/ajv/package.json"}}},
	}
	owned, free := module("/usr/share/nodejs/ajv/package.json"), module("/app/node_modules/ajv/package.json")
	owner.SetID()
	for says, relationships := range map[string][]artifact.Relationship{
		"syft relates them":      {{From: owner, To: owned, Type: artifact.OwnershipByFileOverlapRelationship}},
		"the files say it alone": nil,
	} {
		back := throughCycloneDX(t, sbom.Artifacts{Packages: pkg.NewCollection(owner, owned, free)}, relationships...)
		var found []string
		for _, r := range back.content.Relationships {
			if to, ok := r.To.(pkg.Package); ok && r.Type == artifact.OwnershipByFileOverlapRelationship {
				found = append(found, to.Locations.ToSlice()[0].RealPath)
			}
		}
		if len(found) != 1 || found[0] != "/usr/share/nodejs/ajv/package.json" {
			t.Errorf("%s: owned are %v", says, found)
		}
	}
}

func TestLicencesComeBackAsTheyWere(t *testing.T) {
	p := module("/app/package.json")
	p.Licenses = pkg.NewLicenseSet(pkg.NewLicense("(MIT OR Apache-2.0)"), pkg.NewLicense("GPL-2.0-only AND LicenseRef-x"), pkg.NewLicense("my own"))
	want := licences(p)
	back := throughCycloneDX(t, sbom.Artifacts{Packages: pkg.NewCollection(p)})
	if got := back.Packages(); len(got) != 1 || !reflect.DeepEqual(got[0].Licences, want) {
		t.Errorf("back came %+v, want %q", got, want)
	}
}

// A supplement that is none makes the document none: what it lacks would not be
// seen.
func TestADamagedSupplementIsAnError(t *testing.T) {
	s := supplement{Licences: map[string][]string{"a": {"MIT"}}}
	text, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := decodeSupplement(text); err != nil || !reflect.DeepEqual(back.Licences, s.Licences) {
		t.Errorf("back came %+v, %v", back, err)
	}
	for _, damaged := range []string{"", "%", text[:len(text)-8], strings.Repeat("A", len(text))} {
		if _, err := decodeSupplement(damaged); err == nil {
			t.Errorf("%q is read", damaged)
		}
		document := `{"bomFormat":"CycloneDX","specVersion":"1.6","$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","version":1,` +
			`"metadata":{"properties":[{"name":"hallmark:supplement","value":"` + damaged + `"}]},"components":[]}`
		if _, err := Decode(app(t), CycloneDX, []byte(document)); err == nil || !strings.Contains(err.Error(), "its supplement: ") {
			t.Errorf("with the supplement %q: %v", damaged, err)
		}
	}
}

func FuzzSupplement(f *testing.F) {
	text, err := supplement{Metadata: map[string]json.RawMessage{"a": json.RawMessage(`{"symbols":{"p":["f"]}}`)}}.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := decodeSupplement(text)
		if err != nil {
			return
		}
		p := module("/app/package.json")
		p.OverrideID("a")
		p.Metadata = pkg.GolangBinaryBuildinfoEntry{}
		content := &sbom.SBOM{Artifacts: sbom.Artifacts{Packages: pkg.NewCollection(p)}}
		if err := s.apply(content); err == nil && content.Artifacts.Packages.PackageCount() != 1 {
			t.Error("a package came or went")
		}
	})
}

func module(path string) pkg.Package {
	p := pkg.Package{
		Name: "ajv", Version: "6.12", Type: pkg.NpmPkg, Language: pkg.JavaScript, PURL: "pkg:npm/ajv@6.12",
		Locations: file.NewLocationSet(file.NewLocation(path)), Metadata: pkg.NpmPackage{Name: "ajv", Version: "6.12"},
	}
	p.SetID()
	return p
}

func throughCycloneDX(t *testing.T, artifacts sbom.Artifacts, relationships ...artifact.Relationship) SBOM {
	t.Helper()
	b := SBOM{content: &sbom.SBOM{Artifacts: artifacts, Relationships: relationships}, created: time.Unix(0, 0).UTC(), subject: app(t)}
	document, err := b.Encode(CycloneDX)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(app(t), CycloneDX, document)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

func app(t testing.TB) attest.Subject {
	t.Helper()
	digest, err := name.NewDigest("registry.example/app@sha256:" + strings.Repeat("0123456789abcdef", 4))
	if err != nil {
		t.Fatal(err)
	}
	s, err := attest.NewSubject(digest, "registry.example/app:1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The time per package is to stay the same: a re-run waits for it.
func BenchmarkDecode(b *testing.B) {
	for _, size := range []int{500, 1000, 2000} {
		var packages []pkg.Package
		for i := range size {
			p := pkg.Package{Name: fmt.Sprint("example.com/", i), Version: "v1.0.0", Type: pkg.GoModulePkg, PURL: fmt.Sprintf("pkg:golang/example.com/%d@v1.0.0", i)}
			symbols := make([]string, 100)
			for j := range symbols {
				symbols[j] = fmt.Sprint("(*T).Method", j)
			}
			p.Metadata = pkg.GolangBinaryBuildinfoEntry{Symbols: map[string][]string{p.Name: symbols}}
			p.SetID()
			packages = append(packages, p)
		}
		bom := SBOM{content: &sbom.SBOM{Artifacts: sbom.Artifacts{Packages: pkg.NewCollection(packages...)}}, created: time.Unix(0, 0).UTC(), subject: app(b)}
		document, err := bom.Encode(CycloneDX)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("packages=%d", size), func(b *testing.B) {
			b.SetBytes(int64(len(document)))
			for b.Loop() {
				if _, err := Decode(app(b), CycloneDX, document); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
