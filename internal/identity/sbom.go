package identity

import (
	"encoding/json"
	"slices"
	"strings"
)

type property struct {
	Name  string
	Value texts
}

// cycloneDX reads what syft, trivy, cdxgen and others write into the metadata of CycloneDX.
func cycloneDX(document []byte) Claims {
	var d struct {
		Metadata struct {
			Component struct {
				Type, Name, PURL string
				Ref              string `json:"bom-ref"`
				Version          texts
				Hashes           []struct{ Alg, Content string }
				Properties       []property
			}
			Properties []property
		}
	}
	_ = json.Unmarshal(document, &d) // what reads the SBOM itself says what is wrong with it
	var c Claims
	component := d.Metadata.Component
	c.references("metadata.component.version", component.Version)
	c.references("metadata.component.name", texts{component.Name})
	c.packageURL(Reference, "metadata.component.purl", component.PURL)
	c.packageURL(Reference, "metadata.component.bom-ref", component.Ref)
	for _, hash := range component.Hashes {
		if component.Type == "container" && strings.EqualFold(hash.Alg, "SHA-256") {
			c.references("metadata.component.hashes", texts{hash.Content})
		}
	}
	for _, p := range slices.Concat(component.Properties, d.Metadata.Properties) {
		switch strings.ToLower(p.Name) {
		case "aquasecurity:trivy:imageid", "oci:image:id":
			c.digests(Config, p.Name, p.Value)
		case "aquasecurity:trivy:repodigest", "oci:image:repodigest":
			c.digests(Reference, p.Name, p.Value)
		case "aquasecurity:trivy:diffid":
			c.digests(Layer, p.Name, p.Value)
		}
	}
	return c
}

type spdxPackage struct {
	ID          string `json:"SPDXID"`
	Name        string
	VersionInfo texts
	Purpose     string `json:"primaryPackagePurpose"`
	Checksums   []struct {
		Algorithm string
		Value     string `json:"checksumValue"`
	}
	External    []struct{ ReferenceLocator string } `json:"externalRefs"`
	Annotations []struct{ Comment string }
	Texts       []string `json:"attributionTexts"`
}

type spdxDocument struct {
	Name              string
	DocumentDescribes []string
	Packages          []spdxPackage
	Relationships     []struct{ SPDXElementID, RelationshipType, RelatedSPDXElement string }
}

// spdx reads what syft, trivy and others write into SPDX 2: the image is the package that the document describes.
func spdx(document []byte) Claims {
	var d spdxDocument
	_ = json.Unmarshal(document, &d)
	var c Claims
	c.references("name", texts{d.Name})
	described := d.described()
	for _, p := range d.Packages {
		if slices.Contains(described, p.ID) {
			c.spdxPackage(p)
		}
	}
	return c
}

// described returns the elements that the document says it describes, in each of the ways in which it can.
func (d spdxDocument) described() []string {
	const whole = "SPDXRef-DOCUMENT"
	ids := slices.Clone(d.DocumentDescribes)
	for _, r := range d.Relationships {
		switch {
		case r.RelationshipType == "DESCRIBES" && r.SPDXElementID == whole:
			ids = append(ids, r.RelatedSPDXElement)
		case r.RelationshipType == "DESCRIBED_BY" && r.RelatedSPDXElement == whole:
			ids = append(ids, r.SPDXElementID)
		}
	}
	return ids
}

func (c *Claims) spdxPackage(p spdxPackage) {
	c.references("versionInfo", p.VersionInfo)
	c.references("name", texts{p.Name})
	// syft names the manifest in both; trivy's package URL has what was asked for, and its annotations say more
	kind := Manifest
	if len(p.Annotations)+len(p.Texts) > 0 {
		kind = Reference
	}
	isImage := p.Purpose == "CONTAINER"
	for _, e := range p.External {
		c.packageURL(kind, "externalRefs", e.ReferenceLocator)
		isImage = isImage || strings.HasPrefix(e.ReferenceLocator, "pkg:oci/")
	}
	for _, sum := range p.Checksums {
		if isImage && strings.EqualFold(sum.Algorithm, "SHA256") {
			c.digests(kind, "checksums", texts{sum.Value})
		}
	}
	said := p.Texts
	for _, a := range p.Annotations {
		said = append(said, a.Comment)
	}
	for _, text := range said {
		name, value, _ := strings.Cut(text, ": ")
		switch name {
		case "ImageID":
			c.digests(Config, name, texts{value})
		case "RepoDigest":
			c.digests(Reference, name, texts{value})
		case "DiffID":
			c.digests(Layer, name, texts{value})
		}
	}
}
