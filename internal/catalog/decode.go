package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/anchore/syft/syft/format/cyclonedxjson"
	"github.com/anchore/syft/syft/format/spdxjson"
	"github.com/anchore/syft/syft/sbom"

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
	var digest string
	var s *supplement
	var ownErr error
	var own sync.WaitGroup // which takes as long as the rest
	own.Go(func() { digest, s, ownErr = readOwn(format, document) })
	content, err := readSyft(format, document)
	own.Wait()
	if err == nil {
		err = ownErr
	}
	if err == nil && s != nil {
		err = s.apply(content)
	}
	unread, unreadErr := unreadIn(format, document)
	if err == nil {
		err = unreadErr
	}
	b := newSBOM(subject, content, time.Unix(0, 0).UTC()).Sealed(Seal{Digest: digest})
	b.unread = unread
	return b, err
}

// readSyft reads what syft reads of a document.
func readSyft(format Format, document []byte) (content *sbom.SBOM, err error) {
	switch format {
	case CycloneDX:
		content, _, _, err = cyclonedxjson.NewFormatDecoder().Decode(bytes.NewReader(document))
	case SPDX:
		content, _, _, err = spdxjson.NewFormatDecoder().Decode(bytes.NewReader(document))
	default:
		err = fmt.Errorf("no format %q", format)
	}
	if err == nil && content == nil {
		err = errors.New("it holds no SBOM")
	}
	return content, err
}

// readOwn reads what this program adds to a document: the digest of the seal, and the
// supplement, which other programs' documents have not.
func readOwn(format Format, document []byte) (seal string, s *supplement, err error) {
	if format != CycloneDX {
		return "", nil, nil
	}
	properties, err := propertiesOf(document)
	if err != nil {
		return "", nil, err
	}
	text, ok := properties[supplementProperty]
	if !ok {
		return properties[sealProperty], nil, nil
	}
	decoded, err := decodeSupplement(text)
	if err != nil {
		return "", nil, fmt.Errorf("its supplement: %w", err)
	}
	return properties[sealProperty], &decoded, nil
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
