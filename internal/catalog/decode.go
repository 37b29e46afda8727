package catalog

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/format/cyclonedxjson"
	"github.com/anchore/syft/syft/format/spdxjson"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// ownerProperty names, in CycloneDX, the package of the distribution that owns a
// package's files, by its URL. The format has no relation for it, and without it a
// scan of the document would find the same software twice.
const ownerProperty = "hallmark:ownedBy"

// Decode reads an SBOM of an image that was attested, so that it can be scanned
// again without the image. What no format keeps is not there: the symbols of Go
// programs, by which a scan of the image can tell which functions are in them.
func Decode(subject attest.Subject, format Format, document []byte) (SBOM, error) {
	var content *sbom.SBOM
	var err error
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
	if err == nil && format == CycloneDX {
		err = addOwners(content, document)
	}
	if err != nil {
		return SBOM{}, fmt.Errorf("reading the %s SBOM of %s: %w", format, subject, err)
	}
	return SBOM{content: content, created: time.Unix(0, 0).UTC(), subject: subject}, nil
}

// nameOwners writes to each component which package owns its files.
func nameOwners(bom *cyclonedx.BOM, content *sbom.SBOM) {
	owners := map[string]string{}
	for _, r := range content.Relationships {
		owner, isPackage := r.From.(pkg.Package)
		owned, isPackageToo := r.To.(pkg.Package)
		if r.Type == artifact.OwnershipByFileOverlapRelationship && isPackage && isPackageToo && owner.PURL != "" && owned.PURL != "" {
			owners[owned.PURL] = min(cmp.Or(owners[owned.PURL], owner.PURL), owner.PURL) // they come in no order
		}
	}
	if bom.Components == nil {
		return
	}
	for i := range *bom.Components {
		c := &(*bom.Components)[i]
		owner, ok := owners[c.PackageURL]
		if !ok {
			continue
		}
		var properties []cyclonedx.Property
		if c.Properties != nil {
			properties = *c.Properties
		}
		properties = append(properties, cyclonedx.Property{Name: ownerProperty, Value: owner})
		c.Properties = &properties
	}
}

// addOwners gives packages the relation back that nameOwners wrote.
func addOwners(content *sbom.SBOM, document []byte) error {
	var form struct {
		Components []struct {
			PURL       string               `json:"purl"`
			Properties []cyclonedx.Property `json:"properties"`
		} `json:"components"`
	}
	if err := json.Unmarshal(document, &form); err != nil {
		return err
	}
	byPURL := map[string][]pkg.Package{}
	for p := range content.Artifacts.Packages.Enumerate() {
		byPURL[p.PURL] = append(byPURL[p.PURL], p)
	}
	seen := map[[2]string]bool{}
	for _, c := range form.Components {
		for _, property := range c.Properties {
			pair := [2]string{property.Value, c.PURL}
			if property.Name != ownerProperty || seen[pair] {
				continue
			}
			seen[pair] = true
			relate(content, byPURL[property.Value], byPURL[c.PURL])
		}
	}
	return nil
}

func relate(content *sbom.SBOM, owners, owned []pkg.Package) {
	for _, from := range owners {
		for _, to := range owned {
			content.Relationships = append(content.Relationships, artifact.Relationship{
				From: from, To: to, Type: artifact.OwnershipByFileOverlapRelationship,
			})
		}
	}
}
