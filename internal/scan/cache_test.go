package scan_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/advisory"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

func TestOpenImportsADamagedOneAgain(t *testing.T) {
	cfg := scan.Config{Source: write(t, "db.tar.zst", archived(t, folder(t))), CacheDir: t.TempDir()}
	open(t, cfg).Close()
	files, err := filepath.Glob(filepath.Join(cfg.CacheDir, "*", "vulnerability.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.Truncate(files[0], 4096); err != nil {
		t.Fatal(err)
	}
	findsLodash(t, open(t, cfg))
	noTemporaries(t, cfg.CacheDir)
}

// TestProcessesImportAtOnce: several jobs on one machine start with an empty
// cache. The test runs itself in processes of their own.
func TestProcessesImportAtOnce(t *testing.T) {
	const variable = "HALLMARK_TEST_IMPORT" // what to import, and the cache to use
	if job := os.Getenv(variable); job != "" {
		source, cache, _ := strings.Cut(job, "\n")
		findsLodash(t, open(t, scan.Config{Source: source, CacheDir: cache}))
		return
	}
	cache := filepath.Join(t.TempDir(), "cache")
	job := write(t, "db.tar.zst", archived(t, folder(t))) + "\n" + cache
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessesImportAtOnce$", "-test.v")
			child.Env = append(os.Environ(), variable+"="+job)
			output, err := child.CombinedOutput()
			if err != nil || !strings.Contains(string(output), "--- PASS: TestProcessesImportAtOnce") {
				t.Errorf("err = %v\n%s", err, output)
			}
		})
	}
	group.Wait()
	noTemporaries(t, cache)
	if files, err := filepath.Glob(filepath.Join(cache, "*", "vulnerability.db")); err != nil || len(files) != 1 {
		t.Errorf("the cache holds %q, %v; want one database", files, err)
	}
}

// TestConcurrentImports: and several goroutines of one process.
func TestConcurrentImports(t *testing.T) {
	cfg := scan.Config{Source: write(t, "db.tar.zst", archived(t, folder(t))), CacheDir: filepath.Join(t.TempDir(), "cache")}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			database, err := scan.Open(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			findsLodash(t, database)
			if err := database.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	noTemporaries(t, cfg.CacheDir)
}

// TestTheCacheIsPruned: the databases used last stay, and so does everything
// that is not the cache's own; what a killed process left goes.
// writeNote makes a note of some age about a database.
func writeNote(t *testing.T, path string, age time.Duration) {
	t.Helper()
	written := time.Now().Add(-age)
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, written, written)); err != nil {
		t.Fatal(err)
	}
}

func TestTheCacheIsPruned(t *testing.T) {
	cache := t.TempDir()
	left, fresh := filepath.Join(cache, "tmp-left"), filepath.Join(cache, "tmp-fresh")
	for _, dir := range []string{left, fresh, filepath.Join(cache, "mine")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(left, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	oldNote, newNote := filepath.Join(cache, "right-old"), filepath.Join(cache, "right-new")
	writeNote(t, oldNote, 31*24*time.Hour)
	writeNote(t, newNote, 29*24*time.Hour)
	advisories, err := advisory.Table()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		source := filepath.Join(folderOf(t, advisories[:i+1]...), "vulnerability.db")
		open(t, scan.Config{Source: source, CacheDir: cache}).Close()
	}
	entries, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil {
		t.Fatal(err)
	}
	entries = slices.DeleteFunc(entries, func(path string) bool { return strings.HasPrefix(filepath.Base(path), "right-") })
	if len(entries) != 4+2 {
		t.Errorf("the cache holds %v, want four databases, mine and tmp-fresh", entries)
	}
	for _, path := range []string{left, oldNote} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
		}
	}
	if _, err := os.Stat(newNote); err != nil {
		t.Errorf("a note that may still be of use is gone: %v", err)
	}
}
