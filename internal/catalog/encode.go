package catalog

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/syft/syft/format/common/cyclonedxhelpers"
	"github.com/anchore/syft/syft/format/common/spdxhelpers"
	"github.com/google/uuid"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Format is a format that an SBOM can be written in.
type Format string

// The formats, by the names that the input sbom takes.
const (
	CycloneDX Format = "cyclonedx" // CycloneDX 1.6 JSON
	SPDX      Format = "spdx"      // SPDX 2.3 JSON
)

// PredicateType returns the URI of the predicate type that an SBOM in this
// format is attested under.
func (f Format) PredicateType() string {
	if f == SPDX {
		return attest.TypeSPDX
	}
	return attest.TypeCycloneDX
}

// Encode returns the SBOM in a format, as compact JSON. One that was attested earlier is
// returned as it is, and so is one that was brought in that format, but for its origin,
// which is added.
func (b SBOM) Encode(format Format) ([]byte, error) {
	document, ok := b.original[format]
	if ok && b.attested {
		return document, nil
	}
	if ok {
		document, err := withOrigin(format, document, b.origin)
		if err != nil {
			return nil, fmt.Errorf("adding its origin to the SBOM of %s: %w", b.subject, err)
		}
		return document, nil
	}
	switch {
	case format == CycloneDX:
		return b.cycloneDX()
	case format == SPDX && b.unlisted:
		return nil, fmt.Errorf("encoding the SBOM of %s as SPDX: it was not made for that, and lacks the files", b.subject)
	case format == SPDX:
		return b.spdx()
	}
	return nil, fmt.Errorf("encoding the SBOM of %s: no format %q", b.subject, format)
}

// cycloneDX writes version 1.6: the newest that GitLab's validators take.
func (b SBOM) cycloneDX() ([]byte, error) {
	bom := cyclonedxhelpers.ToFormatModel(*b.content)
	if err := b.addProperties(bom); err != nil {
		return nil, fmt.Errorf("encoding the SBOM of %s as CycloneDX: %w", b.subject, err)
	}
	if err := b.addUnread(bom); err != nil {
		return nil, fmt.Errorf("encoding the SBOM of %s as CycloneDX: %w", b.subject, err)
	}
	b.addMaker(bom)
	bom.SerialNumber = b.id().URN()
	bom.Metadata.Timestamp = b.created.Format(time.RFC3339)

	var out bytes.Buffer
	encoder := cyclonedx.NewBOMEncoder(&out, cyclonedx.BOMFileFormatJSON)
	encoder.SetEscapeHTML(false)
	if err := encoder.EncodeVersion(bom, cyclonedx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("encoding the SBOM of %s as CycloneDX: %w", b.subject, err)
	}
	return out.Bytes(), nil
}

func (b SBOM) spdx() ([]byte, error) {
	doc := spdxhelpers.ToFormatModel(*b.content)
	if doc == nil || doc.CreationInfo == nil {
		return nil, fmt.Errorf("encoding the SBOM of %s as SPDX: it has no SPDX form", b.subject)
	}
	doc.DocumentNamespace = "https://hallmark-ci.github.io/spdx/" + b.id().String()
	doc.CreationInfo.Created = b.created.Format(time.RFC3339)
	if err := b.sealSPDX(doc.CreationInfo); err != nil {
		return nil, fmt.Errorf("encoding the SBOM of %s as SPDX: %w", b.subject, err)
	}
	if err := b.annotateUnread(doc); err != nil {
		return nil, fmt.Errorf("encoding the SBOM of %s as SPDX: %w", b.subject, err)
	}

	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(doc); err != nil {
		return nil, fmt.Errorf("encoding the SBOM of %s as SPDX: %w", b.subject, err)
	}
	return out.Bytes(), nil
}

// id returns a UUID of version 8 (RFC 9562) over what the SBOM is a function
// of: the image and the version of syft.
func (b SBOM) id() uuid.UUID {
	return uuidOf([]byte("hallmark sbom\n" + b.subject.String() + "\n" + b.content.Descriptor.Version))
}

// uuidOf returns the UUID of version 8 that stands for a content.
func uuidOf(content []byte) uuid.UUID {
	sum := sha256.Sum256(content)
	var id uuid.UUID
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
