package report_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/report"
)

// cycloneDXSchema is the published schema of CycloneDX 1.6, as cyclonedx-go has it.
func cycloneDXSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	file := func(name string) string {
		return moduleFile(t, "github.com/CycloneDX/cyclonedx-go", "schema/"+name)
	}
	return schema(t, file("bom-1.6.schema.json"), map[string]string{
		"http://cyclonedx.org/schema/spdx.schema.json":     file("spdx.schema.json"),
		"http://cyclonedx.org/schema/jsf-0.82.schema.json": file("jsf-0.82.schemax.json"),
	})
}

const sbom = `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"timestamp":"2026-11-22T12:00:00Z",` +
	`"properties":[{"name":"own","value":"<kept>"}]},"components":[{"type":"library","name":"a"}]}`

func TestGitLabSBOM(t *testing.T) {
	r := denied(t)
	r.SBOMs[0].Content = []byte(sbom)
	document, err := report.GitLabSBOM(r)
	must(t, err)
	golden(t, "gl-sbom.cdx.json", document)
	conforms(t, cycloneDXSchema(t), document)
	if string(r.SBOMs[0].Content) != sbom {
		t.Error("the attested SBOM was changed")
	}
}

// What GitLab does not ask for is left as it was, to the byte, wherever the metadata
// stand.
func TestTheRestOfAnSBOMForGitLabIsAsItWas(t *testing.T) {
	for name, test := range map[string]struct{ before, metadata, after string }{
		"first":   {`{`, `"metadata":{}`, `, "components": [ {"name":"<a>"} ]}` + "\n"},
		"last":    {`{ "components":[{"metadata":{}}], `, `"metadata" : {}`, ` }`},
		"nowhere": {`{`, ``, `"components":[]}`},
		"alone":   {`{`, ``, ` }`},
		"null":    {`{`, `"metadata":null`, `,"components":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := denied(t)
			r.SBOMs[0].Content = []byte(test.before + test.metadata + test.after)
			document, err := report.GitLabSBOM(r)
			must(t, err)
			if !json.Valid(document) || !strings.HasPrefix(string(document), test.before) || !strings.HasSuffix(string(document), test.after) {
				t.Errorf("%s", document)
			}
			if strings.Count(string(document), "gitlab:meta:schema_version") != 1 {
				t.Errorf("the property is not there once: %s", document)
			}
		})
	}
}

func TestWithoutCycloneDXThereIsNoSBOMForGitLab(t *testing.T) {
	r := denied(t)
	r.SBOMs = r.SBOMs[1:]
	if document, err := report.GitLabSBOM(r); err != nil || document != nil {
		t.Errorf("%s, %v", document, err)
	}
	r = denied(t)
	for _, damaged := range []string{`{"metadata":[]}`, `{"metadata":{"properties":{}}}`, `{"components":[}`, `[]`, `{"a"`, ``} {
		r.SBOMs[0].Content = []byte(damaged)
		if _, err := report.GitLabSBOM(r); err == nil || !strings.Contains(err.Error(), "making gl-sbom.cdx.json of the SBOM: ") {
			t.Errorf("%s: error %v", damaged, err)
		}
	}
}

func TestGitLabScan(t *testing.T) {
	asked := schema(t, "testdata/schema/gitlab-container-scanning.json", nil)
	document, err := report.GitLabScan(denied(t))
	must(t, err)
	golden(t, "gl-container-scanning-report.json", document)
	conforms(t, asked, document)
	if strings.Contains(string(document), "CVE-2026-0006") {
		t.Error("a waived finding is reported")
	}
	for _, reference := range []string{"localhost:5000/app:v1", "localhost:5000/app", "app@sha256:00"} {
		document, err := report.GitLabScan(pipeline.Result{Subject: subject(t), Reference: reference, Scan: &finding.Scan{Findings: findings()}})
		must(t, err)
		conforms(t, asked, document)
	}
}

// An empty report would close what an earlier one opened.
func TestWithoutAScanThereIsNoScanForGitLab(t *testing.T) {
	r := denied(t)
	r.Scan = nil
	if document, err := report.GitLabScan(r); err != nil || document != nil {
		t.Errorf("%s, %v", document, err)
	}
}

func TestGitLabQuality(t *testing.T) {
	asked := schema(t, "testdata/schema/gitlab-code-quality.json", nil)
	document, err := report.GitLabQuality(denied(t))
	must(t, err)
	golden(t, "gl-code-quality-report.json", document)
	conforms(t, asked, document)

	for _, r := range []pipeline.Result{passed(t), {Reference: "registry.example/absent", Failure: errors.New("no such image")}} {
		document, err := report.GitLabQuality(r)
		must(t, err)
		conforms(t, asked, document)
		if failed := r.Failure != nil; failed != strings.Contains(string(document), "no such image") {
			t.Errorf("%s", document)
		}
	}
}

// GitLab takes entries of the same fingerprint for one.
func TestEntriesOfTheCodeQualityReportAreDistinct(t *testing.T) {
	r := denied(t)
	for range 1200 {
		r.Scan.Findings = append(r.Scan.Findings, finding.Finding{ID: "CVE-1", Package: finding.Package{Name: "p"}})
	}
	document, err := report.GitLabQuality(r)
	must(t, err)
	var entries []struct{ Fingerprint, Description string }
	must(t, json.Unmarshal(document, &entries))
	var prints []string
	for _, e := range entries {
		prints = append(prints, e.Fingerprint)
	}
	slices.Sort(prints)
	if n := len(slices.Compact(prints)); n != 1001 || len(entries) != n {
		t.Errorf("%d entries, %d distinct", len(entries), n)
	}
	if last := entries[1000].Description; !strings.Contains(last, "more, the least severe, are in scan.json") {
		t.Errorf("the last says %q", last)
	}
}

func TestHostileNamesStayInTheirStringForGitLab(t *testing.T) {
	scanned := schema(t, "testdata/schema/gitlab-container-scanning.json", nil)
	quality := schema(t, "testdata/schema/gitlab-code-quality.json", nil)
	cycloneDX := cycloneDXSchema(t)
	for name, s := range hostile() {
		t.Run(name, func(t *testing.T) {
			r := spoiled(t, s)
			r.SBOMs[0].Content = []byte(sbom)
			for _, format := range []struct {
				render func(pipeline.Result) ([]byte, error)
				schema *jsonschema.Schema
			}{{report.GitLabScan, scanned}, {report.GitLabQuality, quality}, {report.GitLabSBOM, cycloneDX}} {
				document, err := format.render(r)
				must(t, err)
				conforms(t, format.schema, document)
				harmless(t, document)
			}
			document, err := report.GitLabScan(r)
			must(t, err)
			var got struct {
				Vulnerabilities []struct{ Name, Description, Solution string }
			}
			must(t, json.Unmarshal(document, &got))
			if v := got.Vulnerabilities[0]; strings.ContainsAny(v.Name+v.Description+v.Solution, "<>|`[]*") {
				t.Errorf("GitLab renders Markdown: %.300v", v)
			}
		})
	}
}
