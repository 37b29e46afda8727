package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/anchore/syft/syft/format/cyclonedxjson"
	"github.com/anchore/syft/syft/format/spdxjson"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Decode reads an SBOM of an image that was attested, so that it can be scanned
// again without the image. One in CycloneDX by this program has all that a scan
// reads; what other programs and SPDX do not keep is not there, such as the symbols
// of Go programs, and a scan of it counts more.
func Decode(subject attest.Subject, format Format, document []byte) (SBOM, error) {
	b, err := decode(subject, format, document)
	if err != nil {
		return SBOM{}, fmt.Errorf("reading the %s SBOM of %s: %w", format, subject, err)
	}
	return b, nil
}

func decode(subject attest.Subject, format Format, document []byte) (SBOM, error) {
	b := SBOM{created: time.Unix(0, 0).UTC(), subject: subject}
	var err error
	switch format {
	case CycloneDX:
		b.content, _, _, err = cyclonedxjson.NewFormatDecoder().Decode(bytes.NewReader(document))
	case SPDX:
		b.content, _, _, err = spdxjson.NewFormatDecoder().Decode(bytes.NewReader(document))
	default:
		err = fmt.Errorf("no format %q", format)
	}
	if err == nil && b.content == nil {
		err = errors.New("it holds no SBOM")
	}
	if err != nil || format != CycloneDX {
		return b, err
	}
	properties, err := propertiesOf(document)
	if err != nil {
		return b, err
	}
	b.seal.Digest = properties[sealProperty]
	text, ok := properties[supplementProperty]
	if !ok {
		return b, nil
	}
	s, err := decodeSupplement(text)
	if err != nil {
		return b, fmt.Errorf("its supplement: %w", err)
	}
	return b, s.apply(b.content)
}

// Attested reads SBOMs of an image that this program attested, in several formats,
// to take the place of a new one: each is written as it was. The first of them is
// read; it has to be CycloneDX, which says all of it.
func Attested(subject attest.Subject, documents map[Format][]byte) (SBOM, error) {
	b, err := Decode(subject, CycloneDX, documents[CycloneDX])
	if err != nil {
		return SBOM{}, err
	}
	b.original = documents
	return b, nil
}
