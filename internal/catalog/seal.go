package catalog

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"
	spdxcommon "github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// Seal says who made an SBOM and what it says, so that a later run can tell
// whether it would make the same one: of what is read back from a document, the
// maker works out the digest again. Its zero value is none.
type Seal struct {
	Maker  string // the version of this program
	Digest string // of all that is read of the SBOM; empty: the document does not say all of it
}

// Sealed returns the SBOM with a seal, which every format of it carries.
func (b SBOM) Sealed(s Seal) SBOM {
	b.seal = s
	return b
}

// Seal returns the seal of an SBOM that was read back, or that was given one.
func (b SBOM) Seal() Seal { return b.seal }

// addMaker names this program beside syft.
func (b SBOM) addMaker(bom *cyclonedx.BOM) {
	if b.seal.Maker == "" || bom.Metadata.Tools == nil {
		return
	}
	var tools []cyclonedx.Component
	if bom.Metadata.Tools.Components != nil {
		tools = *bom.Metadata.Tools.Components // syft is the first: its reader takes that for the maker
	}
	tools = append(tools, cyclonedx.Component{Type: cyclonedx.ComponentTypeApplication, Name: "hallmark", Version: b.seal.Maker})
	bom.Metadata.Tools.Components = &tools
}

// sealPrefix begins the creator's comment of an SPDX document.
const sealPrefix = sealProperty + "="

func (b SBOM) sealSPDX(info *spdx.CreationInfo) {
	if b.seal.Maker != "" {
		info.Creators = append(info.Creators, spdxcommon.Creator{CreatorType: "Tool", Creator: "hallmark-" + b.seal.Maker})
	}
	if b.seal.Digest != "" {
		info.CreatorComment = sealPrefix + b.seal.Digest
	}
}

// SealDigest returns that of the seal which a document carries; empty: it carries
// none.
func SealDigest(format Format, document []byte) (string, error) {
	if format == SPDX {
		var info struct {
			Comment string `json:"comment"`
		}
		err := readField(document, "creationInfo", &info)
		digest, sealed := strings.CutPrefix(info.Comment, sealPrefix)
		if err != nil || !sealed {
			return "", err
		}
		return digest, nil
	}
	properties, err := propertiesOf(document)
	return properties[sealProperty], err
}

// propertiesOf returns the properties of a CycloneDX document's metadata.
func propertiesOf(document []byte) (map[string]string, error) {
	var metadata struct {
		Properties []cyclonedx.Property `json:"properties"`
	}
	if err := readField(document, "metadata", &metadata); err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, p := range metadata.Properties {
		found[p.Name] = p.Value
	}
	return found, nil
}

// readField reads one field of a JSON object, and nothing behind it: in what we
// write, those that matter come before the packages.
func readField(document []byte, name string, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(document))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		if key == name {
			return decoder.Decode(into)
		}
		if err := decoder.Decode(new(json.RawMessage)); err != nil {
			return err
		}
	}
	return nil
}
