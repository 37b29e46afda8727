package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// form is how an SBOM of somebody else is written.
type form struct {
	format Format // empty: syft's own JSON
	kept   bool   // it is attested as it is; else it is written anew
}

// FormatOf returns the format that an SBOM of somebody else is attested in as it is.
// Empty: it is written anew, in the formats that are asked for, as that of syft.
func FormatOf(content []byte) (Format, error) {
	f, err := formOf(bytes.TrimPrefix(content, []byte("\ufeff")))
	if err != nil || !f.kept {
		return "", err
	}
	return f.format, nil
}

// head is what tells documents apart.
type head struct {
	BOMFormat   string          `json:"bomFormat"`
	SpecVersion string          `json:"specVersion"`
	SPDXVersion string          `json:"spdxVersion"`
	Artifacts   json.RawMessage `json:"artifacts"`
	Descriptor  json.RawMessage `json:"descriptor"`
	Context     json.RawMessage `json:"@context"`
	Graph       json.RawMessage `json:"@graph"`
	SBOM        json.RawMessage `json:"sbom"`
	Predicate   json.RawMessage `json:"predicate"`
}

// formOf tells what a document is, and refuses those that nobody here reads.
func formOf(content []byte) (form, error) {
	if len(content) > MaxBrought {
		return form{}, fmt.Errorf("it has %d bytes, the limit is %d (64 MiB)", len(content), MaxBrought)
	}
	var d head
	if err := json.Unmarshal(content, &d); err != nil {
		return form{}, notJSON(content)
	}
	switch {
	case d.BOMFormat == "CycloneDX":
		return cycloneDXForm(d.SpecVersion)
	case d.SPDXVersion == "SPDX-2.2" || d.SPDXVersion == "SPDX-2.3":
		return form{format: SPDX, kept: true}, nil
	case d.Artifacts != nil && d.Descriptor != nil:
		return form{}, nil
	}
	return form{}, d.refused()
}

// refused says what a document is instead of one that is read.
func (d head) refused() error {
	switch {
	case d.SPDXVersion != "":
		return notRead("it is " + plain.Line(d.SPDXVersion, 40))
	case d.Graph != nil && d.Context != nil:
		return notRead("it is SPDX 3")
	case d.SBOM != nil:
		return notRead("the document is inside of its field sbom, as GitHub's API answers")
	case d.Predicate != nil:
		return notRead("it is a statement with the document in its field predicate")
	}
	return errors.New("it is neither CycloneDX, nor SPDX 2, nor syft's JSON")
}

// cycloneDXForm tells by the version of CycloneDX. Version 1.2 has no place for the
// origin, and is written anew.
func cycloneDXForm(version string) (form, error) {
	switch version {
	case "1.2":
		return form{format: CycloneDX}, nil
	case "1.3", "1.4", "1.5", "1.6", "1.7":
		return form{format: CycloneDX, kept: true}, nil
	}
	return form{}, notRead(fmt.Sprintf("it is CycloneDX of version %q", plain.Line(version, 40)))
}

func notJSON(content []byte) error {
	text := bytes.TrimSpace(content)
	switch {
	case bytes.HasPrefix(text, []byte("<")):
		return notRead("it is XML")
	case bytes.HasPrefix(text, []byte("SPDXVersion:")):
		return notRead("it is SPDX as tag-value")
	}
	return errors.New("it is no JSON object")
}

func notRead(what string) error {
	err := errors.New(what + ", which is not read")
	return fault.WithHint(err, "give the JSON of CycloneDX 1.2 to 1.7, of SPDX 2.2 or 2.3, or of syft")
}

// checkClaims refuses a document that claims to be this program's.
func (f form) checkClaims(content []byte) error {
	if f.format == "" { // which has objects with free keys, as the labels of an image
		return attest.CheckForeignMaps(content)
	}
	return attest.CheckForeign(content)
}
