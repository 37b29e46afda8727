package attest_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with the file testdata/<name>.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if string(got) != string(want) {
		t.Errorf("%s:\n got %s\nwant %s", path, got, want)
	}
}

func subject(t testing.TB) attest.Subject {
	t.Helper()
	digest, err := name.NewDigest("registry.example/team/app@sha256:" + strings.Repeat("0123456789abcdef", 4))
	must(t, err)
	s, err := attest.NewSubject(digest, "registry.example/team/app:1")
	must(t, err)
	return s
}

// refused fails the test unless err says all of the words.
func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x1b\u202e") || len(err.Error()) > 1000 {
		t.Errorf("error %.1500q is not one short plain line", err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func noon() time.Time {
	return time.Date(2026, time.November, 22, 13, 0, 0, 0, time.FixedZone("CET", 3600))
}
