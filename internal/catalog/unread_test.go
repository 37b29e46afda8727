package catalog_test

import (
	"archive/tar"
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

const (
	debian = "ID=debian\nVERSION_ID=\"12\"\n"
	tarDeb = "Package: tar\nStatus: install ok installed\nVersion: 1.34+dfsg-1\nArchitecture: amd64\n\n"
)

// A package database that cannot be read is not an image without packages.
func TestADatabaseThatCannotBeReadIsUndecided(t *testing.T) {
	tests := []struct{ name, path, content, says string }{
		{"dpkg with a field twice", "var/lib/dpkg/status", tarDeb + "Package: bash\nPackage: bash\n", "duplicate key discovered: Package"},
		{"a package of status.d", "var/lib/dpkg/status.d/libpython3.11", "garbage\n", "unable to determine packages"},
		{"apk, with a hostile line", "lib/apk/db/installed", "\x1b[31m\u202e" + strings.Repeat("x", 100_000) + "\n", "unable to parse field data"},
		{"rpm cut short", "usr/lib/sysimage/rpm/rpmdb.sqlite", emptyRPM(t)[:5000], "database disk image is malformed"},
		{"pacman", "var/lib/pacman/local/zlib-1.3-1/desc", "%NAME%\nzlib\n\n%SIZE%\nmuch\n\n", "much"},
		{"portage", "var/db/pkg/sys-libs/zlib/CONTENTS", "obj /a b 1\n", "failed to match package and version"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			content := imageOf(t, map[string]string{"etc/os-release": debian, test.path: test.content})
			_, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), content, t.TempDir())
			undecided(t, err, "the package database /"+test.path+" cannot be read: ", test.says)
		})
	}
}

// The reason may be this machine's: the packages are missing all the same.
func TestADatabaseNeedsRoomToBeRead(t *testing.T) {
	content := imageOf(t, map[string]string{"var/lib/rpm/rpmdb.sqlite": emptyRPM(t)})
	given := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(given, "none"))
	_, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), content, given)
	undecided(t, err, "the package database /var/lib/rpm/rpmdb.sqlite cannot be read: ", "no such file or directory")
}

// What honest images have in the places of a package database.
func TestWhatIsNoDamagedDatabase(t *testing.T) {
	const pacman = "var/lib/pacman/local/zlib-1.3-1/"
	bom := makeSBOM(t, imageOf(t, map[string]string{
		"etc/os-release": debian,
		// an image without a package manager
		"var/lib/dpkg/status.d/tar":           tarDeb,
		"var/lib/dpkg/status.d/tar.md5sums":   "d41d8cd98f00b204e9800998ecf8427e  bin/tar\n",
		"var/lib/dpkg/status.d/tar.conffiles": "/etc/rmt\n",
		"var/lib/dpkg/status":                 "",          // dpkg that installed nothing
		"var/lib/rpm/rpmdb.sqlite":            emptyRPM(t), // rpm that was only called
		"var/lib/rpm/Packages":                "",          // what an older rpm left
		pacman + "desc":                       "%NAME%\nzlib\n\n%VERSION%\n1.3-1\n\n",
		pacman + "files":                      "%BACKUP%\n\n",
	}))
	want := []string{
		"/var/lib/dpkg/status: dpkg-db-cataloger: unable to determine packages",
		"/" + pacman + "mtree: alpm-db-cataloger: failed to find mtree file",
		"/var/lib/rpm/Packages: rpm-db-cataloger: ",
		"/var/lib/rpm/rpmdb.sqlite: rpm-db-cataloger: unable to determine packages",
	}
	if got := bom.Unread(); !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("unread %q, want %q", got, want)
	}
	if found := componentsOf(t, bom); !slices.ContainsFunc(found, func(purl string) bool { return strings.HasPrefix(purl, "pkg:deb/debian/tar@") }) {
		t.Errorf("tar is not among %q", found)
	}
}

// A file of an application that cannot be read is told, and is no reason to have
// no SBOM. What is told is bounded.
func TestUnreadFilesAreTold(t *testing.T) {
	files := map[string]string{"etc/os-release": debian, "var/lib/dpkg/status": tarDeb}
	for i := range 24 {
		files[fmt.Sprintf("app/%02d.jar", i)] = "PK\x03\x04 garbage"
	}
	files["app/"+strings.Repeat("00\x1b[31m", 30)+".jar"] = "garbage"
	bom := makeSBOM(t, imageOf(t, files))

	told := bom.Unread()
	if len(told) != 21 || told[20] != "and 5 more" || !slices.IsSorted(told[:20]) {
		t.Fatalf("%d lines: %q", len(told), told)
	}
	if !strings.HasPrefix(told[0], "/app/00.jar: java-archive-cataloger: ") {
		t.Errorf("told %q", told[0])
	}
	for _, line := range told {
		if len(line) > 300 || strings.ContainsAny(line, "\n\x1b") {
			t.Errorf("%q is not one plain line", line)
		}
	}
	for _, format := range []catalog.Format{catalog.CycloneDX, catalog.SPDX} {
		document, err := bom.Encode(format)
		must(t, err)
		if bytes.Contains(document, []byte(".jar")) {
			t.Errorf("%s: what was not read is listed:\n%s", format, document)
		}
	}
}

func undecided(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("there is an SBOM, want an error that says %q", words)
	}
	sentence := err.Error()
	for _, word := range append(words, "cataloging "+subject(t).String()+": ") {
		if !strings.Contains(sentence, word) {
			t.Errorf("error %q does not say %q", sentence, word)
		}
	}
	if fault.KindOf(err) != fault.Undecided || !strings.Contains(fault.HintOf(err), "rebuild the image") {
		t.Errorf("kind %v, hint %q", fault.KindOf(err), fault.HintOf(err))
	}
	if len(sentence) > 1000 || strings.ContainsAny(sentence, "\n\x1b\u202e") {
		t.Errorf("error %.1500q is not one short plain line", sentence)
	}
}

// emptyRPM is an RPM database without a package.
func emptyRPM(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rpmdb.sqlite")
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.ExecContext(t.Context(), "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
	must(t, err)
	must(t, db.Close())
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

// imageOf is an image of one layer with these files and their folders.
func imageOf(t *testing.T, files map[string]string) v1.Image {
	t.Helper()
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for i, r := range name {
			if dir := name[:i+1]; r == '/' && !seen[dir] {
				seen[dir] = true
				must(t, w.WriteHeader(&tar.Header{Name: dir, Mode: 0o755, Typeflag: tar.TypeDir}))
			}
		}
		must(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Typeflag: tar.TypeReg}))
		_, err := io.WriteString(w, files[name])
		must(t, err)
	}
	must(t, w.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
	must(t, err)
	return withLayers(t, layer)
}
