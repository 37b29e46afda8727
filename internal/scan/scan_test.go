package scan_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"

	"github.com/hallmark-ci/hallmark/internal/advisory"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

// TestScanFailsWithItsDatabase: grype would log these errors, some in the middle
// of a matcher, and report no findings.
func TestScanFailsWithItsDatabase(t *testing.T) {
	dir := folder(t)
	broken := open(t, scan.Config{
		Source:   changed(t, dir, "UPDATE blobs SET value = '{' WHERE value LIKE '%lodash%' OR value LIKE '%ranges%'"),
		CacheDir: t.TempDir(),
	})
	closed := open(t, scan.Config{Source: dir})
	closed.Close()
	for name, database := range map[string]*scan.Database{"broken records": broken, "closed": closed} {
		for _, p := range []pkg.Package{
			lodash(), deb("tar", "1.34", ""),
			{Name: "golang.org/x/net", Version: "v0.1.0", Type: pkg.GoModulePkg, Language: pkg.Go},
		} {
			t.Run(name+" "+string(p.Type), func(t *testing.T) {
				result, err := database.Scan(t.Context(), image(debian12(), p))
				if fault.KindOf(err) != fault.Undecided || strings.Contains(err.Error(), "\n") {
					t.Errorf("err = %v and findings %v, want one line of kind Undecided", err, result.Findings)
				}
			})
		}
	}
}

// TestScanRefusesSystemsThatItCannotMatch: no findings would mean that nobody
// looked.
func TestScanRefusesSystemsThatItCannotMatch(t *testing.T) {
	database := open(t, scan.Config{Source: folder(t)})
	tests := map[string]struct {
		release *linux.Release
		want    string
	}{
		"no os-release":    {nil, "2 packages of type deb, but its distribution is unknown: there is no /etc/os-release"},
		"an unknown one":   {&linux.Release{ID: "homemade", VersionID: "1"}, "its /etc/os-release names none that is known"},
		"another release":  {&linux.Release{ID: "debian", VersionID: "11"}, "holds nothing about debian 11, of which the image has 2 packages"},
		"another system":   {&linux.Release{ID: "alpine", VersionID: "3.20.1"}, "holds nothing about alpine 3.20.1"},
		"a derivative too": {&linux.Release{ID: "ubuntu", IDLike: []string{"debian"}, VersionID: "22.04"}, "holds nothing about ubuntu 22.04"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := database.Scan(t.Context(), image(test.release, deb("tar", "1.34", ""), deb("apt", "2.6.1", ""), lodash()))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("err = %v, want %q", err, test.want)
			}
			if fault.KindOf(err) != fault.Undecided || fault.HintOf(err) == "" {
				t.Errorf("kind %v, hint %q", fault.KindOf(err), fault.HintOf(err))
			}
			if _, err := database.Scan(t.Context(), image(test.release, lodash())); err != nil {
				t.Errorf("without packages of the system: %v", err)
			}
		})
	}
}

// TestScanRefusesASeverityThatIsNone: grype would make "unknown" of it, which no
// cutoff reaches.
func TestScanRefusesASeverityThatIsNone(t *testing.T) {
	says := func(word string) *scan.Database {
		return open(t, scan.Config{
			Source:   changed(t, folder(t), `UPDATE blobs SET value = replace(value, '"value":"high"', '"value":"`+word+`"') WHERE value LIKE '%"value":"high"%'`),
			CacheDir: t.TempDir(),
		})
	}
	for _, word := range []string{"Important", "high ", "none", "CVSS:3.1/AV:N"} {
		_, err := says(word).Scan(t.Context(), image(nil, lodash()))
		want := fmt.Sprintf(`reading GHSA-35jh-r3h4-6jhm in lodash: the vulnerability database calls it %q, which is not a severity`, word)
		if fault.KindOf(err) != fault.Undecided || fault.HintOf(err) == "" || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q, undecided, with a hint", err, want)
		}
	}
	for word, severity := range map[string]finding.Severity{"HIGH": finding.High, "Unknown": finding.Unknown, "": finding.Unknown} {
		result, err := says(word).Scan(t.Context(), image(nil, lodash()))
		if err != nil || !slices.ContainsFunc(result.Findings, func(f finding.Finding) bool { return f.Severity == severity }) {
			t.Errorf("%q: findings %+v, %v; want one of severity %s", word, result.Findings, err, severity)
		}
	}
}

func TestScanEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := open(t, scan.Config{Source: folder(t)}).Scan(ctx, image(nil, lodash()))
	if !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Failed {
		t.Errorf("err = %v, want that of the context", err)
	}
}

// TestScanOfNothing: an empty list, not null.
func TestScanOfNothing(t *testing.T) {
	result, err := open(t, scan.Config{Source: folder(t)}).Scan(t.Context(), image(nil))
	if err != nil {
		t.Fatal(err)
	}
	if encoded, _ := json.Marshal(result.Findings); string(encoded) != "[]" {
		t.Errorf("findings = %s", encoded)
	}
}

