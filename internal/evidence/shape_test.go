package evidence_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/evidence"
)

// What is brought under a known type must be that, and the error names the path to
// what is wrong.
func TestAPredicateThatIsNotWhatItsTypePromises(t *testing.T) {
	const vex = `"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/1","author":"a","timestamp":"2026-01-01T00:00:00Z","version":1`
	for says, c := range map[string][2]string{
		"buildDefinition.buildType: ": {"slsaprovenance1", `{"buildDefinition": {
			"buildType": 7}}`},
		"buildDefinition.resolvedDependencies[1].uri: ":               {"slsaprovenance1", `{"buildDefinition":{"resolvedDependencies":[{"uri":"a"},{"digest":{"sha256":"ö"},"uri":[]}]}}`},
		"buildDefinition.buildType is missing":                        {"slsaprovenance1", `{}`},
		"runDetails.builder.id is missing":                            {"slsaprovenance1", `{"buildDefinition":{"buildType":"x","externalParameters":{}},"runDetails":{}}`},
		"builder.id is missing":                                       {"slsaprovenance", `{"buildType":"x"}`},
		`verificationResult is "passed": it must be PASSED or FAILED`: {"vsa", `{"verifier":{"id":"x"},"timeVerified":"2026-01-01T00:00:00Z","resourceUri":"x","policy":{"uri":"x"},"verificationResult":"passed","verifiedLevels":["x"]}`},
		"timeVerified: invalid google.protobuf.Timestamp":             {"vsa", `{"timeVerified":"yesterday"}`},
		`result is "OK": it must be PASSED or WARNED or FAILED`:       {"test-result", `{"result":"OK"}`},
		"failedTests: ":                                                {"test-result", `{"result":"FAILED","failedTests":"all"}`},
		"metadata.scanFinishedOn is missing":                           {"vulns", `{"scanner":{"uri":"x"},"metadata":{"scanStartedOn":"2026-01-01T00:00:00Z"}}`},
		"scanner.result[0].severity[0].score: ":                        {"vulns", `{"scanner":{"result":[{"severity":[{"score":9.8}]}]}}`},
		"attributes is missing":                                        {"scai", `{"attributes":[]}`},
		"The attribute field is required":                              {"scai", `{"attributes":[{"conditions":{}}]}`},
		`purl is "pkg:npm/@angular/http": it must be a package URL wi`: {"release", `{"purl":"pkg:npm/@angular/http"}`},
		"name is missing":                                              {"link", `{"command":[]}`},
		"command: ":                                                    {"link", `{"command":"make"}`},
		`bomFormat is "": it must be CycloneDX`:                        {"cyclonedx", `{"specVersion":"1.6"}`},
		"spdxVersion is missing":                                       {"spdx", `{"SPDXID":"SPDXRef-DOCUMENT"}`},
		"@context is missing":                                          {"openvex", `{"statements":[]}`},
		"statements[0]: ":                                              {"openvex", `{` + vex + `,"statements":[{"vulnerability":{"name":"CVE-1"},"status":"harmless"}]}`},
		"scanner.result is missing":                                    {"vuln", `{"scanner":{"uri":"x"}}`},
		`version is "2": it must be 2.1.0`:                             {"sarif", `{"version":"2","runs":[]}`},
		"runs is missing, or no list":                                  {"sarif", `{"version":"2.1.0"}`},
		"runs.results: it must not be of type ob":                      {"sarif", `{"version":"2.1.0","runs":[{"results":{}}]}`},
		"request.author is missing":                                    {"approval", `{"commit":"c","approvals":[]}`},
		"approvals is missing, or no list":                             {"approval", `{"request":{"author":"ada"},"commit":"c"}`},
		"approvals.by: it must not be of type number":                  {"approval", `{"request":{"author":"ada"},"commit":"c","approvals":[{"by":7}]}`},
		"expressions is missing, or no list":                           {"licences", `{"packages":1}`},
		"images is missing":                                            {"image", `{"images":[]}`},
		"images.found: it must not be of type string":                  {"secrets", `{"scanner":{"uri":"x"},"images":[{"found":"none"}]}`},
	} {
		path := filepath.Join(t.TempDir(), "p.json")
		must(t, os.WriteFile(path, []byte(c[1]), 0o600))
		_, err := evidence.File(c[0]+"="+path, noon())
		refused(t, err, "reading the predicate "+path+": it is no predicate of type ", says)
	}
}

