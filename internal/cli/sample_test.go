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

	"github.com/hallmark-ci/hallmark/internal/sparsetest"
)

// sample returns what the script command push can push. The images are small
// but real: a dpkg database and node modules that the small vulnerability
// database knows.
func sample(kind string) (remote.Taggable, error) {
	if layers, ok := plainSamples()[kind]; ok {
		return imageOf(layers...)
	}
	if form, ok := strings.CutPrefix(kind, "sparse-"); ok { // a vulnerable module in a sparse file
		m := module("minimist", "1.2.0")
		return imageOf(tarLayer(append(sparsetest.Entry(sparsetest.Format(form), m.name, 0o644, []byte(m.content)), sparsetest.End()...)))
	}
	if configType, ok := strings.CutPrefix(kind, "hidden:"); ok {
		return hidden(types.MediaType(configType))
	}
	switch kind {
	case "clean", "unprivileged": // the latter does not run as root
		return withoutFindings(kind == "unprivileged")
	case "leaky": // a token that a later layer removes
		return leaky()
	case "logged-rpm": // a database of which all packages are in the write-ahead log
		return loggedRPM("-wal")
	case "cut-rpm": // the same, with the journal of a write that was cut off
		return loggedRPM("-journal")
	case "wrong-diffid":
		return wrongDiffID()
	case "old-index": // beside the clean image, one of Docker's first schema
		return oldIndex()
	case "artifact":
		return mutate.ConfigMediaType(ociImage(), "application/vnd.example.config.v1+json"), nil
	}
	if raw, ok := rawSamples()[kind]; ok {
		return raw, nil
	}
	return sampleIndex(kind)
}

// rawSamples are manifests that no tool makes.
func rawSamples() map[string]rawManifest {
	return map[string]rawManifest{
		"unknown-manifest": {"application/vnd.example.manifest.v1+json", `{"schemaVersion": 2}`},
		"bad-manifest":     {types.OCIManifestSchema1, `{"schemaVersion": 2, "layers": 7}`},
	}
}

// plainSamples are the layers of images that are nothing but these.
func plainSamples() map[string][]v1.Layer {
	return map[string][]v1.Layer{
		// one critical finding, with a fix; one negligible without
		"vulnerable": {layer(debian()...), layer(module("minimist", "1.2.0"))},
		// one negligible finding, without a fix
		"unfixed": {layer(debian()...)},
		// Debian without the database of its packages
		"no-database": {layer(append(debian()[:1], module("minimist", "1.2.8"))...)},
		// an archive that is none
		"garbled": {layer(append(debian(), file{"opt/fixtures/broken.jar", "PK\x03\x04 garbage"})...)},
		// a package name that plays with the terminal
		"hostile": {layer(module("min\u001b[2Jimist\u202e\n::error::owned", "1.2.8"))},
		"nontar":  {static.NewLayer([]byte(strings.Repeat("this is no tar archive\n", 100)), types.OCIUncompressedLayer)},
	}
}

// hidden is an index of a clean image, and of a vulnerable one without a platform whose
// config has a media type that is no image's.
func hidden(configType types.MediaType) (v1.ImageIndex, error) {
	clean, err := index("linux/amd64")
	if err != nil {
		return nil, err
	}
	image, err := imageOf(layer(module("minimist", "1.2.0")))
	return mutate.AppendManifests(clean, mutate.IndexAddendum{Add: mutate.ConfigMediaType(image, configType)}), err
}

func sampleIndex(kind string) (v1.ImageIndex, error) {
	switch kind {
	case "index":
		return index("linux/amd64", "linux/arm64")
	case "garbled-index":
		return garbledIndex()
	case "soci-index": // with an index of SOCI for the platform
		return withArtifact()
	case "built": // with BuildKit's SBOM of it
		return built(false)
	case "built-elsewhere": // with the SBOM of another image
		return built(true)
	case "empty-index":
		return index()
	}
	return nil, fmt.Errorf("no sample %q", kind)
}

func withoutFindings(unprivileged bool) (v1.Image, error) {
	image, err := imageOf(layer(module("minimist", "1.2.8")))
	if err != nil || !unprivileged {
		return image, err
	}
	return mutate.Config(image, v1.Config{User: "1000"})
}

// garbledIndex has an image for arm64 in which something cannot be read.
func garbledIndex() (v1.ImageIndex, error) {
	out, err := index("linux/amd64")
	if err != nil {
		return nil, err
	}
	image, err := imageOf(layer(append(debian(), file{"opt/fixtures/broken.jar", "PK\x03\x04 garbage"})...))
	arm := v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}
	return mutate.AppendManifests(out, mutate.IndexAddendum{Add: image, Descriptor: arm}), err
}

func oldIndex() (rawManifest, error) {
	clean, err := imageOf(layer(module("minimist", "1.2.8")))
	if err != nil {
		return rawManifest{}, err
	}
	digest, err := clean.Digest()
	if err != nil {
		return rawManifest{}, err
	}
	size, err := clean.Size()
	old := fmt.Sprintf(`{"mediaType":%q,"digest":"sha256:%064d","size":7}`, types.DockerManifestSchema1Signed, 1)
	return rawManifest{types.OCIImageIndex, fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d},%s]}`,
		types.OCIManifestSchema1, digest, size, old)}, err
}

// withArtifact has an artifact as SOCI adds one, for the image's own platform.
func withArtifact() (v1.ImageIndex, error) {
	const soci = "application/vnd.amazon.soci.index.v2+json"
	out, err := index("linux/amd64")
	if err != nil {
		return nil, err
	}
	of := v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}, ArtifactType: soci}
	artifact := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), soci)
	return mutate.AppendManifests(out, mutate.IndexAddendum{Add: artifact, Descriptor: of}), nil
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
	return tarLayer(content.Bytes())
}

func tarLayer(content []byte) v1.Layer {
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
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