// TestScanSays who scanned with what, and when.
func TestScanSays(t *testing.T) {
	dir := folder(t)
	database := open(t, scan.Config{Source: dir})
	result, err := database.Scan(t.Context(), image(debian12(), deb("libnghttp2-14", "1.52.0-1", "nghttp2")))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`github\.com/anchore/grype v(\S+)`).FindStringSubmatch(string(read(t, filepath.Join("..", "..", "go.mod"))))
	if len(version) < 2 || result.Scanner.Version != version[1] || !strings.HasSuffix(result.Scanner.URI, "@v"+version[1]) {
		t.Errorf("Scanner = %+v, and go.mod requires %v", result.Scanner, version)
	}
	if result.Database != database.Info() || result.Started.After(result.Finished) || result.Started.Location().String() != "UTC" {
		t.Errorf("scan = %+v", result)
	}
	got, err := json.MarshalIndent(result.Findings, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want := `[
  {
    "id": "CVE-2023-44487",
    "aliases": [],
    "severity": "high",
    "package": {
      "name": "libnghttp2-14",
      "version": "1.52.0-1",
      "type": "deb",
      "purl": "pkg:deb/debian/libnghttp2-14@1.52.0-1"
    },
    "fixedIn": [
      "1.52.0-1+deb12u1"
    ],
    "fixState": "fixed",
    "epss": {
      "score": 0.9442,
      "percentile": 0.9998
    },
    "kev": {
      "cve": "CVE-2023-44487",
      "dateAdded": "2023-10-10T00:00:00Z"
    }
  }
]`
	if string(got) != want {
		t.Errorf("findings:\n%s\nwant:\n%s", got, want)
	}
}

// TestScanIsReproducible: the order in which packages came does not matter, and
// the same package at two places is one finding.
func TestScanIsReproducible(t *testing.T) {
	database := open(t, scan.Config{Source: folder(t)})
	var packages []pkg.Package
	for _, place := range []string{"/a", "/b"} {
		for _, p := range []pkg.Package{lodash(), {Name: "minimist", Version: "1.2.0", Type: pkg.NpmPkg, Language: pkg.JavaScript}} {
			p.Metadata = pkg.NpmPackage{Name: p.Name, Version: p.Version, Description: place}
			packages = append(packages, p)
		}
	}
	var first []byte
	for i := range 10 {
		packages = append(packages[1:], packages[0])
		bom := image(nil, packages...)
		if bom.Artifacts.Packages.PackageCount() != 4 {
			t.Fatal("the packages are not four")
		}
		result, err := database.Scan(t.Context(), bom)
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(result.Findings)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = encoded
		}
		if len(result.Findings) != 3 || !bytes.Equal(encoded, first) {
			t.Fatalf("findings:\n%s\nfirst they were:\n%s", encoded, first)
		}
	}
}

func TestKernelHeadersAreSuppressed(t *testing.T) {
	database := open(t, scan.Config{Source: folderOf(t, advisory.Advisory{
		ID: "CVE-2024-1086", Ecosystem: "debian:12", Package: "linux", Fixed: "6.1.76-1", Severity: finding.High, Summary: "s",
	})})
	result, err := database.Scan(t.Context(), image(debian12(),
		deb("linux-libc-dev", "6.1.55-1", "linux"), deb("linux-image-6.1.0-13-amd64", "6.1.55-1", "linux")))
	if err != nil {
		t.Fatal(err)
	}
	raw, effective := finding.Count(result.Findings)
	if raw.High != 2 || effective.High != 1 {
		t.Fatalf("raw %+v, effective %+v", raw, effective)
	}
	for _, f := range result.Findings {
		if f.Effective() != (f.Package.Name == "linux-image-6.1.0-13-amd64") {
			t.Errorf("%s is suppressed by %+v", f.Package.Name, f.SuppressedBy)
		}
		if s := f.SuppressedBy; s != nil && (s.Source != "database" || !strings.Contains(s.Reason, "kernel headers")) {
			t.Errorf("suppressed by %+v", s)
		}
	}
}

// TestHostileTextsAreBounded: neither an advisory nor an image can put long or
// broken texts into the evidence.
func TestHostileTextsAreBounded(t *testing.T) {
	long := strings.Repeat("é", 5000)
	hostile := advisory.Advisory{
		ID: "CVE-2020-0001", Aliases: []string{"GHSA-" + long}, Ecosystem: "npm", Package: "left\xff" + long,
		Affected: "<2", Fixed: "2", Severity: finding.Low, Summary: long,
	}
	for range 500 {
		hostile.Aliases = append(hostile.Aliases, "GHSA-"+strings.Repeat("a", len(hostile.Aliases)))
	}
	database := open(t, scan.Config{Source: folderOf(t, hostile)})
	result, err := database.Scan(t.Context(), image(nil, pkg.Package{
		Name: hostile.Package, Version: "1", Type: pkg.NpmPkg, Language: pkg.JavaScript, PURL: "pkg:npm/\xff" + long,
	}))
	if err != nil || len(result.Findings) != 1 {
		t.Fatalf("findings %d, %v; want one", len(result.Findings), err)
	}
	f := result.Findings[0]
	for _, text := range append([]string{f.ID, f.Package.Name, f.Package.Version, f.Package.Type, f.Package.PURL, f.FixState}, append(f.Aliases, f.FixedIn...)...) {
		if len(text) > 1024 || !utf8.ValidString(text) {
			t.Errorf("%d bytes, valid %v: %.40q", len(text), utf8.ValidString(text), text)
		}
	}
	if len(f.Aliases) > 128 {
		t.Errorf("%d aliases", len(f.Aliases))
	}
}

// TestScanLeavesTheSBOMAlone: it is encoded and attested as well.
func TestScanLeavesTheSBOMAlone(t *testing.T) {
	bom := image(debian12(), lodash(), deb("tar", "1.34", ""))
	describe := func() string {
		encoded, err := json.Marshal(bom.Artifacts.Packages.Sorted())
		if err != nil {
			t.Fatal(err)
		}
		return string(encoded)
	}
	before := describe()
	if _, err := open(t, scan.Config{Source: folder(t)}).Scan(t.Context(), bom); err != nil {
		t.Fatal(err)
	}
	if after := describe(); after != before {
		t.Errorf("the packages are\n%s\nand were\n%s", after, before)
	}
}
