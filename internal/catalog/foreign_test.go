package catalog_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

const (
	cycloneDX = `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[%s]}`
	spdxForm  = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","dataLicense":"CC0-1.0","documentNamespace":"https://example.com/x",
		"creationInfo":{"created":"2026-11-20T08:00:00Z","creators":["Tool: x"]},"packages":[%s]}`
	syftForm = `{"artifacts":[%s],"source":{"id":"a","name":"x","type":"directory","metadata":{"path":"/"}},"descriptor":{"name":"syft","version":"1"},
		"schema":{"version":"16.1.0","url":"https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.1.0.json"}}`
)

func TestReadSaysWhatItDoesNotRead(t *testing.T) {
	for name, c := range map[string]struct{ content, says string }{
		"XML":                      {`<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.6"/>`, "it is XML, which is not read"},
		"tag-value":                {"SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n", "it is SPDX as tag-value, which is not read"},
		"SPDX 2.1":                 {`{"spdxVersion":"SPDX-2.1"}`, "it is SPDX-2.1, which is not read"},
		"SPDX 3":                   {`{"@context":"https://spdx.org/rdf/3.0.1/spdx-context.jsonld","@graph":[]}`, "it is SPDX 3, which is not read"},
		"CycloneDX to come":        {`{"bomFormat":"CycloneDX","specVersion":"2.0"}`, `it is CycloneDX of version "2.0", which is not read`},
		"GitHub's answer":          {`{"sbom":{"spdxVersion":"SPDX-2.3"}}`, "the document is inside of its field sbom"},
		"a statement":              {`{"predicateType":"https://cyclonedx.org/bom","predicate":{"bomFormat":"CycloneDX"}}`, "it is a statement"},
		"two lists of components":  {`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[],"Components":[]}`, `has the key "Components" twice`},
		"two lists of packages":    {`{"spdxVersion":"SPDX-2.3","packages":[],"packages":[]}`, `has the key "packages" twice`},
		"two lists of artifacts":   {`{"artifacts":[],"artifacts":[],"descriptor":{}}`, `has the key "artifacts" twice`},
		"a component twice itself": {fmt.Sprintf(cycloneDX, `{"type":"library","name":"a","NAME":"b"}`), `has the key "NAME" twice`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := catalog.Read(subject(t), []byte(c.content))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error with %q", err, c.says)
			}
		})
	}
}

