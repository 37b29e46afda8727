package scan

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/spf13/afero"
)

// A database that was right is not read again, until anybody touches it: even if
// that leaves its size and its time of writing as they were.
func TestAFileThatWasRightIsReadAgainWhenItIsTouched(t *testing.T) {
	c, dir := cache{dir: t.TempDir()}, t.TempDir()
	file := filepath.Join(dir, v6.VulnerabilityDBFileName)
	mustWrite(t, file, "the database")
	metadata, err := v6.WriteImportMetadata(afero.NewOsFs(), dir, "a test")
	if err != nil {
		t.Fatal(err)
	}
	mustWrite(t, file, "other contents")
	if err := c.verifyChecksum(dir, file); err == nil || !strings.Contains(err.Error(), "has a bad checksum") {
		t.Fatalf("a damaged file: %v", err)
	}
	state, ok := stateOf(file)
	if !ok {
		t.Fatal("its state cannot be told")
	}
	right := rightFile{State: state, Digest: metadata.Digest}
	right.State.Changed -= int64(time.Minute)
	c.remember(file, right)
	if err := c.verifyChecksum(dir, file); err == nil {
		t.Error("a file of which another state was right passes")
	}
	c.settle(t, file, metadata.Digest)
	if err := c.verifyChecksum(dir, file); err != nil {
		t.Errorf("a file that is remembered is read again: %v", err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for now := state; now == state; now, _ = stateOf(file) { // the clock of the file system ticks slowly
		mustWrite(t, file, "more  contents")
		if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.verifyChecksum(dir, file); err == nil {
		t.Error("a file that was touched passes")
	}
}

// What changed a moment ago may change again without a trace.
func TestAFileThatIsStillWrittenIsNotRemembered(t *testing.T) {
	c, file := cache{dir: t.TempDir()}, filepath.Join(t.TempDir(), "file")
	mustWrite(t, file, "contents")
	state, _ := stateOf(file)
	right := rightFile{State: state, Digest: "xxh64:1"}
	c.remember(file, right)
	if _, ok := c.noted(file); ok {
		t.Error("it is remembered")
	}
	if _, ok := (cache{}).noted(file); ok {
		t.Error("it is remembered without a cache")
	}
}

// settle writes the note that remember writes of a file which has been left alone.
func (c cache) settle(t *testing.T, file, digest string) {
	t.Helper()
	state, _ := stateOf(file)
	old := rightFile{State: state, Digest: digest}
	old.State.Changed -= int64(time.Minute)
	c.remember(file, old)
	note, _ := c.note(file)
	content, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	was, is := stateText(old.State.Changed), stateText(state.Changed)
	mustWrite(t, note, strings.Replace(string(content), was, is, 1))
}

func stateText(n int64) string { return strconv.FormatInt(n, 10) }

func mustWrite(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
