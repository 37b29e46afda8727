package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/source"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// MaxBrought bounds an SBOM that somebody else made, in bytes.
const MaxBrought = 64 << 20

// Read takes an SBOM that somebody else made of an image, in CycloneDX, SPDX or
// syft's own JSON, in place of one from its layers: nobody has compared it with
// them. In its own format it is written as it is, so that it says who made it. One
// that names another image is refused.
func Read(subject attest.Subject, content []byte) (SBOM, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	format, err := FormatOf(content)
	if err != nil {
		return SBOM{}, err
	}
	b, err := decodeBrought(subject, format, content)
	if err != nil {
		return SBOM{}, errors.New(plain.Line(err.Error(), 300))
	}
	if other := another(b.content.Source, subject); other != "" {
		return SBOM{}, fmt.Errorf("it is about %s, and the image is sha256:%s", other, subject.Hex())
	}
	if format != "" {
		b.original = map[Format][]byte{format: content}
	}
	return b, nil
}

// FormatOf returns the format of an SBOM that somebody else made; empty: that of
// syft, which is not attested as it is.
func FormatOf(content []byte) (Format, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	var form struct {
		BOMFormat   string          `json:"bomFormat"`
		SPDXVersion string          `json:"spdxVersion"`
		Artifacts   json.RawMessage `json:"artifacts"`
		Descriptor  json.RawMessage `json:"descriptor"`
	}
	if len(content) > MaxBrought {
		return "", fmt.Errorf("it has %d bytes, the limit is %d (64 MiB)", len(content), MaxBrought)
	}
	if err := json.Unmarshal(content, &form); err != nil {
		return "", errors.New("it is no JSON object")
	}
	switch {
	case form.BOMFormat == "CycloneDX":
		return CycloneDX, nil
	case strings.HasPrefix(form.SPDXVersion, "SPDX-2."):
		return SPDX, nil
	case form.Artifacts != nil && form.Descriptor != nil:
		return "", nil
	}
	return "", errors.New("it is neither CycloneDX, nor SPDX 2, nor syft's JSON")
}

func decodeBrought(subject attest.Subject, format Format, content []byte) (SBOM, error) {
	if format != "" {
		return Decode(subject, format, content)
	}
	decoded, _, _, err := syftjson.NewFormatDecoder().Decode(bytes.NewReader(content))
	if err == nil && decoded == nil {
		err = errors.New("it holds no SBOM")
	}
	return newSBOM(subject, decoded, time.Unix(0, 0).UTC()), err
}

// another returns the digest of the image that an SBOM says it is about, if that is
// not the subject. One that names no digest may be about any.
func another(of source.Description, subject attest.Subject) string {
	named := []string{of.Version}
	if m, ok := of.Metadata.(source.ImageMetadata); ok {
		named = append(named, m.ManifestDigest)
		for _, reference := range m.RepoDigests {
			_, digest, _ := strings.Cut(reference, "@")
			named = append(named, digest)
		}
	}
	named = slices.DeleteFunc(named, func(d string) bool { return !strings.HasPrefix(d, "sha256:") })
	if len(named) == 0 || slices.Contains(named, "sha256:"+subject.Hex()) {
		return ""
	}
	return plain.Line(named[0], 100)
}