// TestReadRefusesWhatClaimsToBeOurs: who signs such a document would sign the claim.
func TestReadRefusesWhatClaimsToBeOurs(t *testing.T) {
	seal := `"value":"sha256:` + strings.Repeat("0", 64) + `"`
	for name, content := range map[string]string{
		"in the metadata":           `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"properties":[{"name":"hallmark:seal",` + seal + `}]},"components":[]}`,
		"in other letters":          `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"Properties":[{"Name":"Hallmark:Seal",` + seal + `}]},"components":[]}`,
		"escaped":                   `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"properties":[{"name":"\u0068allmark:origin","value":"{}"}]},"components":[]}`,
		"in a component":            fmt.Sprintf(cycloneDX, `{"type":"library","name":"a","properties":[{"name":"hallmark:supplement","value":"x"}]}`),
		"in SPDX's comment":         `{"spdxVersion":"SPDX-2.3","creationInfo":{"comment":"a\nhallmark:origin={\"kind\":\"made\"}"},"packages":[]}`,
		"in an annotation":          `{"spdxVersion":"SPDX-2.3","annotations":[{"comment":" hallmark:seal=x"}],"packages":[]}`,
		"in a package's annotation": fmt.Sprintf(spdxForm, `{"name":"a","SPDXID":"SPDXRef-a","annotations":[{"comment":"hallmark:x"}]}`),
		"as a key":                  `{"bomFormat":"CycloneDX","specVersion":"1.6","hallmark:origin":{"kind":"made"}}`,
		"in syft's own":             strings.Replace(fmt.Sprintf(syftForm, ""), `"name":"x"`, `"name":"hallmark:origin"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := catalog.Read(subject(t), []byte(content))
			if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "is written by hallmark alone") {
				t.Errorf("got %v, want wrong usage", err)
			}
		})
	}
}

// TestEveryComponentIsRead: of two with one identifier, readers drop the second.
func TestEveryComponentIsRead(t *testing.T) {
	purl := `"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/%s@1"}]`
	for name, document := range map[string]string{
		"of one bom-ref":         fmt.Sprintf(cycloneDX, `{"type":"library","bom-ref":"x","name":"a","version":"1","purl":"pkg:npm/a@1"},{"type":"library","bom-ref":"x","name":"b","version":"1","purl":"pkg:npm/b@1"}`),
		"without any":            fmt.Sprintf(cycloneDX, `{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1"},{"type":"library","name":"b","version":"1","purl":"pkg:npm/b@1"}`),
		"inside of each other":   fmt.Sprintf(cycloneDX, `{"type":"library","bom-ref":"x","name":"a","version":"1","purl":"pkg:npm/a@1","components":[{"type":"library","bom-ref":"x","name":"b","version":"1","purl":"pkg:npm/b@1"}]}`),
		"named by bom-ref alone": fmt.Sprintf(cycloneDX, `{"type":"library","bom-ref":"pkg:npm/a@1","name":"a","version":"1"},{"type":"library","bom-ref":"pkg:npm/a@1","name":"b","version":"1","purl":"pkg:npm/b@1"}`),
		"in a container":         fmt.Sprintf(cycloneDX, `{"type":"container","bom-ref":"x","name":"c","components":[{"type":"library","bom-ref":"x","name":"a","version":"1","purl":"pkg:npm/a@1"},{"type":"library","bom-ref":"x","name":"b","version":"1","purl":"pkg:npm/b@1"}]}`),
		"of one SPDXID":          fmt.Sprintf(spdxForm, `{"name":"a","SPDXID":"SPDXRef-x","versionInfo":"1",`+fmt.Sprintf(purl, "a")+`},{"name":"b","SPDXID":"SPDXRef-x","versionInfo":"1",`+fmt.Sprintf(purl, "b")+`}`),
		"a source of another": strings.Replace(fmt.Sprintf(spdxForm, `{"name":"a","SPDXID":"SPDXRef-a","versionInfo":"1",`+fmt.Sprintf(purl, "a")+`},{"name":"b","SPDXID":"SPDXRef-b","versionInfo":"1",`+fmt.Sprintf(purl, "b")+`}`),
			`"packages"`, `"relationships":[{"spdxElementId":"SPDXRef-a","relationshipType":"GENERATED_FROM","relatedSpdxElement":"SPDXRef-b"}],"packages"`, 1),
		"of one id": fmt.Sprintf(syftForm, `{"id":"1","name":"a","version":"1","type":"npm","purl":"pkg:npm/a@1"},{"id":"1","name":"b","version":"1","type":"npm","purl":"pkg:npm/b@1"}`),
	} {
		t.Run(name, func(t *testing.T) {
			bom, err := catalog.Read(subject(t), []byte(document))
			must(t, err)
			if got := bom.Packages(); len(got) != 2 || got[0].Name != "a" || got[1].Name != "b" {
				t.Errorf("packages %+v, want a and b", got)
			}
			if missed := bom.Missed(); len(missed) > 0 {
				t.Errorf("missed %+v", missed)
			}
		})
	}
}

