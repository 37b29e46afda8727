package advisory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/hallmark-ci/hallmark/internal/advisory"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

func day() time.Time { return time.Date(2026, 11, 20, 12, 30, 15, 0, time.UTC) }

func table(t *testing.T) []advisory.Advisory {
	t.Helper()
	advisories, err := advisory.Table()
	if err != nil {
		t.Fatal(err)
	}
	return advisories
}

func TestTableHoldsEveryKindOfAdvisory(t *testing.T) {
	kinds := map[string]int{}
	for _, a := range table(t) {
		kinds[a.Ecosystem]++
		kinds[a.Severity.String()]++
		if a.Fixed == "" {
			kinds["without a fix"]++
		}
		if a.EPSS != nil {
			kinds["EPSS"]++
		}
		if a.KEV != nil {
			kinds["KEV"]++
		}
	}
	for _, kind := range []string{
		"npm", "go", "debian:12", "critical", "high", "medium", "negligible", "without a fix", "EPSS", "KEV",
	} {
		if kinds[kind] == 0 {
			t.Errorf("no advisory: %s", kind)
		}
	}
}

// TestScanFindsTheTable scans one vulnerable and one fixed version of packages
// of each ecosystem, and expects these findings and no others.
func TestScanFindsTheTable(t *testing.T) {
	dir := t.TempDir()
	if err := advisory.Build(t.Context(), dir, day(), table(t)); err != nil {
		t.Fatal(err)
	}
	database, err := scan.Open(t.Context(), scan.Config{Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()

	info := database.Info()
	if info.Schema != "v6.1.10" || !info.Built.Equal(day()) || info.Source != dir {
		t.Errorf("Info = %+v", info)
	}
	result, err := database.Scan(t.Context(), debian12(
		npm("lodash", "4.17.15"), npm("lodash", "4.17.21"),
		npm("minimist", "1.2.0"), npm("minimist", "1.2.6"),
		module("golang.org/x/net", "v0.10.0"), module("golang.org/x/net", "v0.23.0"),
		module("stdlib", "go1.21.8"), module("stdlib", "go1.26.0"),
		deb("libc6", "2.36-9+deb12u2", "glibc"), deb("libc-bin", "2.36-9+deb12u3", "glibc"),
		deb("libssl3", "3.0.9-1", "openssl"), deb("openssl", "3.0.11-1~deb12u2", "openssl"),
		deb("libnghttp2-14", "1.52.0-1", "nghttp2"),
		deb("gpgv", "2.2.40-1.1", "gnupg2"), deb("tar", "1.34+dfsg-1.2", ""), deb("apt", "2.6.1", ""),
	))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"critical GHSA-xvch-5gv4-984h [CVE-2021-44906] minimist 1.2.0 fixed [1.2.6]",
		"critical GO-2024-2887 [CVE-2024-24790] stdlib go1.21.8 fixed [1.22.4]",
		"high GHSA-4374-p667-p6c8 [CVE-2023-39325] golang.org/x/net v0.10.0 fixed [0.17.0]",
		"high CVE-2023-4911 [] libc6 2.36-9+deb12u2 fixed [2.36-9+deb12u3]",
		"high CVE-2023-44487 [] libnghttp2-14 1.52.0-1 fixed [1.52.0-1+deb12u1] EPSS 0.9442/0.9998 KEV 2023-10-10",
		"high CVE-2023-5363 [] libssl3 3.0.9-1 fixed [3.0.11-1~deb12u2]",
		"high GHSA-35jh-r3h4-6jhm [CVE-2021-23337] lodash 4.17.15 fixed [4.17.21]",
		"high GHSA-p6mc-m468-83gw [CVE-2020-8203] lodash 4.17.15 fixed [4.17.19]",
		"high GO-2024-2687 [CVE-2023-45288] stdlib go1.21.8 fixed [1.22.2] EPSS 0.7527/0.99",
		"medium GHSA-4v7x-pqxf-cx7m [CVE-2023-45288] golang.org/x/net v0.10.0 fixed [0.23.0] EPSS 0.7527/0.99",
		"negligible CVE-2011-3374 [] apt 2.6.1 not-fixed []",
		"negligible CVE-2022-3219 [] gpgv 2.2.40-1.1 wont-fix []",
		"negligible CVE-2005-2541 [] tar 1.34+dfsg-1.2 wont-fix []",
	}
	if got := describe(result.Findings); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("findings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestBuildLeavesNothingBehindOnAnError(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	contradicting := table(t)[:2]
	for i := range contradicting {
		contradicting[i].Aliases = []string{"CVE-2020-0001"}
		contradicting[i].EPSS = &finding.EPSS{Score: float64(i) / 2}
	}
	tests := map[string]struct {
		ctx        context.Context
		advisories []advisory.Advisory
		want       string
	}{
		"no advisories":    {t.Context(), nil, "there are no advisories"},
		"cancelled":        {cancelled, table(t), "context canceled"},
		"two EPSS for one": {t.Context(), contradicting, "another EPSS than an earlier advisory of CVE-2020-0001"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			err := advisory.Build(test.ctx, dir, day(), test.advisories)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q", err, test.want)
			}
			if entries, _ := os.ReadDir(dir); len(entries) > 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func TestBuildSaysWhereItCannotWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := advisory.Build(t.Context(), filepath.Join(file, "below"), day(), table(t))
	if err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("err = %v, want one that names %s", err, file)
	}
}

func TestBuildReplacesAnEarlierDatabase(t *testing.T) {
	dir := t.TempDir()
	for _, advisories := range [][]advisory.Advisory{table(t), table(t)[:1]} {
		if err := advisory.Build(t.Context(), dir, day(), advisories); err != nil {
			t.Fatal(err)
		}
	}
	database, err := scan.Open(t.Context(), scan.Config{Source: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	bom := debian12(npm("lodash", "4.17.15"), npm("minimist", "1.2.0"))
	bom.Artifacts.LinuxDistribution = nil
	result, err := database.Scan(t.Context(), bom)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Findings) != 1 {
		t.Errorf("findings = %v, want one, of the one advisory", describe(result.Findings))
	}
}

func TestArchiveIsImportedAndReproducible(t *testing.T) {
	dir := t.TempDir()
	if err := advisory.Build(t.Context(), dir, day(), table(t)); err != nil {
		t.Fatal(err)
	}
	var archives [2]bytes.Buffer
	for i := range archives {
		if err := advisory.Archive(t.Context(), &archives[i], dir); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0].Bytes(), archives[1].Bytes()) {
		t.Error("the same database gave two archives")
	}
	file := filepath.Join(t.TempDir(), "db.tar.zst")
	if err := os.WriteFile(file, archives[0].Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	database, err := scan.Open(t.Context(), scan.Config{Source: file, CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	if !database.Info().Built.Equal(day()) {
		t.Errorf("Built = %v", database.Info().Built)
	}
}

func TestArchiveNeedsADatabase(t *testing.T) {
	if err := advisory.Archive(t.Context(), &bytes.Buffer{}, t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("err = %v, want that there is none", err)
	}
}

func describe(findings []finding.Finding) []string {
	lines := make([]string, 0, len(findings))
	for _, f := range findings {
		line := fmt.Sprintf("%s %s %v %s %s %s %v", f.Severity, f.ID, f.Aliases, f.Package.Name, f.Package.Version, f.FixState, f.FixedIn)
		if f.EPSS != nil {
			line += fmt.Sprintf(" EPSS %v/%v", f.EPSS.Score, f.EPSS.Percentile)
		}
		if f.KEV != nil {
			line += " KEV " + f.KEV.DateAdded.Format(time.DateOnly)
		}
		if f.SuppressedBy != nil {
			line += " suppressed"
		}
		lines = append(lines, line)
	}
	return lines
}

func debian12(packages ...pkg.Package) *sbom.SBOM {
	for i := range packages {
		packages[i].SetID()
	}
	return &sbom.SBOM{Artifacts: sbom.Artifacts{
		Packages:          pkg.NewCollection(packages...),
		LinuxDistribution: &linux.Release{ID: "debian", VersionID: "12", VersionCodename: "bookworm"},
	}}
}

func npm(name, version string) pkg.Package {
	return pkg.Package{Name: name, Version: version, Type: pkg.NpmPkg, Language: pkg.JavaScript, PURL: "pkg:npm/" + name + "@" + version}
}

func module(name, version string) pkg.Package {
	return pkg.Package{
		Name: name, Version: version, Type: pkg.GoModulePkg, Language: pkg.Go, PURL: "pkg:golang/" + name + "@" + version,
		Metadata: pkg.GolangBinaryBuildinfoEntry{GoCompiledVersion: "go1.21.10"},
	}
}

func deb(name, version, source string) pkg.Package {
	return pkg.Package{
		Name: name, Version: version, Type: pkg.DebPkg, PURL: "pkg:deb/debian/" + name + "@" + version,
		Metadata: pkg.DpkgDBEntry{Package: name, Version: version, Source: source},
	}
}
