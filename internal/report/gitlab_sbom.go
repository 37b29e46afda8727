package report

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// GitLabSBOM returns gl-sbom.cdx.json: the CycloneDX SBOM as it was attested, with
// the properties by which GitLab knows what it is of, and without ours, which are
// long and which it does not read (https://docs.gitlab.com/development/sec/cyclonedx_property_taxonomy/). Nil where
// no such SBOM was made.
func GitLabSBOM(r pipeline.Result) ([]byte, error) {
	i := slices.IndexFunc(r.SBOMs, func(d pipeline.Document) bool { return d.Format == catalog.CycloneDX })
	if i < 0 {
		return nil, nil
	}
	r.Platforms, r.Packages, r.Scan = nil, nil, nil // not looked at
	out, err := withProperties(r.SBOMs[i].Content, gitLabProperties(cleaned(r)))
	if err != nil {
		return nil, fmt.Errorf("making %s of the SBOM: %w", fileGitLabSBOM, err)
	}
	return out, nil
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func gitLabProperties(r pipeline.Result) []property {
	out := []property{
		{"gitlab:meta:schema_version", "1"},
		{"gitlab:container_scanning:image:name", repository(r)},
		{"gitlab:container_scanning:image:tag", tagOrDigest(r)},
	}
	if name, version, ok := strings.Cut(r.System, " "); ok {
		out = append(out, property{"gitlab:container_scanning:operating_system:name", name},
			property{"gitlab:container_scanning:operating_system:version", version})
	}
	return out
}

// withProperties adds properties to the metadata of a CycloneDX document, and leaves
// everything else as it is.
func withProperties(document []byte, added []property) ([]byte, error) {
	var bom, metadata map[string]json.RawMessage
	if err := json.Unmarshal(document, &bom); err != nil {
		return nil, err
	}
	if raw, ok := bom["metadata"]; ok {
		if err := json.Unmarshal(raw, &metadata); err != nil {
			return nil, err
		}
	} else {
		metadata = map[string]json.RawMessage{}
	}
	var properties []json.RawMessage
	if raw, ok := metadata["properties"]; ok {
		if err := json.Unmarshal(raw, &properties); err != nil {
			return nil, err
		}
	}
	properties = slices.DeleteFunc(properties, isOurs)
	for _, p := range added {
		encoded, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		properties = append(properties, encoded)
	}
	var err error
	if metadata["properties"], err = json.Marshal(properties); err != nil {
		return nil, err
	}
	if bom["metadata"], err = json.Marshal(metadata); err != nil {
		return nil, err
	}
	return compact(fileGitLabSBOM, bom)
}

func isOurs(raw json.RawMessage) bool {
	var p property
	return json.Unmarshal(raw, &p) == nil && strings.HasPrefix(p.Name, "hallmark:")
}

// tagOrDigest returns the tag that was asked for, or the digest.
func tagOrDigest(r pipeline.Result) string {
	named := requested(r)
	named, _, _ = strings.Cut(named, "@")
	if i := strings.LastIndex(named, ":"); i > strings.LastIndex(named, "/") {
		return named[i+1:]
	}
	return r.Subject.Digest().DigestStr()
}
