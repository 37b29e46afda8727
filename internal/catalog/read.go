package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/anchore/syft/syft/format/syftjson"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// MaxBrought bounds an SBOM that somebody else made, in bytes.
const MaxBrought = 64 << 20

// Read takes an SBOM that somebody else made of an image, in CycloneDX, SPDX or
// syft's own JSON, in place of one from its layers: nobody has compared it with
// them. In its own format it is written as it is, so that it says who made it. Which
// image it says it is of, nobody has looked at either.
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
