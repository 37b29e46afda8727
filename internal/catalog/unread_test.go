package catalog_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"database/sql"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"os/exec"
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
	if got := bom.Unread(); len(got) != 0 {
		t.Errorf("unread %q", got)
	}
	if found := componentsOf(t, bom); !slices.ContainsFunc(found, func(purl string) bool { return strings.HasPrefix(purl, "pkg:deb/debian/tar@") }) {
		t.Errorf("tar is not among %q", found)
	}
}

// A file of an application that cannot be read is a gap, and no reason to have no SBOM.
// Every format says it, and it is read back. What is told is bounded.
func TestUnreadFilesAreGaps(t *testing.T) {
	files := map[string]string{
		"etc/os-release": debian, "var/lib/dpkg/status": tarDeb,
		"app/node_modules/resolve/test/package.json": "{\n", // a fixture of a module, which Node refuses, too
		"app/node_modules/odd/package.json":          `{"name": ["odd"]}`,
		"app/00\x1b[31m.jar":                         "garbage",
	}
	for i := range 1001 {
		files[fmt.Sprintf("app/%04d.jar", i)] = "PK\x03\x04 garbage"
	}
	bom := makeSBOM(t, imageOf(t, files))
	told := bom.Unread()
	if len(told) != 1001 || told[1000].What != "/…/3 more" {
		t.Fatalf("%d gaps, at the end %v", len(told), told[len(told)-1])
	}
	for i, want := range []string{"/app/0000.jar", "/app/0001.jar"} {
		if told[i].What != want || !strings.HasPrefix(told[i].Why, "java-archive-cataloger: ") {
			t.Errorf("the gap %d is %q", i, told[i])
		}
	}
	for _, g := range told {
		if len(g.What+g.Why) > 600 || strings.ContainsAny(g.What+g.Why, "\n\x1b") {
			t.Errorf("%q is not plain", g)
		}
	}
	gapsComeBack(t, bom)
}

// gapsComeBack checks that what an SBOM says was not read is read back of each format,
// and of an index's.
func gapsComeBack(t *testing.T, bom catalog.SBOM) {
	t.Helper()
	told := bom.Unread()
	for _, format := range []catalog.Format{catalog.CycloneDX, catalog.SPDX} {
		document, err := bom.Encode(format)
		must(t, err)
		back, err := catalog.Decode(subject(t), format, document)
		must(t, err)
		if !slices.Equal(back.Unread(), told) {
			t.Errorf("%s: %d gaps are read back of %d", format, len(back.Unread()), len(told))
		}
		merged, err := catalog.Merge(format, subject(t), []catalog.Part{{Subject: subject(t), Platform: "linux/amd64", Document: document}})
		must(t, err)
		if back, err = catalog.Decode(subject(t), format, merged); err != nil || !slices.Equal(back.Unread(), told) {
			t.Errorf("%s: of the index, %d gaps are read back of %d, error %v", format, len(back.Unread()), len(told), err)
		}
	}
}

// What a manifest of Node says in another form than expected is a gap; what is no JSON
// is no manifest.
func TestAManifestThatIsNone(t *testing.T) {
	bom := makeSBOM(t, imageOf(t, map[string]string{
		"app/node_modules/resolve/package.json": "{\n",
		"app/node_modules/odd/package.json":     `{"name": ["odd"]}`,
	}))
	if got := bom.Unread(); len(got) != 1 || got[0].What != "/app/node_modules/odd/package.json" {
		t.Errorf("unread is %q", got)
	}
}

