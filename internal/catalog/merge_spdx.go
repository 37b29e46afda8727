package catalog

import (
	"encoding/json"
	"fmt"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// spdxDocument is as much of SPDX 2.3 as the merging touches
// (https://spdx.github.io/spdx-spec/v2.3/).
type spdxDocument struct {
	SPDXVersion   string             `json:"spdxVersion"`
	DataLicense   string             `json:"dataLicense"`
	SPDXID        string             `json:"SPDXID"`
	Name          string             `json:"name"`
	Namespace     string             `json:"documentNamespace"`
	CreationInfo  spdxCreation       `json:"creationInfo"`
	Packages      []object           `json:"packages"`
	Licences      []object           `json:"hasExtractedLicensingInfos,omitempty"`
	Relationships []spdxRelationship `json:"relationships"`
	Annotations   []spdxAnnotation   `json:"annotations,omitempty"`
}

type spdxAnnotation struct {
	Annotator string `json:"annotator"`
	Date      string `json:"annotationDate"`
	Type      string `json:"annotationType"`
	Comment   string `json:"comment"`
}

type spdxCreation struct {
	LicenseListVersion string   `json:"licenseListVersion,omitempty"`
	Creators           []string `json:"creators"`
	Created            string   `json:"created"`
	Comment            string   `json:"comment,omitempty"`
}

type spdxRelationship struct {
	Element string `json:"spdxElementId"`
	Related string `json:"relatedSpdxElement"`
	Type    string `json:"relationshipType"`
}

type spdxImage struct {
	Name             string         `json:"name"`
	SPDXID           string         `json:"SPDXID"`
	Version          string         `json:"versionInfo"`
	Supplier         string         `json:"supplier"`
	DownloadLocation string         `json:"downloadLocation"`
	FilesAnalyzed    bool           `json:"filesAnalyzed"`
	Checksums        []spdxChecksum `json:"checksums"`
	Comment          string         `json:"comment,omitempty"`
	References       []spdxRef      `json:"externalRefs"`
	Purpose          string         `json:"primaryPackagePurpose"`
}

type spdxChecksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type spdxRef struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

func spdxImageOf(s attest.Subject, id, platform string) spdxImage {
	image := spdxImage{
		Name: s.Repository(), SPDXID: id, Version: "sha256:" + s.Hex(),
		Supplier: "NOASSERTION", DownloadLocation: "NOASSERTION",
		Checksums:  []spdxChecksum{{"SHA256", s.Hex()}},
		References: []spdxRef{{"PACKAGE-MANAGER", "purl", imagePURL(s)}},
		Purpose:    "CONTAINER",
	}
	if platform != "" {
		image.Comment = "platform " + platform
	}
	return image
}

const spdxIndexID = "SPDXRef-Index"

// mergeSPDX writes the index as what the document describes; it contains its
// images, each of which contains what is in it.
func mergeSPDX(index attest.Subject, parts []Part) (spdxDocument, error) {
	merged := spdxDocument{
		Name:          index.String(),
		Namespace:     "https://hallmark-ci.github.io/spdx/" + derived(index, parts).String(),
		Relationships: []spdxRelationship{{"SPDXRef-DOCUMENT", spdxIndexID, "DESCRIBES"}},
	}
	packages, licences := newUnion("SPDXID"), newUnion("licenseId")
	top, err := asObject(spdxImageOf(index, spdxIndexID, ""))
	if err != nil {
		return spdxDocument{}, err
	}
	if _, err := packages.add(top, ""); err != nil {
		return spdxDocument{}, err
	}
	for _, p := range parts {
		if err := merged.take(p, packages, licences); err != nil {
			return spdxDocument{}, fmt.Errorf("that of %s: %w", p.Platform, err)
		}
	}
	origin, err := originOfParts(SPDX, parts).Encode()
	if err != nil {
		return spdxDocument{}, err
	}
	merged.CreationInfo.Comment = originProperty + "=" + origin
	merged.Packages, merged.Licences = packages.elements, licences.elements
	unread, err := unreadOfParts(SPDX, parts)
	if err == nil && unread != "" {
		merged.Annotations = append(merged.Annotations, spdxAnnotation{
			Annotator: "Tool: hallmark", Date: merged.CreationInfo.Created, Type: "OTHER", Comment: unreadProperty + "=" + unread,
		})
	}
	return merged, err
}

// take adds a part: its image in place of the root that syft made of it.
func (d *spdxDocument) take(p Part, packages, licences *union) error {
	var part spdxDocument
	if err := json.Unmarshal(p.Document, &part); err != nil {
		return err
	}
	d.SPDXVersion, d.DataLicense, d.SPDXID = part.SPDXVersion, part.DataLicense, part.SPDXID
	created := max(d.CreationInfo.Created, part.CreationInfo.Created)
	d.CreationInfo = part.CreationInfo
	d.CreationInfo.Created = created

	roots := part.described()
	id := "SPDXRef-Image" + platformSuffix(p.Platform)
	image, err := asObject(spdxImageOf(p.Subject, id, p.Platform))
	if err != nil {
		return err
	}
	if id, err = packages.add(image, "-"+p.Subject.Hex()[:12]); err != nil {
		return err
	}
	d.Relationships = append(d.Relationships, spdxRelationship{spdxIndexID, id, "CONTAINS"})
	for _, licence := range part.Licences {
		if _, err := licences.add(licence, platformSuffix(p.Platform)); err != nil {
			return err
		}
	}
	for _, element := range part.Packages {
		var own string
		if err := json.Unmarshal(element["SPDXID"], &own); err != nil || roots[own] && standsForImage(element) {
			continue
		}
		name, err := packages.add(element, platformSuffix(p.Platform))
		if err != nil {
			return err
		}
		d.Relationships = append(d.Relationships, spdxRelationship{id, name, "CONTAINS"})
	}
	return nil
}

// described returns the names of what the document is about.
func (d *spdxDocument) described() map[string]bool {
	roots := map[string]bool{}
	for _, r := range d.Relationships {
		if r.Type == "DESCRIBES" {
			roots[r.Related] = true
		}
	}
	return roots
}

// standsForImage reports whether what a document describes is the image itself, or
// the folder that it was unpacked to. An SBOM of others can describe a package.
func standsForImage(element object) bool {
	var purpose string
	if err := json.Unmarshal(element["primaryPackagePurpose"], &purpose); err != nil {
		return false
	}
	return purpose == "CONTAINER" || purpose == "FILE"
}
