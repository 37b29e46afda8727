package scan_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

// tarOf returns a tar archive of one file.
func tarOf(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return archive.Bytes()
}

func gzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return compressed.Bytes()
}

func xzipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var compressed bytes.Buffer
	w, err := xz.NewWriter(&compressed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return compressed.Bytes()
}

// TestOpenRefuses goes through what can be wrong with a database. Each error
// says what, on which path, and is "could not decide" unless the request itself
// was wrong.
func TestOpenRefuses(t *testing.T) {
	good := folder(t)
	archive, database := archived(t, good), read(t, filepath.Join(good, "vulnerability.db"))

	tampered := folder(t)
	content := bytes.Clone(database)
	content[len(content)-1] ^= 1
	if err := os.WriteFile(filepath.Join(tampered, "vulnerability.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	unsigned := folder(t)
	if err := os.WriteFile(filepath.Join(unsigned, "import.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	old := t.TempDir()
	if err := os.MkdirAll(filepath.Join(old, "5"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, "5", "vulnerability.db"), database, 0o600); err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(t.TempDir(), "what?")
	if err := os.Rename(folder(t), odd); err != nil {
		t.Fatal(err)
	}
	seven := changed(t, good, "UPDATE db_metadata SET model = 7")
	five := changed(t, good, "DROP TABLE db_metadata", "CREATE TABLE id (build_timestamp, schema_version)", "INSERT INTO id VALUES ('2024-01-01', 5)")

	tests := map[string]struct {
		source string
		kind   fault.Kind
		want   string
	}{
		"nothing there":         {"/no/such/file", fault.Undecided, "/no/such/file does not exist"},
		"an empty folder":       {filepath.Dir(write(t, "readme", nil)), fault.Undecided, "holds no vulnerability.db"},
		"a device":              {os.DevNull, fault.Undecided, "is neither a folder nor a file"},
		"a tampered database":   {tampered, fault.Undecided, "has a bad checksum"},
		"no digest":             {unsigned, fault.Undecided, "reading the import metadata"},
		"an odd path":           {odd, fault.Undecided, "one of the characters"},
		"a folder of schema v5": {old, fault.Undecided, "holds a database of schema v5, and v6 is needed"},
		"a database of v5":      {five, fault.Undecided, "has schema v5, and v6 is needed"},
		"a database of v7":      {seven, fault.Undecided, "has schema v7, and v6 is needed"},
		"no build time":         {changed(t, good, "DROP TABLE db_metadata", "CREATE TABLE db_metadata (build_timestamp, model, revision, addition)", "INSERT INTO db_metadata VALUES (NULL, 6, 1, 10)"), fault.Undecided, "does not say when it was built"},
		"another SQLite file":   {changed(t, good, "DROP TABLE db_metadata"), fault.Undecided, "is damaged, or no database of grype"},
		"half a database":       {write(t, "vulnerability.db", database[:4096]), fault.Undecided, "is damaged, or no database of grype"},
		"an empty file":         {write(t, "db.tar.zst", nil), fault.Undecided, "is not an archive"},
		"garbage":               {write(t, "db.tar.zst", bytes.Repeat([]byte("garbage"), 1000)), fault.Undecided, "is not an archive"},
		"a truncated archive":   {write(t, "db.tar.zst", archive[:len(archive)-100]), fault.Undecided, "is truncated or damaged"},
		"a beheaded archive":    {write(t, "db.tar.zst", archive[:10]), fault.Undecided, "is truncated or damaged"},
		"a damaged archive":     {write(t, "db.tar.gz", append(gzipped(t, tarOf(t, "vulnerability.db", database))[:5000], 1, 2, 3)), fault.Undecided, "is truncated or damaged"},
		"a truncated tar":       {write(t, "db.tar", tarOf(t, "vulnerability.db", database)[:8192]), fault.Undecided, "is truncated or damaged"},
		"an archive without it": {write(t, "db.tar", tarOf(t, "readme", []byte("hello"))), fault.Undecided, "holds no vulnerability.db"},
		"garbage in an archive": {write(t, "db.tar", tarOf(t, "vulnerability.db", []byte("hello"))), fault.Undecided, "is not a SQLite database"},
		"v7 in an archive":      {write(t, "db.tar.gz", gzipped(t, tarOf(t, "vulnerability.db", read(t, seven)))), fault.Undecided, "has schema v7, and v6 is needed"},
		"compressed only":       {write(t, "vulnerability.db.gz", gzipped(t, database)), fault.Undecided, "is not an archive"},
		"plain http":            {"http://mirror.example/db.tar.zst", fault.Usage, "plain http to mirror.example is refused"},
		"no host":               {"https:///db.tar.zst", fault.Usage, "names no host"},
		"an unknown scheme":     {"ftp://mirror.example/db", fault.Usage, "no reader for ftp://"},
		"OCI without a client":  {"oci://registry.example/db:v6", fault.Usage, "not available"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			cache := filepath.Join(t.TempDir(), "cache")
			opened, err := scan.Open(t.Context(), scan.Config{Source: test.source, CacheDir: cache})
			if err == nil {
				opened.Close()
				t.Fatal("it was opened")
			}
			message := err.Error()
			if !strings.Contains(message, test.want) || strings.Contains(message, "\n") {
				t.Errorf("err = %v, want one line with %q", err, test.want)
			}
			if fault.KindOf(err) != test.kind {
				t.Errorf("kind = %v, want %v: %v", fault.KindOf(err), test.kind, err)
			}
			if strings.Contains(message, "tmp-") {
				t.Errorf("err = %v: it names a temporary file", err)
			}
			noTemporaries(t, cache)
		})
	}
}

func TestOpenSaysThatTheCacheCannotBeWritten(t *testing.T) {
	cache := filepath.Join(write(t, "file", nil), "cache")
	_, err := scan.Open(t.Context(), scan.Config{Source: write(t, "db.tar.zst", archived(t, folder(t))), CacheDir: cache})
	if err == nil || !strings.Contains(err.Error(), "writing to the cache folder "+cache) || fault.HintOf(err) == "" {
		t.Errorf("err = %v, want one that names the cache, with a hint", err)
	}
	if fault.KindOf(err) != fault.Failed {
		t.Errorf("kind = %v, want Failed", fault.KindOf(err))
	}
}

func TestOpenRefusesACacheThatSQLiteCannotUse(t *testing.T) {
	archive := write(t, "db.tar.zst", archived(t, folder(t)))
	for cache, want := range map[string]string{"": "there is no cache folder", filepath.Join(t.TempDir(), "100%"): "one of the characters ?#%"} {
		_, err := scan.Open(t.Context(), scan.Config{Source: archive, CacheDir: cache})
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("err = %v, want %q", err, want)
		}
	}
}

func TestOpenEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	archive := write(t, "db.tar.zst", archived(t, folder(t)))
	for name, cfg := range map[string]scan.Config{
		"a file": {Source: archive},
		"OCI":    {Source: "oci://registry.example/db", Pin: pinned, Fetch: func(context.Context, string, io.Writer) error { return nil }},
		"a URL":  {Source: "https://mirror.example/db"},
		"feed":   scan.WithFeed(scan.Config{}, "https://mirror.example/latest.json"),
	} {
		t.Run(name, func(t *testing.T) {
			cfg.CacheDir = t.TempDir()
			if _, err := scan.Open(ctx, cfg); !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Failed {
				t.Errorf("err = %v, want that of the context", err)
			}
			noTemporaries(t, cfg.CacheDir)
		})
	}
}

// TestOpenInPlace: an imported database is used where it lies, and the folder
// stays as it is.
func TestOpenInPlace(t *testing.T) {
	dir := folder(t)
	parent := t.TempDir()
	if err := os.CopyFS(filepath.Join(parent, "6"), os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]string{"the folder itself": dir, "grype's own cache": parent} {
		t.Run(name, func(t *testing.T) {
			before := listing(t, source)
			database := open(t, scan.Config{Source: source})
			info := database.Info()
			if info.Schema != "v6.1.10" || !info.Built.Equal(built()) || info.Source != source {
				t.Errorf("Info = %+v", info)
			}
			findsLodash(t, database)
			if after := listing(t, source); after != before {
				t.Errorf("the folder holds\n%s\nbefore it held\n%s", after, before)
			}
		})
	}
}

// listing names every file below a folder with its size and time.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		fmt.Fprintln(&all, path, info.Size(), info.ModTime())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestOpenImportsEachKind(t *testing.T) {
	dir := folder(t)
	database := read(t, filepath.Join(dir, "vulnerability.db"))
	bare := filepath.Dir(write(t, "vulnerability.db", database))
	for name, source := range map[string]string{
		"zstd":                 write(t, "db.tar.zst", archived(t, dir)),
		"gzip":                 write(t, "db.tar.gz", gzipped(t, tarOf(t, "./vulnerability.db", database))),
		"xz":                   write(t, "db.tar.xz", xzipped(t, tarOf(t, "vulnerability.db", database))),
		"tar":                  write(t, "db.tar", tarOf(t, "vulnerability.db", database)),
		"a database":           write(t, "any.db", database),
		"a folder, unimported": bare,
	} {
		t.Run(name, func(t *testing.T) {
			cfg := scan.Config{Source: source, CacheDir: filepath.Join(t.TempDir(), "new", "cache")}
			first := open(t, cfg)
			if first.Info().Source != source || first.Info().Built.IsZero() {
				t.Errorf("Info = %+v", first.Info())
			}
			findsLodash(t, first)
			imported := listing(t, cfg.CacheDir)
			findsLodash(t, open(t, cfg))
			if files := func(s string) int { return strings.Count(s, "vulnerability.db") }; files(imported) != 1 || files(listing(t, cfg.CacheDir)) != 1 {
				t.Errorf("the cache holds\n%s", listing(t, cfg.CacheDir))
			}
			noTemporaries(t, cfg.CacheDir)
		})
	}
}

func findsLodash(t *testing.T, database *scan.Database) {
	t.Helper()
	result, err := database.Scan(t.Context(), image(nil, lodash()))
	if err != nil || len(result.Findings) != 2 {
		t.Errorf("findings %v, %v; want two", result.Findings, err)
	}
}
