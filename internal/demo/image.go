// Package demo holds what the demonstration needs besides the product itself: a
// sample image, a registry on loopback to keep it in, and a policy.
//
// The image is made in this process but its contents are what real ones hold: a
// dpkg database, node modules, and a Go binary, which is this very program. It
// comes in two releases: an old one with vulnerable packages, and the fix.
package demo

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Release is one release of the sample image.
type Release struct {
	Tag      string
	OpenSSL  string // version of the Debian package
	Minimist string // versions of the node modules
	Lodash   string
}

// Releases returns the vulnerable release and the one that fixes it.
func Releases() (vulnerable, fixed Release) {
	return Release{Tag: "v1", OpenSSL: "3.0.9-1", Minimist: "1.2.0", Lodash: "4.17.15"},
		Release{Tag: "v2", OpenSSL: "3.0.11-1~deb12u2", Minimist: "1.2.8", Lodash: "4.17.21"}
}

// Image returns the sample image of a release, with the program at binary in
// it.
func Image(r Release, binary string) (v1.Image, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, fmt.Errorf("making the sample image: %w", err)
	}
	layers := [][]file{
		{
			{"etc/os-release", []byte(osRelease), 0o644},
			{"var/lib/dpkg/status", []byte(dpkgStatus(r)), 0o644},
		},
		{{"usr/local/bin/hallmark", program, 0o755}},
		{
			{"app/node_modules/minimist/package.json", nodeModule("minimist", r.Minimist), 0o644},
			{"app/node_modules/lodash/package.json", nodeModule("lodash", r.Lodash), 0o644},
		},
	}
	image, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), &v1.ConfigFile{
		OS: "linux", Architecture: "amd64", Created: v1.Time{Time: layerTime()},
		Config: v1.Config{Entrypoint: []string{"/usr/local/bin/hallmark"}, User: "65532"},
	})
	if err != nil {
		return nil, fmt.Errorf("making the sample image: %w", err)
	}
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	for _, files := range layers {
		layer, err := layerOf(files)
		if err != nil {
			return nil, fmt.Errorf("making the sample image: %w", err)
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return nil, fmt.Errorf("making the sample image: %w", err)
		}
	}
	return image, nil
}

type file struct {
	name    string
	content []byte
	mode    int64
}

// layerTime is the time of every file: the image is the same on every run.
func layerTime() time.Time { return time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC) }

func layerOf(files []file) (v1.Layer, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.content)), ModTime: layerTime(), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	// The program does not compress fast, and the way to loopback is short.
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(1))
}

const osRelease = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
`

// dpkgStatus returns a dpkg database of a few packages.
func dpkgStatus(r Release) string {
	packages := []struct{ name, source, version string }{
		{"base-files", "", "12.4+deb12u5"},
		{"bash", "", "5.2.15-2+b2"},
		{"libssl3", "openssl", r.OpenSSL},
		{"openssl", "", r.OpenSSL},
		{"tar", "", "1.34+dfsg-1.2+deb12u1"},
	}
	var status strings.Builder
	for _, p := range packages {
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nPriority: required\nSection: base\n", p.name)
		fmt.Fprintf(&status, "Maintainer: Hallmark demonstration <demo@example.com>\nArchitecture: amd64\n")
		if p.source != "" {
			fmt.Fprintf(&status, "Source: %s\n", p.source)
		}
		fmt.Fprintf(&status, "Version: %s\nDescription: sample package\n\n", p.version)
	}
	return status.String()
}

func nodeModule(name, version string) []byte {
	return fmt.Appendf(nil, `{"name": %q, "version": %q, "license": "MIT", "main": "index.js"}`+"\n", name, version)
}
