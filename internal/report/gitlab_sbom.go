package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
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
// everything else as it is: what may be megabytes of packages is not even read.
func withProperties(document []byte, added []property) ([]byte, error) {
	at, err := findMetadata(document)
	if err != nil {
		return nil, err
	}
	metadata, properties, err := readMetadata(at.raw)
	if err != nil {
		return nil, err
	}
	properties = slices.DeleteFunc(properties, isOurs)
	for _, p := range added {
		encoded, err := json.Marshal(p)
		if err != nil {
			return nil, err
		}
		properties = append(properties, encoded)
	}
	if metadata["properties"], err = json.Marshal(properties); err != nil {
		return nil, err
	}
	encoded, err := compact(fileGitLabSBOM, metadata)
	if err != nil {
		return nil, err
	}
	before, after := document[:at.start], document[at.end:]
	if at.raw != nil {
		return slices.Concat(before, bytes.TrimSpace(encoded), after), nil
	}
	separator := []byte(",")
	if bytes.HasPrefix(bytes.TrimSpace(after), []byte("}")) {
		separator = nil
	}
	return slices.Concat(before, []byte(`"metadata":`), bytes.TrimSpace(encoded), separator, after), nil
}

// readMetadata reads metadata and the properties in them. None, and null, have none.
func readMetadata(raw json.RawMessage) (metadata map[string]json.RawMessage, properties []json.RawMessage, err error) {
	if raw != nil {
		err = json.Unmarshal(raw, &metadata)
	}
	if metadata == nil {
		metadata = map[string]json.RawMessage{}
	}
	if list, ok := metadata["properties"]; ok && err == nil {
		err = json.Unmarshal(list, &properties)
	}
	return metadata, properties, err
}

// place is where in a document something is, or, where raw is nil, would be.
type place struct {
	raw        json.RawMessage
	start, end int64
}

// findMetadata finds the metadata of a CycloneDX document, or the place before its
// first field.
func findMetadata(document []byte) (place, error) {
	decoder := json.NewDecoder(bytes.NewReader(document))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return place{}, cmp.Or(err, errors.New("it is no object"))
	}
	first := place{start: decoder.InputOffset(), end: decoder.InputOffset()}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return place{}, err
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return place{}, err
		}
		if end := decoder.InputOffset(); key == "metadata" {
			return place{raw: raw, start: end - int64(len(raw)), end: end}, nil
		}
	}
	return first, nil
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
