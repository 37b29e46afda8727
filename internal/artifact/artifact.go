// Package artifact is a set of policies as one OCI artifact: an image manifest
// with a type of the project's own, an empty config and a layer for each file.
//
// The layers have the types and titles that conftest and OPA use. The same files
// come to the same bytes and the same digest, wherever and whenever they are
// packed: there is no time in it and no order but that of the names.
//
// What is read back is hostile until its signature was verified, and its form
// is checked all the same: a name can become a name in a report or on a disk,
// and a size says how much is read. The package does no I/O.
package artifact

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Media types. Those of the layers are OPA's.
const (
	Type       = "application/vnd.hallmark.policy.v1"
	PolicyType = "application/vnd.cncf.openpolicyagent.policy.layer.v1+rego"
	DataType   = "application/vnd.cncf.openpolicyagent.data.layer.v1+json"

	emptyType = "application/vnd.oci.empty.v1+json"
	empty     = "{}"
)

// title is the annotation that names a layer's file.
const title = "org.opencontainers.image.title"

// Bounds of an artifact.
const (
	MaxManifest = 1 << 20   // bytes
	MaxPolicy   = 256 << 10 // bytes of one policy, which is what the gate compiles at most
	maxData     = 1 << 20   // bytes of one file of data
	maxAll      = 32 << 20  // bytes of all together
	maxFiles    = 1000      // as many as are loaded from folders
	maxName     = 200       // bytes of one
)

// File is a file of the set.
type File struct {
	Name string // a path with forward slashes, below nothing
	Type string // PolicyType or DataType
	Text []byte
}

// Blob is something that a manifest names.
type Blob struct {
	Descriptor v1.Descriptor
	Content    []byte
}

// Packed is an artifact that can be written to a registry.
type Packed struct {
	Manifest []byte
	Blobs    []Blob // the config and the layers
}

// Pack makes the artifact of files.
func Pack(files []File) (Packed, error) {
	files = slices.SortedFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	config := blob(emptyType, []byte(empty))
	out := Packed{Blobs: []Blob{config}}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: Type, Config: config.Descriptor}
	for _, f := range files {
		one := blob(types.MediaType(f.Type), f.Text)
		described := one.Descriptor
		described.Annotations = map[string]string{title: f.Name}
		manifest.Layers = append(manifest.Layers, described)
		if !slices.ContainsFunc(out.Blobs, func(b Blob) bool { return b.Descriptor.Digest == one.Descriptor.Digest }) {
			out.Blobs = append(out.Blobs, one)
		}
	}
	var err error
	if out.Manifest, err = json.Marshal(manifest); err != nil {
		return Packed{}, fmt.Errorf("encoding the manifest: %w", err)
	}
	_, err = Parse(out.Manifest) // what is written can be read
	return out, err
}

func blob(mediaType types.MediaType, content []byte) Blob {
	sum := sha256.Sum256(content)
	digest := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
	return Blob{Descriptor: v1.Descriptor{MediaType: mediaType, Size: int64(len(content)), Digest: digest}, Content: content}
}

// RawManifest implements the registry client's Taggable.
func (p Packed) RawManifest() ([]byte, error) { return p.Manifest, nil }

// MediaType implements the registry client's Taggable.
func (p Packed) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

// Digest returns the digest of the artifact, sha256:….
func (p Packed) Digest() string {
	sum := sha256.Sum256(p.Manifest)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Layer is a file that a manifest promises.
type Layer struct {
	Name   string
	Type   string
	Digest v1.Hash
	Size   int64
}

// Parse reads a manifest. The layers are those that a set of policies has, and no
// others: what is not understood is refused.
func Parse(manifest []byte) ([]Layer, error) {
	m, err := v1.ParseManifest(bytes.NewReader(manifest))
	switch {
	case len(manifest) > MaxManifest:
		return nil, fmt.Errorf("its manifest has %d bytes, the limit is %d (1 MiB)", len(manifest), MaxManifest)
	case err != nil:
		return nil, errors.New("its manifest cannot be decoded")
	case m.ArtifactType != Type:
		return nil, fmt.Errorf("it is of type %q, and a set of policies is of %s", kindOf(m), Type)
	case len(m.Layers) == 0:
		return nil, errors.New("it holds no file")
	case len(m.Layers) > maxFiles:
		return nil, fmt.Errorf("it holds %d files, the limit is %d", len(m.Layers), maxFiles)
	}
	var layers []Layer
	names := map[string]bool{}
	var all int64
	for _, d := range m.Layers {
		l := Layer{Name: d.Annotations[title], Type: string(d.MediaType), Digest: d.Digest, Size: d.Size}
		if err := l.check(); err != nil {
			return nil, err
		}
		if names[l.Name] {
			return nil, fmt.Errorf("two of its files are called %s", l.Name)
		}
		names[l.Name] = true
		if all += l.Size; all > maxAll {
			return nil, fmt.Errorf("its files have more than %d bytes (32 MiB) together", maxAll)
		}
		layers = append(layers, l)
	}
	return layers, nil
}

// kindOf says what a manifest is of.
func kindOf(m *v1.Manifest) string {
	if m.ArtifactType != "" {
		return plain.Line(m.ArtifactType, maxName)
	}
	return plain.Line(string(m.Config.MediaType), maxName)
}

func (l Layer) check() error {
	switch {
	case !validName(l.Name):
		return fmt.Errorf("the name of a file is %q: it must be a path of visible characters, at most %d bytes", plain.Line(l.Name, maxName), maxName)
	case l.Type == PolicyType && !strings.HasSuffix(l.Name, ".rego"), l.Type == DataType && !strings.HasSuffix(l.Name, ".json"),
		l.Type != PolicyType && l.Type != DataType:
		return fmt.Errorf("%s is of type %q, which is none of a set of policies", l.Name, plain.Line(l.Type, maxName))
	case l.Size < 0 || l.Size > l.limit():
		return fmt.Errorf("%s has %d bytes, the limit is %d", l.Name, l.Size, l.limit())
	case l.Digest.Algorithm != "sha256":
		return fmt.Errorf("%s is named by a digest of %s, not of sha256", l.Name, plain.Line(l.Digest.Algorithm, maxName))
	}
	return nil
}

func (l Layer) limit() int64 {
	if l.Type == PolicyType {
		return MaxPolicy
	}
	return maxData
}

// validName reports whether a name is a path below a folder, which says nothing but
// itself when it is shown.
func validName(name string) bool {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(`\:@#?%`, r) }
	return fs.ValidPath(name) && name != "." && len(name) <= maxName && plain.Line(name, maxName) == name && !strings.ContainsFunc(name, odd)
}
