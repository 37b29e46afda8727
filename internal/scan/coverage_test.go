package scan_test

import (
	"strings"
	"testing"

	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

// A database that knows a distribution's name, and no vulnerability of it, covers nothing.
func TestADistributionWithoutVulnerabilitiesIsUndecided(t *testing.T) {
	good := folder(t)
	for name, test := range map[string]struct {
		release *linux.Release
		want    string // empty: it is scanned
		damage  []string
	}{
		"there":                       {release: debian12()},
		"another release":             {release: &linux.Release{ID: "debian", VersionID: "9"}, want: "holds nothing about"},
		"another distribution":        {release: &linux.Release{ID: "alpine", VersionID: "3.20.1"}, want: "holds nothing about"},
		"only its name":               {release: debian12(), want: "holds nothing about debian 12", damage: []string{"DELETE FROM affected_package_handles WHERE operating_system_id IS NOT NULL"}},
		"not even its name":           {release: debian12(), want: "holds nothing about debian 12", damage: []string{"DELETE FROM affected_package_handles WHERE operating_system_id IS NOT NULL", "DELETE FROM operating_systems"}},
		"looked up by another's name": {release: &linux.Release{ID: "raspbian", IDLike: []string{"debian"}, VersionID: "12"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := scan.Config{Source: good, CacheDir: t.TempDir()}
			if test.damage != nil {
				cfg.Source = changed(t, good, test.damage...)
			}
			_, err := open(t, cfg).Scan(t.Context(), image(test.release, deb("tar", "1.34", "tar")))
			if test.want == "" && err != nil || test.want != "" && (fault.KindOf(err) != fault.Undecided || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("err = %v, want %q", err, test.want)
			}
		})
	}
}

// Where grype takes other releases of the distribution for want of the right one, the scan
// says so.
func TestAReleaseThatTheDatabaseDoesNotHaveIsUnread(t *testing.T) {
	source := changed(t, folder(t), "UPDATE operating_systems SET name = 'alpine', release_id = 'alpine', major_version = '3', minor_version = '19', codename = ''")
	apk := pkg.Package{Name: "tar", Version: "1.34", Type: pkg.ApkPkg, PURL: "pkg:apk/alpine/tar@1.34", Metadata: pkg.ApkDBEntry{Package: "tar", Version: "1.34"}}
	for version, want := range map[string]string{"3.19.4": "", "3.20.1": "alpine 3.20.1 packages"} {
		database := open(t, scan.Config{Source: source, CacheDir: t.TempDir()})
		result, err := database.Scan(t.Context(), image(&linux.Release{ID: "alpine", VersionID: version}, apk))
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, gap := range result.Unread {
			said += gap.What
		}
		if said != want {
			t.Errorf("%s: unread is %q, want %q", version, said, want)
		}
	}
}

// Of other kinds of packages the scan says what it could not look for.
func TestPackagesThatTheDatabaseDoesNotListAreUnread(t *testing.T) {
	good := folder(t)
	python := pkg.Package{Name: "requests", Version: "2", Type: pkg.PythonPkg, Language: pkg.Python}
	binary := pkg.Package{Name: "node", Version: "20", Type: pkg.BinaryPkg}
	bom := image(nil, lodash(), python, binary, pkg.Package{Name: "flask", Version: "2", Type: pkg.PythonPkg, Language: pkg.Python})

	result, err := open(t, scan.Config{Source: good, CacheDir: t.TempDir()}).Scan(t.Context(), bom)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, gap := range result.Unread {
		said = append(said, gap.What+": "+gap.Why)
	}
	const why = " packages: the vulnerability database has no record of any package of that type, and the image has "
	if got, want := strings.Join(said, "\n"), "binary"+why+"1 package\npython"+why+"2 packages"; got != want {
		t.Errorf("unread:\n%s\nwant:\n%s", got, want)
	}

	filled := changed(t, good,
		"INSERT INTO packages (ecosystem, name) VALUES ('python', 'other')",
		"INSERT INTO affected_package_handles (vulnerability_id, package_id) SELECT (SELECT min(id) FROM vulnerability_handles), id FROM packages WHERE name = 'other'",
		"INSERT INTO cpes (part, vendor, product) VALUES ('a', 'x', 'y')",
		"INSERT INTO affected_cpe_handles (vulnerability_id, cpe_id) SELECT (SELECT min(id) FROM vulnerability_handles), id FROM cpes")
	result, err = open(t, scan.Config{Source: filled, CacheDir: t.TempDir()}).Scan(t.Context(), bom)
	if err != nil || len(result.Unread) != 0 {
		t.Errorf("unread: %v, %v", result.Unread, err)
	}
}

// A database without anything to find is not opened.
func TestAnEmptiedDatabaseIsNotOpened(t *testing.T) {
	good := folder(t)
	for _, statement := range []string{"DELETE FROM affected_package_handles", "PRAGMA foreign_keys = OFF; DELETE FROM vulnerability_handles", "PRAGMA foreign_keys = OFF; DELETE FROM packages", "UPDATE vulnerability_handles SET status = 'rejected'"} {
		_, err := scan.Open(t.Context(), scan.Config{Source: changed(t, good, statement), CacheDir: t.TempDir()})
		if fault.KindOf(err) != fault.Undecided || !strings.Contains(err.Error(), "it holds no vulnerability of any package") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}
