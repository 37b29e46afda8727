package world

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// PushSample pushes a small image to reference and returns it pinned: a Debian
// package database, two Node modules of old and a real Go program, so that
// three ecosystems are in it.
func PushSample(ctx context.Context, reference string) (name.Digest, error) {
	crane, err := Tool("crane")
	if err != nil {
		return name.Digest{}, err
	}
	program, err := os.ReadFile(crane)
	if err != nil {
		return name.Digest{}, fmt.Errorf("reading the sample's program: %w", err)
	}
	return push(ctx, reference, append(packages(), file{"usr/local/bin/crane", program}))
}

// PushSmall pushes the sample without its program, which is nearly all of it: for
// runs that are repeated.
func PushSmall(ctx context.Context, reference string) (name.Digest, error) {
	return push(ctx, reference, packages())
}

func packages() []file {
	return append(debian(),
		file{"app/node_modules/lodash/package.json", []byte(`{"name":"lodash","version":"4.17.15","license":"MIT"}`)},
		file{"app/node_modules/minimist/package.json", []byte(`{"name":"minimist","version":"1.2.0","license":"MIT"}`)})
}

func debian() []file {
	return []file{
		{"etc/os-release", []byte(osRelease)},
		{"var/lib/dpkg/status", []byte(dpkgStatus)},
	}
}

// PushBare pushes an image with one small file to reference and returns it
// pinned: enough where only the attestations matter. Images of different
// references are different images.
func PushBare(ctx context.Context, reference string) (name.Digest, error) {
	return push(ctx, reference, []file{{"reference", []byte(reference)}})
}

// PushClean pushes a small Debian in which nothing is known to be vulnerable, and
// returns it pinned. Images of different references are different images.
func PushClean(ctx context.Context, reference string) (name.Digest, error) {
	return push(ctx, reference, append(debian(), file{"reference", []byte(reference)}))
}

// PushAs is PushBare, for an image that runs as a user.
func PushAs(ctx context.Context, reference, user string) (name.Digest, error) {
	image, err := imageOf([]file{{"reference", []byte(reference)}})
	if err != nil {
		return name.Digest{}, fmt.Errorf("making an image that runs as %s: %w", user, err)
	}
	if image, err = mutate.Config(image, v1.Config{User: user}); err != nil {
		return name.Digest{}, fmt.Errorf("making an image that runs as %s: %w", user, err)
	}
	return pushImage(ctx, reference, image)
}

// PushNamed pushes a small image whose Node modules have the given texts as names,
// versions and licences, and returns it pinned.
func PushNamed(ctx context.Context, reference string, texts []string) (name.Digest, error) {
	files := packages()
	for n, text := range texts {
		for kind, module := range map[string]map[string]string{
			"name":    {"name": text, "version": "1.0.0", "license": "MIT"},
			"version": {"name": fmt.Sprintf("version-%d", n), "version": text, "license": "MIT"},
			"licence": {"name": fmt.Sprintf("licence-%d", n), "version": "1.0.0", "license": text},
		} {
			content, err := json.Marshal(module)
			if err != nil {
				return name.Digest{}, fmt.Errorf("making the sample %s: %w", reference, err)
			}
			files = append(files, file{fmt.Sprintf("app/node_modules/%s-%d/package.json", kind, n), content})
		}
	}
	return push(ctx, reference, files)
}

type file struct {
	path    string
	content []byte
}

func push(ctx context.Context, reference string, files []file) (name.Digest, error) {
	image, err := imageOf(files)
	if err != nil {
		return name.Digest{}, fmt.Errorf("making the sample %s: %w", reference, err)
	}
	return pushImage(ctx, reference, image)
}

func pushImage(ctx context.Context, reference string, image v1.Image) (name.Digest, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return name.Digest{}, fmt.Errorf("pushing a sample: %w", err)
	}
	if err := remote.Write(ref, image, remote.WithContext(ctx)); err != nil {
		return name.Digest{}, fmt.Errorf("pushing %s: %w", ref, err)
	}
	digest, err := image.Digest()
	if err != nil {
		return name.Digest{}, fmt.Errorf("pinning %s: %w", ref, err)
	}
	return ref.Context().Digest(digest.String()), nil
}

func imageOf(files []file) (v1.Image, error) {
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.path, Mode: 0o755, Size: int64(len(f.content))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	content := layer.Bytes()
	compressed, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendLayers(empty.Image, compressed)
}

// MakeDatabase writes the product's own small vulnerability database into the
// folder that grype expects below databases, and returns that folder.
func MakeDatabase(ctx context.Context, databases string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(databases, "6")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making a database: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./internal/advisory/makedb", dir)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("making a database: %w\n%s", err, out)
	}
	return dir, nil
}

const osRelease = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
ID=debian
`

const dpkgStatus = `Package: libssl3
Status: install ok installed
Architecture: amd64
Source: openssl
Version: 3.0.11-1~deb12u2
Maintainer: Nobody <nobody@example.com>
Description: a library

Package: zlib1g
Status: install ok installed
Architecture: amd64
Source: zlib
Version: 1:1.2.13.dfsg-1
Maintainer: Nobody <nobody@example.com>
Description: a library

Package: tar
Status: install ok installed
Architecture: amd64
Version: 1.34+dfsg-1.2+deb12u1
Maintainer: Nobody <nobody@example.com>
Description: an archiver

`
