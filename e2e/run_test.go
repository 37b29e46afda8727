package e2e_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// Longer than any database that a test brings has been lying about.
const anyAge = "876000h"

// A run on an image must find exactly what stock grype finds in it and list
// exactly the packages that stock syft lists, no more and no less.

func TestSampleAgreesWithGrypeAndSyft(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}

	p.keys("cosign")
	counts := p.agree(p.host+"/sample/app:v1", pinned.String(), database)

	if total := counts.total(); total < 3 {
		t.Errorf("the sample is made to have findings, have %+v", counts)
	}
}

func TestRealImagesAgreeWithGrypeAndSyft(t *testing.T) {
	shared, ok := world.Shared()
	if !ok {
		t.Log("the recipes of the real images are not beside this checkout: only the sample image was compared")
		return
	}
	archive, err := world.SharedArchive(shared)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, t.TempDir())
	p.must("grype", "db", "import", archive)
	p.keys("cosign")
	if err := world.PushReal(t.Context(), p.host, "small", "app"); err != nil {
		t.Fatal(err)
	}
	// What grype 0.120.1 finds in them with this database.
	for name, want := range map[string]counts{
		"small": {Negligible: 8},
		"app":   {Critical: 2, High: 4, Medium: 3, Negligible: 8, Unknown: 10},
	} {
		ref := p.host + "/real/" + name
		pinned := ref + "@" + strings.TrimSpace(p.must("crane", "digest", ref+":v1"))
		if got := p.agree(ref+":v1", pinned, archive); got != want {
			t.Errorf("%s: findings %+v, want %+v", name, got, want)
		}
	}
}

// counts is a number of findings by severity.
type counts struct{ Critical, High, Medium, Low, Negligible, Unknown int }

func (c counts) total() int {
	return c.Critical + c.High + c.Medium + c.Low + c.Negligible + c.Unknown
}

// agree runs hallmark with cosign.key on an image and compares what it wrote with what grype
// and syft say of the same image. It returns the counts by severity.
func (p *place) agree(image, pinned, database string) counts {
	p.t.Helper()
	p.must("hallmark", "run", image, "--key", "cosign.key", "--sbom", "cyclonedx", "--sbom", "spdx",
		"--vuln-db", database, "--vuln-db-max-age", anyAge, "--output-dir", "out")
	p.nothingLeft()

	// grype must look at the image itself. From syft's SBOM it finds more: only
	// its own cataloging reads the symbols of Go programs, by which it drops the
	// advisories about functions that are not in them.
	p.must("grype", "registry:"+pinned, "-q", "-o", "json", "--file", "grype.json")
	scan, fromGrype := hallmarkFindings(p.t, p.read("out/scan.json")), grypeFindings(p.t, p.read("grype.json"))
	same(p.t, "findings of "+image, scan.lines, fromGrype)

	p.must("syft", "scan", "registry:"+pinned, "-q", "-o", "cyclonedx-json=syft.cdx.json", "-o", "spdx-json=syft.spdx.json")
	same(p.t, "CycloneDX packages of "+image,
		cyclonedxPackages(p.t, p.read("out/sbom.cdx.json")), cyclonedxPackages(p.t, p.read("syft.cdx.json")))
	same(p.t, "SPDX packages of "+image,
		spdxPackages(p.t, p.read("out/sbom.spdx.json")), spdxPackages(p.t, p.read("syft.spdx.json")))
	return scan.counts
}

// nothingLeft checks that no temporary file outlived the run.
func (p *place) nothingLeft() {
	p.t.Helper()
	left, err := os.ReadDir(filepath.Join(p.dir, "tmp"))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, entry := range left {
		p.t.Errorf("left behind in the folder for temporary files: %s", entry.Name())
	}
}

type findings struct {
	lines  []string // one a finding: severity, id, name, version, package URL
	counts counts
}

func hallmarkFindings(t *testing.T, predicate []byte) findings {
	t.Helper()
	var decoded struct {
		Scanner struct {
			Result struct {
				Counts   struct{ Raw, Effective counts }
				Findings []struct {
					ID, Severity string
					Package      struct{ Name, Version, PURL string }
				}
			}
		}
	}
	decode(t, predicate, &decoded)
	result := decoded.Scanner.Result
	if result.Counts.Raw != result.Counts.Effective {
		t.Errorf("nothing is suppressed here, but raw %+v and effective %+v differ", result.Counts.Raw, result.Counts.Effective)
	}
	if len(result.Findings) != result.Counts.Raw.total() {
		t.Errorf("%d findings, but the counts say %+v", len(result.Findings), result.Counts.Raw)
	}
	f := findings{counts: result.Counts.Raw}
	for _, each := range result.Findings {
		f.lines = append(f.lines, line(each.Severity, each.ID, each.Package.Name, each.Package.Version, each.Package.PURL))
	}
	return f
}

func grypeFindings(t *testing.T, report []byte) []string {
	t.Helper()
	var decoded struct {
		Matches []struct {
			Vulnerability struct{ ID, Severity string }
			Artifact      struct{ Name, Version, PURL string }
		}
	}
	decode(t, report, &decoded)
	var lines []string
	for _, m := range decoded.Matches {
		lines = append(lines, line(strings.ToLower(m.Vulnerability.Severity), m.Vulnerability.ID,
			m.Artifact.Name, m.Artifact.Version, m.Artifact.PURL))
	}
	return lines
}

// cyclonedxPackages lists the components of an SBOM that are not files.
func cyclonedxPackages(t *testing.T, sbom []byte) []string {
	t.Helper()
	var decoded struct {
		Components []struct{ Type, Name, Version, PURL string }
	}
	decode(t, sbom, &decoded)
	var lines []string
	for _, c := range decoded.Components {
		if c.Type != "file" {
			lines = append(lines, line(c.Type, c.Name, c.Version, c.PURL))
		}
	}
	return lines
}

// spdxPackages lists the packages of an SBOM without the one that stands for
// the image.
func spdxPackages(t *testing.T, sbom []byte) []string {
	t.Helper()
	var decoded struct {
		Packages []struct {
			Name, VersionInfo, PrimaryPackagePurpose string
			ExternalRefs                             []struct{ ReferenceType, ReferenceLocator string }
		}
	}
	decode(t, sbom, &decoded)
	var lines []string
	for _, each := range decoded.Packages {
		if each.PrimaryPackagePurpose == "CONTAINER" {
			continue
		}
		fields := []string{each.Name, each.VersionInfo}
		for _, ref := range each.ExternalRefs {
			if ref.ReferenceType == "purl" {
				fields = append(fields, ref.ReferenceLocator)
			}
		}
		lines = append(lines, line(fields...))
	}
	return lines
}

func line(fields ...string) string { return strings.Join(fields, " ") }

func decode(t *testing.T, content []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatalf("decoding %.60q: %v", content, err)
	}
}

// same compares two lists as multisets and tells what only one of them has. Two
// empty lists are no agreement, but a test that looked at nothing.
func same(t *testing.T, what string, ours, theirs []string) {
	t.Helper()
	if len(theirs) == 0 {
		t.Errorf("%s: the peer lists none", what)
	}
	balance := map[string]int{}
	for _, l := range ours {
		balance[l]++
	}
	for _, l := range theirs {
		balance[l]--
	}
	for _, l := range slices.Sorted(maps.Keys(balance)) {
		switch n := balance[l]; {
		case n > 0:
			t.Errorf("%s: only hallmark has (%d times): %s", what, n, l)
		case n < 0:
			t.Errorf("%s: only the peer has (%d times): %s", what, -n, l)
		}
	}
}
