package report_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/report"
)

// FuzzReports: whatever others name things, each report stays what it is.
func FuzzReports(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s[:min(len(s), 1000)])
	}
	f.Add(scripts)
	f.Add("::add-mask::x\n##[error]y]]>\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			return // a predicate needs a type
		}
		r := spoiled(t, s)
		r.SBOMs[0].Content = []byte(sbom)
		for name, render := range map[string]func(pipeline.Result) ([]byte, error){
			"results.sarif": report.SARIF, "verdict.json": report.Verdict, "gl-sbom.cdx.json": report.GitLabSBOM,
			"gl-container-scanning-report.json": report.GitLabScan, "gl-code-quality-report.json": report.GitLabQuality,
		} {
			document, err := render(r)
			must(t, err)
			if !json.Valid(document) {
				t.Errorf("%s is no JSON: %.300q", name, document)
			}
		}
		document, err := report.JUnit(r)
		must(t, err)
		harmless(t, document)
		for decoder := xml.NewDecoder(strings.NewReader(string(document))); err == nil; {
			_, err = decoder.Token()
		}
		if err != io.EOF { //nolint:errorlint // as the decoder returns it
			t.Errorf("junit.xml: %v", err)
		}
		page, err := report.HTML(r)
		must(t, err)
		if n := strings.Count(string(page), "<script"); n != 1 {
			t.Errorf("report.html has %d scripts", n)
		}
		harmless(t, page)
		harmless(t, report.Summary(r))
	})
}
