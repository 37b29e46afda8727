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

// sealSPDX writes who made the document, how, and its seal into its creation
// information: the last two as lines of the comment.
func (b SBOM) sealSPDX(info *spdx.CreationInfo) error {
	if b.seal.Maker != "" {
		info.Creators = append(info.Creators, spdxcommon.Creator{CreatorType: "Tool", Creator: "hallmark-" + b.seal.Maker})
	}
	var lines []string
	if b.origin.Kind != "" {
		text, err := b.origin.Encode()
		if err != nil {
			return err
		}
		lines = append(lines, originProperty+"="+text)
	}
	if b.seal.Digest != "" {
		lines = append(lines, sealProperty+"="+b.seal.Digest)
	}
	info.CreatorComment = strings.Join(lines, "\n")
	return nil
}

// SealDigest returns that of the seal which a document carries; empty: it carries
// none.
func SealDigest(format Format, document []byte) (string, error) {
	said, err := saidIn(format, document)
	return said[sealProperty], err
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
