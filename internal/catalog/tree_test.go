package catalog

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	stereoimage "github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

func ours(t *testing.T, img v1.Image) file.Resolver {
	t.Helper()
	digest, err := name.NewDigest("registry.example/app@sha256:" + strings.Repeat("0123456789abcdef", 4))
	must(t, err)
	subject, err := attest.NewSubject(digest, "registry.example/app:1")
	must(t, err)
	src, err := unpack(t.Context(), subject, img, t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, src.Close()) })
	return resolverOf(t, src)
}

func stereoscope(t *testing.T, img v1.Image) file.Resolver {
	t.Helper()
	read := stereoimage.New(img, stereofile.NewTempDirGenerator("test"), t.TempDir())
	must(t, read.Read(context.Background()))
	src := stereoscopesource.New(read, stereoscopesource.ImageConfig{Reference: "registry.example/app:1"})
	t.Cleanup(func() { must(t, src.Close()) })
	return resolverOf(t, src)
}

func resolverOf(t *testing.T, src source.Source) file.Resolver {
	t.Helper()
	r, err := src.FileResolver(source.SquashedScope)
	must(t, err)
	return r
}

func imageOfLayers(t *testing.T, layers []layer) v1.Image {
	t.Helper()
	img := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	for _, l := range layers {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		for _, e := range l {
			write(t, w, e)
		}
		must(t, w.Close())
		added, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
		must(t, err)
		img, err = mutate.AppendLayers(img, added)
		must(t, err)
	}
	return img
}

func write(t *testing.T, w *tar.Writer, e string) {
	t.Helper()
	header := &tar.Header{Name: e, Mode: 0o644, Uid: 7, Gid: 8, Typeflag: tar.TypeReg}
	var content string
	if path, target, ok := strings.Cut(e, " -> "); ok {
		header.Name, header.Linkname, header.Typeflag = path, target, tar.TypeSymlink
	} else if path, target, ok := strings.Cut(e, " => "); ok {
		header.Name, header.Linkname, header.Typeflag = path, target, tar.TypeLink
	} else if strings.HasSuffix(e, "/") {
		header.Mode, header.Typeflag = 0o755, tar.TypeDir
	} else {
		header.Name, content, _ = strings.Cut(e, "=")
		header.Size = int64(len(content))
	}
	must(t, w.WriteHeader(header))
	_, err := io.WriteString(w, content)
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
