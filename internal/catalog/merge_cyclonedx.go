package catalog

import (
	"encoding/json"
	"fmt"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// cycloneDXDocument is as much of CycloneDX 1.6 as the merging touches
// (https://cyclonedx.org/docs/1.6/json/).
type cycloneDXDocument struct {
	Schema       string                `json:"$schema,omitempty"`
	BOMFormat    string                `json:"bomFormat"`
	SpecVersion  string                `json:"specVersion"`
	SerialNumber string                `json:"serialNumber"`
	Version      int                   `json:"version"`
	Metadata     cycloneDXMetadata     `json:"metadata"`
	Components   []object              `json:"components"`
	Dependencies []cycloneDXDependency `json:"dependencies,omitempty"`
}

type cycloneDXMetadata struct {
	Timestamp string          `json:"timestamp,omitempty"`
	Tools     json.RawMessage `json:"tools,omitempty"`
	Component json.RawMessage `json:"component,omitempty"`

	Properties []cycloneDXProperty `json:"properties,omitempty"`
}

type cycloneDXDependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

type cycloneDXImage struct {
	BOMRef     string              `json:"bom-ref"`
	Type       string              `json:"type"`
	Name       string              `json:"name"`
	Version    string              `json:"version"`
	Hashes     []cycloneDXHash     `json:"hashes"`
	PURL       string              `json:"purl"`
	Properties []cycloneDXProperty `json:"properties,omitempty"`
}

type cycloneDXHash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type cycloneDXProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func cycloneDXImageOf(s attest.Subject, platform string) cycloneDXImage {
	image := cycloneDXImage{
		BOMRef: imagePURL(s), Type: "container", Name: s.Repository(), Version: "sha256:" + s.Hex(),
		Hashes: []cycloneDXHash{{"SHA-256", s.Hex()}}, PURL: imagePURL(s),
	}
	if platform != "" {
		image.Properties = []cycloneDXProperty{{"hallmark:platform", platform}}
	}
	return image
}

// mergeCycloneDX writes the index as the document's subject, which depends on its
// images, each of which depends on what is in it.
func mergeCycloneDX(index attest.Subject, parts []Part) (cycloneDXDocument, error) {
	top := cycloneDXImageOf(index, "")
	subject, err := json.Marshal(top)
	if err != nil {
		return cycloneDXDocument{}, err
	}
	merged := cycloneDXDocument{SerialNumber: derived(index, parts).URN(), Version: 1}
	all := newUnion("bom-ref")
	root := cycloneDXDependency{Ref: top.BOMRef}
	var images []cycloneDXDependency
	for _, p := range parts {
		var part cycloneDXDocument
		if err := json.Unmarshal(p.Document, &part); err != nil { // whose own properties stay behind
			return cycloneDXDocument{}, fmt.Errorf("that of %s: %w", p.Platform, err)
		}
		merged.Schema, merged.BOMFormat, merged.SpecVersion = part.Schema, part.BOMFormat, part.SpecVersion
		merged.Metadata.Tools = part.Metadata.Tools
		merged.Metadata.Timestamp = max(merged.Metadata.Timestamp, part.Metadata.Timestamp)
		image, err := asObject(cycloneDXImageOf(p.Subject, p.Platform))
		if err != nil {
			return cycloneDXDocument{}, err
		}
		ref, err := all.add(image, platformSuffix(p.Platform))
		if err != nil {
			return cycloneDXDocument{}, err
		}
		root.DependsOn = append(root.DependsOn, ref)
		held := cycloneDXDependency{Ref: ref}
		for _, component := range part.Components {
			name, err := all.add(component, platformSuffix(p.Platform))
			if err != nil {
				return cycloneDXDocument{}, fmt.Errorf("that of %s: %w", p.Platform, err)
			}
			held.DependsOn = append(held.DependsOn, name)
		}
		images = append(images, held)
	}
	if merged.Metadata.Properties, err = ownProperties(parts); err != nil {
		return cycloneDXDocument{}, err
	}
	merged.Metadata.Component = subject
	merged.Components = all.elements
	merged.Dependencies = append([]cycloneDXDependency{root}, images...)
	return merged, nil
}

// ownProperties are what this program says of the SBOM of an index: how it came to be,
// and what was not read of any of its images.
func ownProperties(parts []Part) ([]cycloneDXProperty, error) {
	origin, err := originOfParts(CycloneDX, parts).Encode()
	if err != nil {
		return nil, err
	}
	properties := []cycloneDXProperty{{originProperty, origin}}
	unread, err := unreadOfParts(CycloneDX, parts)
	if err == nil && unread != "" {
		properties = append(properties, cycloneDXProperty{unreadProperty, unread})
	}
	return properties, err
}

func asObject(value any) (object, error) {
	encoded, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	var out object
	return out, json.Unmarshal(encoded, &out)
}
