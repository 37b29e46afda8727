package scan_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/advisory"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

func TestFeedWithoutAnyDatabase(t *testing.T) {
	m := newMirror(t, archived(t, folder(t)))
	tests := map[string]struct {
		change func()
		want   string
	}{
		"down":                 {func() { m.status = http.StatusServiceUnavailable }, "503 Service Unavailable"},
		"another digest":       {func() { m.sum = strings.Repeat("0", 64) }, "and the feed says 0000"},
		"an odd digest":        {func() { m.sum = "../../etc" }, "is not a SHA-256"},
		"a listing that is no": {func() { m.sum = `"` }, "unable to parse"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			status, sum := m.status, m.sum
			defer func() { m.status, m.sum = status, sum }()
			test.change()
			cache := t.TempDir()
			_, err := scan.Open(t.Context(), scan.WithFeed(scan.Config{CacheDir: cache}, m.URL+"/v6/latest.json"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("err = %v, want %q", err, test.want)
			}
			if fault.KindOf(err) != fault.Undecided || !strings.Contains(fault.HintOf(err), "mirror") {
				t.Errorf("kind %v, hint %q", fault.KindOf(err), fault.HintOf(err))
			}
			noTemporaries(t, cache)
		})
	}
}

// TestFeedThatServesSomethingWrong: what the feed gave last must not hide that
// it now gives something else than it says.
func TestFeedThatServesSomethingWrong(t *testing.T) {
	archive := archived(t, folder(t))
	m := newMirror(t, archive)
	cfg := scan.WithFeed(scan.Config{CacheDir: t.TempDir()}, m.URL+"/v6/latest.json")
	open(t, cfg).Close()
	for name, test := range map[string]struct {
		change func()
		want   string
	}{
		"another digest":       {func() { m.sum = strings.Repeat("0", 64) }, "and the feed says 0000"},
		"an odd digest":        {func() { m.sum = "../../etc" }, "is not a SHA-256"},
		"a listing that is no": {func() { m.sum = `"` }, "unable to parse"},
		"no listing":           {func() { m.status = http.StatusNotFound }, "404 Not Found"},
		"no archive":           {func() { m.serve([]byte("broken")) }, "is not an archive"},
		"a truncated archive":  {func() { m.serve(archive[:len(archive)-100]) }, "is truncated or damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			m.status = 0
			m.serve(archive)
			test.change()
			_, err := scan.Open(t.Context(), cfg)
			if fault.KindOf(err) != fault.Undecided || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q, undecided", err, test.want)
			}
			noTemporaries(t, cfg.CacheDir)
		})
	}
}

// TestFeedThatCannotBeReached: the database that it gave last is used, and says
// so.
func TestFeedThatCannotBeReached(t *testing.T) {
	archive := archived(t, folder(t))
	advisories, err := advisory.Table()
	if err != nil {
		t.Fatal(err)
	}
	newer := archived(t, folderOf(t, advisories[:5]...))
	for name, test := range map[string]struct {
		change func(m *mirror)
		want   string
	}{
		"unavailable":       {func(m *mirror) { m.status = http.StatusServiceUnavailable }, "the server says 503 Service Unavailable"},
		"too many requests": {func(m *mirror) { m.status = http.StatusTooManyRequests }, "the server says 429 Too Many Requests"},
		"gone":              {func(m *mirror) { m.Close() }, "connection refused"},
		"gone halfway":      {func(m *mirror) { m.serve(newer); m.half = true }, "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMirror(t, archive)
			cfg := scan.WithFeed(scan.Config{CacheDir: t.TempDir()}, m.URL+"/v6/latest.json")
			if notes := open(t, cfg).Notes(); len(notes) != 0 {
				t.Errorf("notes of the newest: %q", notes)
			}
			test.change(m)
			database := open(t, cfg)
			findsLodash(t, database)
			const date = "the database of 2026-11-20 12:30 UTC, which it gave last, is used"
			if notes := database.Notes(); len(notes) != 1 || !strings.HasPrefix(notes[0], "grype's feed could not be reached (") ||
				!strings.Contains(notes[0], test.want) || !strings.Contains(notes[0], date) {
				t.Errorf("notes = %q, want one with %q and %q", notes, test.want, date)
			}
			noTemporaries(t, cfg.CacheDir)
		})
	}
}

// TestFeed: the newest database is fetched once.
func TestFeed(t *testing.T) {
	m := newMirror(t, archived(t, folder(t)))
	cfg := scan.WithFeed(scan.Config{CacheDir: t.TempDir()}, m.URL+"/v6/latest.json")
	use := func(downloads int) {
		t.Helper()
		database := open(t, cfg)
		findsLodash(t, database)
		if got := database.Info().Source; got != m.URL+"/v6/latest.json" {
			t.Errorf("Source = %s", got)
		}
		if m.downloads != downloads {
			t.Errorf("downloaded %d times, want %d", m.downloads, downloads)
		}
		noTemporaries(t, cfg.CacheDir)
	}
	use(1)
	use(1)
	m.status = http.StatusServiceUnavailable
	use(1)

	advisories, err := advisory.Table()
	if err != nil {
		t.Fatal(err)
	}
	m.status = 0
	m.serve(archived(t, folderOf(t, advisories[:5]...)))
	use(2)
}

// TestFeedOfACacheThatIsNotWritten: the newest database is there, so that nothing
// has to be written.
func TestFeedOfACacheThatIsNotWritten(t *testing.T) {
	m := newMirror(t, archived(t, folder(t)))
	cfg := scan.WithFeed(scan.Config{CacheDir: t.TempDir()}, m.URL+"/v6/latest.json")
	open(t, cfg).Close()
	before := readDir(t, cfg.CacheDir)
	findsLodash(t, open(t, cfg))
	if after := readDir(t, cfg.CacheDir); !slices.Equal(after, before) {
		t.Errorf("the cache holds %q, before %q", after, before)
	}

	state := filepath.Join(cfg.CacheDir, "feed.json")
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(state, 0o700); err != nil { // which no file can take the place of
		t.Fatal(err)
	}
	findsLodash(t, open(t, cfg))
	noTemporaries(t, cfg.CacheDir)
}

// readDir names the files of the cache that a feed notes its state in, with
// their times.
func readDir(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && !entry.IsDir() {
			names = append(names, entry.Name()+" "+info.ModTime().Format(time.RFC3339Nano))
		}
	}
	return names
}
