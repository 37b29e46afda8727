package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// statementType begins the media types of layers that hold in-toto statements.
const statementType = "application/vnd.in-toto"

// isImage reports whether a runtime could run what a manifest names. That of a config
// with the media type of one is an image. Any other type says nothing: Docker runs
// application/octet-stream, application/json, text/html and none at all, for registries
// that lost the type, and containerd looks at no type, but at the platform that the config
// or the index says, and at its list of layers. So whatever has an architecture or layers
// is an image, and what has neither no runtime can choose or unpack.
func (m manifested) isImage() (bool, error) {
	config := m.manifest.Config
	switch {
	case config.MediaType.IsConfig():
		return true, nil
	case config.Digest == v1.Hash{}, config.Digest == emptyObject():
		return false, nil
	}
	content, err := m.content.RawConfigFile()
	if err != nil {
		return false, fmt.Errorf("its config cannot be read: %w", malformed(err))
	}
	var form struct { // fields match as they do for runtimes: in whatever case
		Architecture json.RawMessage `json:"architecture"`
		RootFS       json.RawMessage `json:"rootfs"`
	}
	if err := json.Unmarshal(content, &form); err != nil {
		return false, nil //nolint:nilerr // no runtime can read it either
	}
	var rootFS struct {
		DiffIDs []json.RawMessage `json:"diff_ids"`
	}
	_ = json.Unmarshal(form.RootFS, &rootFS) // of another form: it lists no layers
	return !blank(form.Architecture) || len(rootFS.DiffIDs) > 0, nil
}

// blank reports whether a field is absent, null or an empty text.
func blank(value json.RawMessage) bool {
	return len(value) == 0 || slices.ContainsFunc([]string{"null", `""`}, func(b string) bool { return bytes.Equal(value, []byte(b)) })
}

// emptyObject returns the digest of {}, the config of artifacts that need none.
func emptyObject() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}
}

// holdsStatements reports whether all layers of a manifest are in-toto statements, of
// which nothing can be run.
func holdsStatements(m manifested) bool {
	return m.manifest != nil && !slices.ContainsFunc(m.manifest.Layers, func(l v1.Descriptor) bool {
		return !strings.HasPrefix(string(l.MediaType), statementType)
	})
}
