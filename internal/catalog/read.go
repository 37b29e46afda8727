package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anchore/syft/syft/format/cyclonedxjson"
	"github.com/anchore/syft/syft/format/spdxjson"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/sbom"
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
	content = bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\ufeff")))
	format, decoder, err := identify(content)
	if err != nil {
		return SBOM{}, err
	}
	decoded, _, _, err := decoder.Decode(bytes.NewReader(content))
	if err != nil {
		return SBOM{}, fmt.Errorf("it cannot be read: %s", plain.Line(err.Error(), 300))
	}
	if other := another(decoded.Source, subject); other != "" {
		return SBOM{}, fmt.Errorf("it is about %s, and the image is sha256:%s", other, subject.Hex())
	}
	b := SBOM{content: decoded, created: time.Unix(0, 0).UTC(), subject: subject}
	if format != "" {
		b.original = map[Format][]byte{format: content}
	}
	return b, nil
}

// FormatOf returns the format of an SBOM that somebody else made; empty: that of
// syft, which is not attested as it is.
func FormatOf(content []byte) (Format, error) {
	format, _, err := identify(bytes.TrimSpace(bytes.TrimPrefix(content, []byte("\ufeff"))))
	return format, err
}

func identify(content []byte) (Format, sbom.FormatDecoder, error) {
	var form struct {
		BOMFormat   string          `json:"bomFormat"`
		SPDXVersion string          `json:"spdxVersion"`
		Artifacts   json.RawMessage `json:"artifacts"`
		Descriptor  json.RawMessage `json:"descriptor"`
	}
	if len(content) > MaxBrought {
		return "", nil, fmt.Errorf("it has %d bytes, the limit is %d (64 MiB)", len(content), MaxBrought)
	}
	if err := json.Unmarshal(content, &form); err != nil {
		return "", nil, errors.New("it is no JSON object")
	}
	switch {
	case form.BOMFormat == "CycloneDX":
		return CycloneDX, cyclonedxjson.NewFormatDecoder(), nil
	case strings.HasPrefix(form.SPDXVersion, "SPDX-2."):
		return SPDX, spdxjson.NewFormatDecoder(), nil
	case form.Artifacts != nil && form.Descriptor != nil:
		return "", syftjson.NewFormatDecoder(), nil
	}
	return "", nil, errors.New("it is neither CycloneDX, nor SPDX 2, nor syft's JSON")
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