// What a type does not know is its author's own.
func TestAPredicateThatIsWhatItsTypePromises(t *testing.T) {
	for word, content := range map[string]string{
		"slsaprovenance1": `{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{"a":1},"mine":1},"runDetails":{"builder":{"id":"https://example.com/x"}}}`,
		"slsaprovenance":  `{"builder":{"id":"x"},"buildType":"x","invocation":{"parameters":{}}}`,
		"vsa":             `{"verifier":{"id":"x"},"timeVerified":"2026-01-01T00:00:00Z","resourceUri":"x","policy":{"uri":"x"},"verificationResult":"PASSED","verifiedLevels":["x"],"hallmark":{}}`,
		"test-result":     `{"result":"PASSED","configuration":[]}`,
		"vulns":           `{"scanner":{"uri":"x","result":[]},"metadata":{"scanStartedOn":"2026-01-01T00:00:00Z","scanFinishedOn":"2026-01-01T00:00:00Z"}}`,
		"scai":            `{"attributes":[{"attribute":"VALID_ENCLAVE"}]}`,
		"release":         `{"purl":"pkg:npm/@angular/http@7.2.16"}`,
		"link":            `{"name":"build","command":["make"]}`,
		"cyclonedx":       `{"bomFormat":"CycloneDX","specVersion":"1.6"}`,
		"spdx":            `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"x","creationInfo":{}}`,
		"openvex":         `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/1","author":"a","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[{"vulnerability":{"name":"CVE-1"},"products":[{"@id":"pkg:oci/x"}],"status":"fixed"}]}`,
		"vuln":            `{"scanner":{"uri":"x","result":{}},"metadata":{"scanFinishedOn":"2026-01-01T00:00:00Z"}}`,
		"sarif":           `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"mine":1}]}`,
		"approval":        `{"request":{"author":"ada"},"commit":"c","approvals":[],"mine":1}`,
		"licences":        `{"packages":0,"expressions":[],"unknown":[]}`,
		"image":           `{"images":[{"digest":"sha256:ab"}]}`,
		"secrets":         `{"scanner":{"uri":"x"},"images":[{"found":0}]}`,
	} {
		path := filepath.Join(t.TempDir(), "p.json")
		must(t, os.WriteFile(path, []byte(content), 0o600))
		if p, err := evidence.File(word+"="+path, noon()); err != nil || string(p.Body) != content {
			t.Errorf("%s: %v", word, err)
		}
	}
}

// Whatever the document, an error is one line of text, and nothing panics.
func FuzzShape(f *testing.F) {
	f.Add("slsaprovenance1", `{"buildDefinition":{"buildType":7}}`)
	f.Add("vulns", `{"scanner":{"result":[{"severity":[{"score":9.8}]}]}}`)
	f.Add("openvex", `{"@context":"https://openvex.dev/ns","statements":[{}]}`)
	f.Fuzz(func(t *testing.T, word, content string) {
		path := filepath.Join(t.TempDir(), "p.json")
		must(t, os.WriteFile(path, []byte(content), 0o600))
		if strings.Contains(word, "=") {
			return
		}
		if _, err := evidence.File(word+"="+path, noon()); err != nil && strings.ContainsAny(err.Error(), "\x1b\u202e") && !strings.ContainsAny(word, "\x1b\u202e") {
			t.Errorf("the error is not plain: %q", err)
		}
	})
}
