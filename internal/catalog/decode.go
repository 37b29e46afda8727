package catalog

import (
	"bytes"
	"cmp"
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
	said, err := saidIn(format, document)
	if err != nil {
		return SBOM{}, err
	}
	if format != CycloneDX || said.origin().Kind != attest.Made {
		return decodeForeign(subject, format, document, said)
	}
	var s *supplement
	var ownErr error
	var own sync.WaitGroup // which takes as long as the rest
	own.Go(func() { s, ownErr = said.supplement() })
	content, err := readSyft(format, document)
	own.Wait()
	if err = cmp.Or(err, ownErr); err == nil && s != nil {
		err = s.apply(content)
	}
	if err != nil {
		return SBOM{}, err
	}
	b := said.about(newSBOM(subject, content, time.Unix(0, 0).UTC()))
	b.unread, err = unreadIn(format, document)
	return b, err
}

// decodeForeign reads a document that does not hold all that a scan reads: another
// program made it, or it is in a format that has no place for that.
func decodeForeign(subject attest.Subject, format Format, document []byte, said sayings) (SBOM, error) {
	content, listed, err := readForeign(format, document)
	if err != nil {
		return SBOM{}, err
	}
	s, err := said.supplement()
	if err == nil && s != nil {
		err = s.apply(content)
	}
	if err != nil {
		return SBOM{}, err
	}
	b := said.about(newSBOM(subject, content, time.Unix(0, 0).UTC()))
	b.foreign, b.listing = true, listed
	b.unread, err = unreadIn(format, document)
	return b, err
}

// readSyft reads what syft reads of a document.
func readSyft(format Format, document []byte) (content *sbom.SBOM, err error) {
	defer recoverTo(&err)
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

// about returns an SBOM with the seal and the origin that its document carries.
func (s sayings) about(b SBOM) SBOM {
	return b.Sealed(Seal{Digest: s[sealProperty]}).WithOrigin(s.origin())
}

// supplement reads that of a document; nil: it has none, as those of other programs.
func (s sayings) supplement() (*supplement, error) {
	text, ok := s[supplementProperty]
	if !ok {
		return nil, nil //nolint:nilnil // none is an answer
	}
	decoded, err := decodeSupplement(text)
	if err != nil {
		return nil, fmt.Errorf("its supplement: %w", err)
	}
	return &decoded, nil
}

// Attested reads SBOMs of an image that this program attested, in several formats,
// to take the place of a new one: each is written as it was. The first of them is
// read; it has to be CycloneDX, which says all of it.
func Attested(subject attest.Subject, documents map[Format][]byte) (SBOM, error) {
	b, err := Decode(subject, CycloneDX, documents[CycloneDX])
	if err != nil {
		return SBOM{}, err
	}
	b.original, b.attested = documents, true
	return b, nil
}
