package cli_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// sample returns what the script command push can push. The images are small
// but real: a dpkg database and node modules that the small vulnerability
// database knows.
func sample(kind string) (remote.Taggable, error) {
	switch kind {
	case "vulnerable": // one critical finding, with a fix; one negligible without
		return imageOf(layer(debian()...), layer(module("minimist", "1.2.0")))
	case "unfixed": // one negligible finding, without a fix
		return imageOf(layer(debian()...))
	case "clean", "unprivileged": // the latter does not run as root
		return withoutFindings(kind == "unprivileged")
	case "leaky": // a token that a later layer removes
		return leaky()
	case "hostile": // a package name that plays with the terminal
		return imageOf(layer(module("min\u001b[2Jimist\u202e\n::error::owned", "1.2.8")))
	case "nontar":
		return imageOf(static.NewLayer([]byte(strings.Repeat("this is no tar archive\n", 100)), types.OCIUncompressedLayer))
	case "wrong-diffid":
		return wrongDiffID()
	case "index", "empty-index", "built", "built-elsewhere":
		return sampleIndex(kind)
	case "artifact":
		return mutate.ConfigMediaType(ociImage(), "application/vnd.example.config.v1+json"), nil
	case "unknown-manifest":
		return rawManifest{"application/vnd.example.manifest.v1+json", `{"schemaVersion": 2}`}, nil
	case "bad-manifest":
		return rawManifest{types.OCIManifestSchema1, `{"schemaVersion": 2, "layers": 7}`}, nil
	}
	return nil, fmt.Errorf("no sample %q", kind)
}

func sampleIndex(kind string) (v1.ImageIndex, error) {
	switch kind {
	case "index":
		return index("linux/amd64", "linux/arm64")
	case "built": // with BuildKit's SBOM of it
		return built(false)
	case "built-elsewhere": // with the SBOM of another image
		return built(true)
	}
	return index() // of nothing
}

func withoutFindings(unprivileged bool) (v1.Image, error) {
	image, err := imageOf(layer(module("minimist", "1.2.8")))
	if err != nil || !unprivileged {
		return image, err
	}
	return mutate.Config(image, v1.Config{User: "1000"})
}

// leaky holds a token that opens nothing, in two so that no tool takes this file for
// a leak.
func leaky() (v1.Image, error) {
	token := "ghp_" + "1234567890abcdefghijABCDEFGHIJ123456"
	return imageOf(layer(module("minimist", "1.2.8"), file{"app/.env", "HOST=a\nTOKEN=" + token + "\n"}), layer(file{"app/.wh..env", ""}))
}

func ociImage() v1.Image {
	return mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
}

func imageOf(layers ...v1.Layer) (v1.Image, error) {
	image, err := mutate.AppendLayers(ociImage(), layers...)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.OS, config.Architecture = "linux", "amd64"
	return mutate.ConfigFile(image, config)
}

// wrongDiffID returns an image whose config promises another content of the
// layer.
func wrongDiffID() (v1.Image, error) {
	image, err := imageOf(layer(module("minimist", "1.2.8")))
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.RootFS.DiffIDs = []v1.Hash{{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}}
	return mutate.ConfigFile(image, config)
}

func index(platforms ...string) (v1.ImageIndex, error) {
	out := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range platforms {
		platform, err := v1.ParsePlatform(p)
		if err != nil {
			return nil, err
		}
		image, err := imageOf(layer(module("minimist", "1.2.8"), file{"platform", p}))
		if err != nil {
			return nil, err
		}
		out = mutate.AppendManifests(out, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: platform}})
	}
	return out, nil
}

type file struct{ name, content string }

func layer(files ...file) v1.Layer {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.content)), Typeflag: tar.TypeReg}
		if err := w.WriteHeader(header); err != nil {
			panic(err) // a buffer takes everything
		}
		_, _ = io.WriteString(w, f.content)
	}
	_ = w.Close()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	})
	if err != nil {
		panic(err)
	}
	return l
}

// debian returns the files from which a Debian 12 with one package is known.
func debian() []file {
	return []file{
		{"etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"},
		{"var/lib/dpkg/status", "Package: tar\nStatus: install ok installed\nArchitecture: amd64\n" +
			"Maintainer: Nobody <nobody@example.com>\nVersion: 1.34+dfsg-1.2+deb12u1\nDescription: sample\n\n"},
	}
}

func module(name, version string) file {
	content, err := json.Marshal(map[string]string{"name": name, "version": version})
	if err != nil {
		panic(err) // strings always encode
	}
	return file{"app/node_modules/m/package.json", string(content)}
}

// rawManifest is a manifest as it is pushed, valid or not.
type rawManifest struct {
	mediaType types.MediaType
	content   string
}

func (m rawManifest) MediaType() (types.MediaType, error) { return m.mediaType, nil }
func (m rawManifest) RawManifest() ([]byte, error)        { return []byte(m.content), nil }