// The packages of an operating system are somewhere. An image that says which it is, or
// whose layers have a database that a later one removes, is not one without packages.
func TestASystemWithoutItsDatabase(t *testing.T) {
	release := func(text string) map[string]string { return map[string]string{"etc/os-release": text} }
	with := func(files map[string]string, more ...string) map[string]string {
		out := maps.Clone(files)
		for i := 0; i < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	const apk = "P:musl\nV:1.2.5-r0\nA:x86_64\n\n"
	for name, c := range map[string]struct {
		layers []map[string]string
		why    []string // none: no gap
	}{
		"removed":                 {[]map[string]string{release(debian)}, []string{"none with a package in it is there, though the image says that it is debian 12"}},
		"emptied":                 {[]map[string]string{with(release(debian), "var/lib/dpkg/status", "")}, []string{"the image says that it is debian 12"}},
		"of another system":       {[]map[string]string{with(release("ID=alpine\nVERSION_ID=3.22\n"), "var/lib/dpkg/status", tarDeb)}, []string{"alpine 3.22"}},
		"like a known one":        {[]map[string]string{release("ID=mine\nID_LIKE=\"rhel fedora\"\n")}, []string{"mine"}},
		"cut by chisel":           {[]map[string]string{with(release("ID=ubuntu\nVERSION_ID=24.04\n"), "var/lib/chisel/manifest.wall", "(zstd)")}, []string{"/var/lib/chisel/manifest.wall"}},
		"removed by a layer":      {[]map[string]string{with(release(debian), "var/lib/dpkg/status", tarDeb), {"var/lib/.wh.dpkg": ""}}, []string{"a later layer removes /var/lib/dpkg/status", "debian 12"}},
		"removed with its system": {[]map[string]string{with(release(debian), "lib/apk/db/installed", apk), {".wh.lib": "", ".wh.etc": ""}}, []string{"a later layer removes /lib/apk/db/installed"}},

		"there":               {layers: []map[string]string{with(release(debian), "var/lib/dpkg/status", tarDeb)}},
		"distroless":          {layers: []map[string]string{with(release(debian), "var/lib/dpkg/status.d/tar", tarDeb)}},
		"written anew":        {layers: []map[string]string{with(release(debian), "var/lib/dpkg/status", tarDeb), {"var/lib/dpkg/status": tarDeb}}},
		"moved":               {layers: []map[string]string{with(release(debian), "var/lib/dpkg/status", tarDeb), {"var/lib/dpkg/.wh.status": "", "var/lib/dpkg/status.d/tar": tarDeb}}},
		"no system":           {layers: []map[string]string{{"app/a": "b"}}},
		"a system of its own": {layers: []map[string]string{release("ID=mine\n")}},
	} {
		t.Run(name, func(t *testing.T) {
			var layers []v1.Layer
			for _, files := range c.layers {
				layers = append(layers, layerOf(t, files))
			}
			got := makeSBOM(t, withLayers(t, layers...)).Unread()
			if len(got) != len(c.why) {
				t.Fatalf("unread is %q, want %d", got, len(c.why))
			}
			for i, want := range c.why {
				if got[i].What != "the operating system's package database" || !strings.Contains(got[i].Why, want) {
					t.Errorf("the gap is %q, want one that says %q", got[i], want)
				}
			}
		})
	}
}

// A database of SQLite is its file and its log: packages that are only in the log are
// read, and a journal that is to be undone is refused.
func TestADatabaseWithALog(t *testing.T) {
	main, log := loggedRPM(t)
	release := "ID=mariner\nVERSION_ID=2.0\n"
	const path = "var/lib/rpm/rpmdb.sqlite"
	files := func(main, log, journal string) map[string]string {
		out := map[string]string{"etc/os-release": release, path: main}
		if log != "" {
			out[path+"-wal"] = log
		}
		if journal != "" {
			out[path+"-journal"] = journal
		}
		return out
	}
	bom := makeSBOM(t, imageOf(t, files(main, log, "\x00 a transaction that has ended")))
	if len(bom.Packages()) == 0 || len(bom.Unread()) != 0 {
		t.Errorf("%d packages, unread is %q", len(bom.Packages()), bom.Unread())
	}
	bom = makeSBOM(t, imageOf(t, files(main, "", ""))) // what the file alone says
	if len(bom.Packages()) != 0 || len(bom.Unread()) != 1 {
		t.Errorf("without its log: %d packages, unread is %q", len(bom.Packages()), bom.Unread())
	}
	_, err := catalog.New(catalog.CycloneDX).Image(t.Context(), subject(t), imageOf(t, files(main, log, "\xd9\xd5\x05\xf9\x20\xa1\x63\xd7")), t.TempDir())
	undecided(t, err, "the package database /"+path+" cannot be read: ", "a write to it was cut off")
	bom = makeSBOM(t, imageOf(t, files("", log, "")))
	if got := bom.Unread(); len(got) != 2 || got[0].What != "/"+path {
		t.Errorf("an empty database with a log: unread is %q", got)
	}
}

// An archive inside of another that cannot be read is a gap of the outer one.
func TestArchivesInArchives(t *testing.T) {
	type entry struct {
		name, content string
		method        uint16
		flags         uint16
	}
	packed := func(entries ...entry) string {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		for _, e := range entries {
			to, err := w.CreateRaw(&zip.FileHeader{
				Name: e.name, Method: e.method, Flags: e.flags, CRC32: crc32.ChecksumIEEE([]byte(e.content)),
				CompressedSize64: uint64(len(e.content)), UncompressedSize64: uint64(len(e.content)),
			})
			must(t, err)
			_, err = io.WriteString(to, e.content)
			must(t, err)
		}
		must(t, w.Close())
		return out.String()
	}
	inner := packed(entry{name: "META-INF/MANIFEST.MF", content: "Implementation-Title: inner\nImplementation-Version: 1\n"})
	deep := inner
	for range 9 {
		deep = packed(entry{name: "lib/inner.jar", content: deep})
	}
	bom := makeSBOM(t, imageOf(t, map[string]string{
		"app/sound.jar":     packed(entry{name: "BOOT-INF/lib/inner.jar", content: inner}, entry{name: "a.class", content: "x", flags: 1}),
		"app/garbled.jar":   packed(entry{name: "BOOT-INF/lib/inner.jar", content: "PK\x03\x04 garbage"}),
		"app/encrypted.war": packed(entry{name: "WEB-INF/lib/inner.jar", content: inner, flags: 1}),
		"app/unknown.war":   packed(entry{name: "WEB-INF/lib/inner.jar", content: inner, method: 14}),
		"app/within.ear":    packed(entry{name: "app.war", content: packed(entry{name: "lib/inner.jar", content: "garbage"})}),
		"app/deep.jar":      deep,
	}))
	want := []string{
		"/app/deep.jar: inner.jar: inner.jar: inner.jar: inner.jar: inner.jar: inner.jar: inner.jar: lib/inner.jar in it is nested deeper than 8 archives",
		"/app/encrypted.war: WEB-INF/lib/inner.jar in it is encrypted",
		"/app/garbled.jar: BOOT-INF/lib/inner.jar in it cannot be read: zip: not a valid zip file",
		"/app/unknown.war: WEB-INF/lib/inner.jar in it cannot be read: zip: unsupported compression algorithm",
		"/app/within.ear: app.war: lib/inner.jar in it cannot be read: zip: not a valid zip file",
	}
	var got []string
	for _, g := range bom.Unread() {
		if !strings.HasPrefix(g.Why, "java-archive-cataloger: ") { // which may say more
			got = append(got, g.What+": "+g.Why)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("unread is\n%s, want\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// loggedRPM returns an RPM database without a package, and its log, in which all are.
func loggedRPM(t *testing.T) (main, log string) {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/anchore/go-rpmdb").Output()
	must(t, err)
	path := filepath.Join(t.TempDir(), "rpmdb.sqlite")
	db, err := sql.Open("sqlite", path)
	must(t, err)
	db.SetMaxOpenConns(1)
	defer db.Close() //nolint:errcheck // of no use any more
	for _, statement := range []string{
		"PRAGMA journal_mode=WAL", "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)",
		"PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA wal_autocheckpoint=0",
		fmt.Sprintf("ATTACH 'file:%s?mode=ro' AS sample", filepath.Join(strings.TrimSpace(string(dir)), "pkg/testdata/cbl-mariner-2.0/rpmdb.sqlite")),
		"INSERT INTO Packages SELECT hnum, blob FROM sample.Packages",
	} {
		_, err := db.ExecContext(t.Context(), statement)
		must(t, err)
	}
	file, err := os.ReadFile(path)
	must(t, err)
	beside, err := os.ReadFile(path + "-wal")
	must(t, err)
	return string(file), string(beside)
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
	return withLayers(t, layerOf(t, files))
}

func layerOf(t *testing.T, files map[string]string) v1.Layer {
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
	return layer
}
