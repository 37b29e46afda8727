package filetree_test

import (
	"archive/tar"
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/filetree"
)

func file(name string) tar.Header { return withContent(name, 0) }

func withContent(name string, size int64) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Size: size, Mode: 0o644}
}

func link(name, target string) tar.Header {
	return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink, Mode: 0o777}
}

// contentOf is a content that no other file has.
func contentOf(h tar.Header) []byte {
	content := make([]byte, h.Size)
	if h.Name == "zeros" {
		return content
	}
	var seed [32]byte
	copy(seed[:], h.Name)
	_, _ = rand.NewChaCha8(seed).Read(content)
	return content
}

func layerOf(t testing.TB, entries ...tar.Header) filetree.Layer {
	t.Helper()
	stored := archive(t, true, entries...)
	return filetree.Layer{ID: "sha256:" + entries[0].Name, Size: int64(len(stored)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(stored)), nil
	}}
}

// archive makes a tar of entries, with their contents or without.
func archive(t testing.TB, contents bool, entries ...tar.Header) []byte {
	t.Helper()
	all := map[string][]byte{}
	for _, h := range entries {
		if contents {
			all[h.Name] = contentOf(h)
		}
	}
	return archiveOf(t, entries, all)
}

func archiveOf(t testing.TB, entries []tar.Header, contents map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		must(t, w.WriteHeader(&h))
		content, ok := contents[h.Name]
		if !ok { // somebody else goes on
			return out.Bytes()
		}
		_, err := w.Write(content)
		must(t, err)
	}
	must(t, w.Close())
	return out.Bytes()
}

func whole(t *testing.T, l filetree.Layer) io.Reader {
	t.Helper()
	content, err := l.Open()
	must(t, err)
	return content
}

func begin(t *testing.T, l filetree.Layer) io.Reader { return io.LimitReader(whole(t, l), 1<<20) }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

type closing struct {
	io.Reader
	err error
}

func (c closing) Close() error { return c.err }

// telling is an endless content that says when it is read.
type telling struct{ tell func() }

func (r telling) Read(p []byte) (int, error) { r.tell(); return len(p), nil }

func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range left {
		t.Errorf("%s was left behind", f.Name())
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
