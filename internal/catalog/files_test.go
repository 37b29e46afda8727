package catalog_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/hallmark-ci/hallmark/internal/catalog"
)

// Whoever looks can end it.
func TestALookThatFails(t *testing.T) {
	broken := errors.New("seen enough")
	_, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), withLayers(t, archive(t, tarFile("a", "x", 0o644))), t.TempDir(),
		func(context.Context, string, string, io.Reader) error { return broken })
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "looking at the files of "+subject(t).String()+": ") {
		t.Errorf("got %v", err)
	}
}

// Shells and programs of another user are told by the files that a container sees,
// whoever brought them; whoever looks sees every layer.
func TestFiles(t *testing.T) {
	below := archive(t,
		tarFile("bin/busybox", "x", 0o755), tarFile("usr/bin/su", "x", 0o4755), tarFile("usr/bin/gone", "x", 0o4755), tarFile(".env", "secret", 0o644),
		tarFile("usr/share/completions/bash", "x", 0o644), &entry{tar.Header{Name: "bin/sh", Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}, ""},
		tarFile("tmp\x1b/zsh", "x", 0o755))
	above := archive(t, tarFile("usr/bin/.wh.gone", "", 0o644), tarFile(".env", "none", 0o644), tarFile("opt/su", "x", 0o755))
	var seen []string
	content := withLayers(t, below, above)
	bom, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), content, t.TempDir(), func(_ context.Context, path, layer string, r io.Reader) error {
		body, err := io.ReadAll(r)
		seen = append(seen, fmt.Sprintf("%s %s %s", path, layer, body))
		return err
	})
	must(t, err)
	files, ok := bom.Files()
	if !ok || !slices.Equal(files.Setuid, []string{"/usr/bin/su"}) || len(files.Shells) != 2 || files.Shells[0] != "/bin/busybox" || strings.ContainsRune(files.Shells[1], '\x1b') {
		t.Errorf("files %+v, %t", files, ok)
	}
	for layer, want := range map[v1.Layer]string{below: "secret", above: "none"} {
		id, err := layer.DiffID()
		must(t, err)
		if !slices.Contains(seen, "/.env "+id.String()+" "+want) {
			t.Errorf("%s was not seen in %q", want, seen)
		}
	}
	brought, err := catalog.Read(subject(t), []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1}`))
	must(t, err)
	if _, ok := brought.Files(); ok {
		t.Error("of an SBOM that was brought the files are told")
	}
}

// A list that an image makes without end is cut.
func TestManyFiles(t *testing.T) {
	var entries []*entry
	for i := range 1100 {
		entries = append(entries, tarFile(fmt.Sprintf("%04d/sh", i), "x", 0o4755))
	}
	bom, err := catalog.New(catalog.CycloneDX, catalog.SPDX).Image(t.Context(), subject(t), withLayers(t, archive(t, entries...)), t.TempDir())
	must(t, err)
	if files, _ := bom.Files(); len(files.Setuid) != 1000 || len(files.Shells) != 1000 {
		t.Errorf("%d and %d files", len(files.Setuid), len(files.Shells))
	}
}

type entry struct {
	header  tar.Header
	content string
}

func tarFile(name, content string, mode int64) *entry {
	return &entry{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(content))}, content}
}

func archive(t *testing.T, entries ...*entry) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, e := range entries {
		must(t, w.WriteHeader(&e.header))
		_, err := io.WriteString(w, e.content)
		must(t, err)
	}
	must(t, w.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
	must(t, err)
	return layer
}
