package scan

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// FuzzExtract looks for an archive that stops the program, and for an error that
// does not say that the archive is at fault.
func FuzzExtract(f *testing.F) {
	var archive, compressed bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "vulnerability.db", Mode: 0o644, Size: 16}); err != nil {
		f.Fatal(err)
	}
	if _, err := w.Write([]byte("SQLite format 3\x00")); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	z := gzip.NewWriter(&compressed)
	if _, err := z.Write(archive.Bytes()); err != nil {
		f.Fatal(err)
	}
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{
		archive.Bytes(), compressed.Bytes(), []byte("SQLite format 3\x00"), []byte("\x28\xb5\x2f\xfd\x04"), []byte("\xfd7zXZ\x00\x00"), nil,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		var database bytes.Buffer
		err := extract("it", contextReader{context.Background(), bytes.NewReader(content)}, &database)
		if err != nil && fault.KindOf(err) != fault.Undecided {
			t.Errorf("err = %v, want one of kind Undecided", err)
		}
		if err == nil && database.Len() == 0 && len(content) < 512 {
			t.Errorf("nothing came out of %q", content)
		}
	})
}
