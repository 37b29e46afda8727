package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A profile is there when the program ends; one that cannot be written changes
// nothing, and none is written unasked.
func TestProfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.pprof")
	profile(path)()
	content, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(content, []byte("\x1f\x8b")) {
		t.Errorf("the profile has %d bytes, error %v", len(content), err)
	}
	missing := filepath.Join(t.TempDir(), "missing", "cpu.pprof")
	profile(missing)()
	profile("")()
	if _, err := os.Stat(missing); err == nil {
		t.Error("a profile was written to a folder that is not there")
	}
}
