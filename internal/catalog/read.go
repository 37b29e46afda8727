package catalog

import (
	"bytes"
	"errors"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// MaxBrought bounds an SBOM that somebody else made, in bytes.
const MaxBrought = 64 << 20

// Read takes an SBOM that somebody else made of an image, in CycloneDX, SPDX or
// syft's own JSON, in place of one from its layers: nobody has compared it with
// them. In its own format it is written as it is, with its origin added, so that it
// says who made it. One that claims to be this program's is refused. Which image it
// says it is of, nobody has looked at.
func Read(subject attest.Subject, content []byte) (SBOM, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	f, err := formOf(content)
	if err != nil {
		return SBOM{}, err
	}
	if err := f.checkClaims(content); err != nil {
		return SBOM{}, err
	}
	decoded, listed, err := readForeign(f.format, content)
	if err != nil {
		return SBOM{}, errors.New(plain.Line(err.Error(), 300))
	}
	b := newSBOM(subject, decoded, time.Unix(0, 0).UTC())
	b.foreign, b.complete, b.listing, b.origin = true, f.format == "", listed, b.broughtBy()
	if f.kept {
		b.original = map[Format][]byte{f.format: content}
	}
	return b, nil
}
