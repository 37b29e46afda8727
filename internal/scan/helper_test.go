package scan_test

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/hallmark-ci/hallmark/internal/advisory"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

func built() time.Time { return time.Date(2026, 11, 20, 12, 30, 15, 0, time.UTC) }

// folder returns a folder with an imported database of the table.
func folder(t testing.TB) string {
	t.Helper()
	advisories, err := advisory.Table()
	if err != nil {
		t.Fatal(err)
	}
	return folderOf(t, advisories...)
}

func folderOf(t testing.TB, advisories ...advisory.Advisory) string {
	t.Helper()
	dir := t.TempDir()
	if err := advisory.Build(t.Context(), dir, built(), advisories); err != nil {
		t.Fatal(err)
	}
	return dir
}

// archived returns the database of a folder as an archive.
func archived(t *testing.T, dir string) []byte {
	t.Helper()
	var archive bytes.Buffer
	if err := advisory.Archive(t.Context(), &archive, dir); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// changed runs SQL statements on a copy of the database file in dir, and returns
// the copy's path.
func changed(t *testing.T, dir string, statements ...string) string {
	t.Helper()
	path := write(t, "vulnerability.db", read(t, filepath.Join(dir, "vulnerability.db")))
	database, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	for _, statement := range statements {
		if _, err := database.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func open(t *testing.T, cfg scan.Config) *scan.Database {
	t.Helper()
	database, err := scan.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() }) // a test may have closed it
	return database
}

// noTemporaries fails the test when an import left something in the cache.
func noTemporaries(t *testing.T, cache string) {
	t.Helper()
	entries, err := os.ReadDir(cache)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "tmp-") {
			t.Errorf("left behind: %s", entry.Name())
		}
	}
}

func image(release *linux.Release, packages ...pkg.Package) *sbom.SBOM {
	for i := range packages {
		packages[i].SetID()
	}
	return &sbom.SBOM{Artifacts: sbom.Artifacts{Packages: pkg.NewCollection(packages...), LinuxDistribution: release}}
}

func debian12() *linux.Release {
	return &linux.Release{ID: "debian", VersionID: "12", VersionCodename: "bookworm"}
}

func lodash() pkg.Package {
	return pkg.Package{Name: "lodash", Version: "4.17.15", Type: pkg.NpmPkg, Language: pkg.JavaScript, PURL: "pkg:npm/lodash@4.17.15"}
}

func deb(name, version, source string) pkg.Package {
	return pkg.Package{
		Name: name, Version: version, Type: pkg.DebPkg, PURL: "pkg:deb/debian/" + name + "@" + version,
		Metadata: pkg.DpkgDBEntry{Package: name, Version: version, Source: source},
	}
}