// TestWhatNobodyLooksUpIsAGap: a scan of it found nothing because nobody looked.
func TestWhatNobodyLooksUpIsAGap(t *testing.T) {
	const found = `{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1"}`
	for name, c := range map[string]struct{ document, gap, note string }{
		"nothing at all":              {fmt.Sprintf(cycloneDX, ``), "SBOM: it lists no component that names a package", "nothing could be looked up"},
		"no list":                     {`{"bomFormat":"CycloneDX","specVersion":"1.6"}`, "SBOM: it lists no component", "nothing could be looked up"},
		"none that can be matched":    {fmt.Sprintf(cycloneDX, `{"type":"library","name":"openssl","version":"1.1.1"},{"type":"library","name":"b","version":"2","purl":"pkg:generic/b@2"}`), "SBOM: it lists 2 components, none of which", "the SBOM lists 2 components, none of which the scanner can match"},
		"one without package URL":     {fmt.Sprintf(cycloneDX, found+`,{"type":"library","name":"openssl","version":"1.1.1"}`), "SBOM component openssl 1.1.1: it has neither a package URL nor a CPE", "of 2 components that the SBOM lists, the scanner can match 1, and not: openssl 1.1.1"},
		"one of a type nobody knows":  {fmt.Sprintf(cycloneDX, found+`,{"type":"library","name":"b","version":"2","purl":"pkg:generic/b@2"}`), "SBOM component pkg:generic/b@2: no scanner looks up", "and not: pkg:generic/b@2"},
		"a package said to be a file": {fmt.Sprintf(cycloneDX, found+`,{"type":"file","name":"b","version":"2","purl":"pkg:npm/b@2"}`), "SBOM component pkg:npm/b@2: it is a component of type file", "and not: pkg:npm/b@2"},
		"a package said to be the image": {
			strings.Replace(fmt.Sprintf(spdxForm, `{"name":"a","SPDXID":"SPDXRef-a","versionInfo":"1","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]},
				{"name":"b","SPDXID":"SPDXRef-b","versionInfo":"2","primaryPackagePurpose":"CONTAINER","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/b@2"}]}`),
				`"packages"`, `"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-b"}],"packages"`, 1),
			"SBOM component pkg:npm/b@2: ", "and not: pkg:npm/b@2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			bom, err := catalog.Read(subject(t), []byte(c.document))
			must(t, err)
			missed := bom.Missed()
			if len(missed) != 1 || !strings.HasPrefix(missed[0].What+": "+missed[0].Why, c.gap) {
				t.Errorf("gaps %+v, want %q", missed, c.gap)
			}
			if notes := strings.Join(bom.Notes(), "; "); !strings.Contains(notes, c.note) {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

// TestGroupsAndSubjectsAreNoGaps: what lists packages is none.
func TestGroupsAndSubjectsAreNoGaps(t *testing.T) {
	document := `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"component":{"type":"application","name":"app","version":"1"}},"components":[
		{"type":"operating-system","name":"debian","version":"12"},{"type":"application","name":"app/package-lock.json"},
		{"type":"container","name":"base","version":"1","purl":"pkg:oci/base@sha256%3A0"},{"type":"file","name":"/etc/passwd"},
		{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1"}]}`
	bom, err := catalog.Read(subject(t), []byte(document))
	must(t, err)
	if missed, notes := bom.Missed(), bom.Notes(); len(missed)+len(notes) > 0 || bom.System() != "debian 12" {
		t.Errorf("system %q, gaps %+v, notes %q", bom.System(), missed, notes)
	}
}

func TestGapsAreBounded(t *testing.T) {
	list := `{"type":"library","name":"a","version":"1","purl":"pkg:npm/a@1"}`
	for i := range 100 {
		list += fmt.Sprintf(`,{"type":"library","name":"n%d","version":"1"}`, i)
	}
	bom, err := catalog.Read(subject(t), fmt.Appendf(nil, cycloneDX, list))
	must(t, err)
	missed := bom.Missed()
	if len(missed) != 21 || missed[20].What != "SBOM: 80 more components" || !strings.HasSuffix(bom.Notes()[0], "and 95 more") {
		t.Errorf("%d gaps, the last %+v; notes %q", len(missed), missed[len(missed)-1], bom.Notes())
	}
}

// TestSystemInsideOfAnotherComponentCounts: the packages are of it.
func TestSystemInsideOfAnotherComponentCounts(t *testing.T) {
	bom, err := catalog.Read(subject(t), fmt.Appendf(nil, cycloneDX,
		`{"type":"container","name":"c","components":[{"type":"operating-system","name":"debian","version":"12"},{"type":"operating-system","name":"alpine","version":"3"}]}`))
	must(t, err)
	if bom.System() != "debian 12" || !strings.Contains(strings.Join(bom.Notes(), ""), "several operating systems, of which the first counts where a package names none: debian 12, alpine 3") {
		t.Errorf("system %q, notes %q", bom.System(), bom.Notes())
	}
}

// TestWhatWasBroughtSaysSo: all else in the document is its author's.
func TestWhatWasBroughtSaysSo(t *testing.T) {
	from := attest.Input{Name: "their.json", Digest: "sha256:" + strings.Repeat("1", 64)}
	for name, c := range map[string]struct {
		format   catalog.Format
		document string
	}{
		"with properties":       {catalog.CycloneDX, `{ "bomFormat":"CycloneDX", "specVersion":"1.6", "metadata": { "properties" : [ {"name":"a","value":"<&>"} ] } , "components":[] }`},
		"with none in the list": {catalog.CycloneDX, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"properties":[ ]},"components":[]}`},
		"with null properties":  {catalog.CycloneDX, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{"properties":null},"components":[]}`},
		"with empty metadata":   {catalog.CycloneDX, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":{},"components":[]}`},
		"with null metadata":    {catalog.CycloneDX, `{"bomFormat":"CycloneDX","specVersion":"1.6","metadata":null,"components":[]}`},
		"without metadata":      {catalog.CycloneDX, `{"bomFormat":"CycloneDX","specVersion":"1.3","components":[]}`},
		"SPDX":                  {catalog.SPDX, fmt.Sprintf(spdxForm, "")},
		"SPDX with a comment":   {catalog.SPDX, strings.Replace(fmt.Sprintf(spdxForm, ""), `"created"`, `"comment":"a <b>\u2028","created"`, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			bom, err := catalog.Read(subject(t), []byte(c.document))
			must(t, err)
			document, err := bom.BroughtFrom(from).Encode(c.format)
			must(t, err)
			got := catalog.OriginOf(c.format, document)
			if input, _ := got.Input("their.json"); got.Kind != attest.Brought || input.Digest != from.Digest {
				t.Errorf("origin %+v of %s", got, document)
			}
			if kept := without(t, document); kept != without(t, []byte(c.document)) {
				t.Errorf("it became\n%s", document)
			}
			if _, err := catalog.Read(subject(t), document); fault.KindOf(err) != fault.Usage {
				t.Errorf("brought once more: %v", err)
			}
		})
	}
}

// without returns a document in one form, without its origin and what was empty before.
func without(t *testing.T, document []byte) string {
	t.Helper()
	var d map[string]any
	must(t, json.Unmarshal(document, &d))
	if info, ok := d["creationInfo"].(map[string]any); ok {
		comment, _ := info["comment"].(string)
		comment, _, _ = strings.Cut(comment, "hallmark:")
		info["comment"] = strings.TrimSpace(comment)
	}
	metadata, _ := d["metadata"].(map[string]any)
	properties, _ := metadata["properties"].([]any)
	d["properties"] = slices.DeleteFunc(append([]any{}, properties...), func(p any) bool {
		return strings.HasPrefix(fmt.Sprint(p), "map[name:hallmark:origin")
	})
	delete(d, "metadata")
	out, err := json.Marshal(d)
	must(t, err)
	return string(out)
}

func FuzzReadNeverPanics(f *testing.F) {
	f.Add(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","bom-ref":"x","purl":"pkg:npm/a@1"}]}`)
	f.Add(`{"spdxVersion":"SPDX-2.3","packages":[null,{"SPDXID":"SPDXRef-a"}],"relationships":[null]}`)
	f.Add(`{"artifacts":[{"id":"1"},{"id":"1"}],"descriptor":{}}`)
	f.Add(`{"bomFormat":"CycloneDX","specVersion":"1.4","metadata":{"component":{"type":"operating-system"}}}`)
	f.Fuzz(func(t *testing.T, content string) {
		bom, err := catalog.Read(subject(t), []byte(content))
		if err != nil {
			return
		}
		for _, format := range []catalog.Format{catalog.CycloneDX, catalog.SPDX} {
			document, err := bom.BroughtFrom(attest.Input{Name: "x"}).Encode(format)
			if err == nil && (!json.Valid(document) || catalog.OriginOf(format, document).Kind != attest.Brought) {
				t.Errorf("%q became %q", content, document)
			}
		}
	})
}
