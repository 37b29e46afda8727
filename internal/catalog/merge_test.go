package catalog_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	spdxjson "github.com/spdx/tools-golang/json"

	"github.com/hallmark-ci/hallmark/internal/catalog"
)

func TestMergeRefusesWhatIsNoSBOM(t *testing.T) {
	for _, format := range []catalog.Format{catalog.CycloneDX, catalog.SPDX} {
		for _, document := range []string{``, `[]`, `{"components":[{"name":"nameless"}],"packages":[{"name":"nameless","SPDXID":1}]}`} {
			_, err := catalog.Merge(format, subject(t), []catalog.Part{{Subject: subject(t), Platform: "linux/amd64", Document: []byte(document)}})
			if format == catalog.SPDX && document != `` && document != `[]` {
				continue // a package without a name of its own is no element there
			}
			if err == nil {
				t.Errorf("%s: %q was merged", format, document)
			}
		}
	}
}

const (
	cycloneDXPart = `{"$schema":"http://cyclonedx.org/schema/bom-1.6.schema.json","bomFormat":"CycloneDX","specVersion":"1.6","version":1,
		"metadata":{"timestamp":"2026-01-01T00:00:00Z"},"components":[
		{"bom-ref":"a","type":"library","name":"a","version":"1"},{"bom-ref":"b","type":"library","name":"b","version":"%s"}]}`
	spdxPart = `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","creationInfo":{"creators":["Tool: syft"],"created":"2026-01-01T00:00:00Z"},
		"packages":[{"SPDXID":"SPDXRef-root","name":"image","primaryPackagePurpose":"CONTAINER"},{"SPDXID":"SPDXRef-a","name":"a","versionInfo":"1"},{"SPDXID":"SPDXRef-b","name":"b","versionInfo":"%s"}],
		"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-root","relationshipType":"DESCRIBES"}]}`
)

// What both platforms have is there once; what has one name and differs is there
// twice, under two names; and each platform says what is its own.
func TestMergeCycloneDX(t *testing.T) {
	document := merged(t, catalog.CycloneDX, cycloneDXPart)
	var bom cyclonedx.BOM
	must(t, cyclonedx.NewBOMDecoder(bytes.NewReader(document), cyclonedx.BOMFileFormatJSON).Decode(&bom))
	refs := map[string]bool{}
	for _, c := range *bom.Components {
		if refs[c.BOMRef] {
			t.Errorf("%s is there twice", c.BOMRef)
		}
		refs[c.BOMRef] = true
	}
	if len(refs) != 5 || !refs["a"] || !refs["b"] || !refs["b-linux-arm64"] {
		t.Errorf("components %v", refs)
	}
	root := (*bom.Dependencies)[0]
	if root.Ref != bom.Metadata.Component.BOMRef || len(*root.Dependencies) != 2 {
		t.Errorf("the index depends on %+v", root)
	}
	arm := (*bom.Dependencies)[2]
	if got := *arm.Dependencies; len(got) != 2 || got[0] != "a" || got[1] != "b-linux-arm64" {
		t.Errorf("the second platform has %v", got)
	}
}

func TestMergeSPDX(t *testing.T) {
	document := merged(t, catalog.SPDX, spdxPart)
	doc, err := spdxjson.Read(bytes.NewReader(document))
	must(t, err)
	names := map[string]int{}
	for _, p := range doc.Packages {
		names[p.PackageName]++
	}
	if names["a"] != 1 || names["b"] != 2 || names["image"] != 0 || len(doc.Packages) != 6 {
		t.Errorf("packages %v", names)
	}
	contains := map[string]int{}
	for _, r := range doc.Relationships {
		contains[r.Relationship+" of "+string(r.RefA.ElementRefID)]++
	}
	want := map[string]int{
		"DESCRIBES of DOCUMENT": 1, "CONTAINS of Index": 2, "CONTAINS of Image-linux-amd64": 2, "CONTAINS of Image-linux-arm64": 2,
	}
	for relation, n := range want {
		if contains[relation] != n {
			t.Errorf("%d × %s, want %d; all: %v", contains[relation], relation, n, contains)
		}
	}
}

// TestMergeKeepsAPackageThatADocumentDescribes: SBOMs of others can describe one in
// place of the image, and what it is would be lost.
func TestMergeKeepsAPackageThatADocumentDescribes(t *testing.T) {
	described := strings.ReplaceAll(spdxPart, `"relatedSpdxElement":"SPDXRef-root"`, `"relatedSpdxElement":"SPDXRef-b"`)
	doc, err := spdxjson.Read(bytes.NewReader(merged(t, catalog.SPDX, described)))
	must(t, err)
	versions := map[string]bool{}
	for _, p := range doc.Packages {
		versions[p.PackageName+" "+p.PackageVersion] = true
	}
	if !versions["b 1"] || !versions["b 2"] {
		t.Errorf("it has %v", versions)
	}
}

// merged merges two parts that differ in one version, twice, to the same bytes.
func merged(t *testing.T, format catalog.Format, part string) []byte {
	t.Helper()
	parts := []catalog.Part{
		{Subject: subject(t), Platform: "linux/amd64", Document: bytes.ReplaceAll([]byte(part), []byte("%s"), []byte("1"))},
		{Subject: subjectOf(t, strings.Repeat("fedcba9876543210", 4)), Platform: "linux/arm64", Document: bytes.ReplaceAll([]byte(part), []byte("%s"), []byte("2"))},
	}
	first, err := catalog.Merge(format, subjectOf(t, strings.Repeat("aa", 32)), parts)
	must(t, err)
	second, err := catalog.Merge(format, subjectOf(t, strings.Repeat("aa", 32)), parts)
	must(t, err)
	if !bytes.Equal(first, second) {
		t.Error("the same parts gave other bytes")
	}
	if !json.Valid(first) {
		t.Errorf("it is not JSON: %s", first)
	}
	return first
}
