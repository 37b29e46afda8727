package evidence_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

func TestWhatIsNoScan(t *testing.T) {
	for says, content := range map[string]string{
		"it is no JSON object":                `hello`,
		`severity of CVE-1 is "EXTREME"`:      `{"descriptor":{"name":"grype"},"matches":[{"vulnerability":{"id":"CVE-1","severity":"EXTREME"}}]}`,
		`severity of CVE-2 is "?", which is`:  `{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Vulnerabilities":[{"VulnerabilityID":"CVE-2","Severity":"?"}]}]}`,
		"it is none that is known":            `{"bomFormat":"CycloneDX"}`,
		"it is not as grype writes it":        `{"matches":7}`,
		"descriptor.name is missing":          `{"matches":[]}`,
		"it is not as trivy writes it":        `{"SchemaVersion":2,"ArtifactName":"x","Results":7}`,
		"SchemaVersion is 1: it must be 2":    `{"SchemaVersion":1,"ArtifactName":"x"}`,
		"it has 0 runs: a scan is one":        `{"version":"2.1.0","runs":[]}`,
		"runs[0].tool.driver.name is missing": `{"version":"2.1.0","runs":[{}]}`,
		`version is "2.0.0"`:                  `{"version":"2.0.0","runs":[{}]}`,
		"more than 200000 findings":           `{"descriptor":{"name":"grype"},"matches":[{}` + strings.Repeat(",{}", 200_000) + `]}`,
	} {
		_, err := evidence.ReadScan(evidence.Brought{Path: "scan.json", Content: []byte(content)})
		refused(t, err, "reading the scan scan.json: ", says)
	}
}

// The scan says who made it, when and with what, as far as the report does.
func TestScansOfOthers(t *testing.T) {
	sum := "sha256:" + strings.Repeat("ab", 32)
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	grype := `{"matches":[{"vulnerability":{"id":"CVE-1","severity":"High","fix":{"versions":["2"],"state":"fixed"},"epss":[{"epss":0.5,"percentile":0.9}]},
		"relatedVulnerabilities":[{"id":"GHSA-1"}],"artifact":{"name":"zlib\u001b[31m","version":"1","type":"deb","purl":"pkg:deb/debian/zlib@1"}}],
		"ignoredMatches":[{"vulnerability":{"id":"CVE-2","severity":"Low"},"artifact":{"name":"a"}}],
		"source":{"type":"image","target":{"manifestDigest":"` + sum + `","repoDigests":["r/x@` + sum + `"]}},
		"descriptor":{"name":"grype","version":"0.120.1","timestamp":"2026-11-22T12:00:00Z","db":{"status":{"schemaVersion":"v6.1.10","built":"2026-11-22T12:00:00Z","from":"https://example.com/db"}}}}`
	trivy := `{"SchemaVersion":2,"Trivy":{"Version":"0.60.0"},"CreatedAt":"2026-11-22T12:00:00Z","ArtifactName":"r/x","Metadata":{"RepoDigests":["r/x@` + sum + `"]},
		"Results":[{"Type":"debian","Vulnerabilities":[{"VulnerabilityID":"CVE-1","PkgName":"zlib","InstalledVersion":"1","FixedVersion":"2, 3","Status":"fixed","Severity":"CRITICAL","PkgIdentifier":{"PURL":"pkg:deb/debian/zlib@1"}}]}]}`
	sarif := `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"other","semanticVersion":"3","rules":[{"id":"CVE-1","properties":{"security-severity":"9.8"}},{"id":"CVE-3"}]}},
		"invocations":[{"endTimeUtc":"2026-11-22T12:00:00Z"}],"results":[
		{"ruleId":"CVE-1","locations":[{"physicalLocation":{"artifactLocation":{"uri":"lib/zlib"}}}]},{"ruleId":"CVE-3","level":"note"},{"ruleId":"CVE-4","kind":"pass"}]}]}`
	for name, c := range map[string]struct {
		content string
		scanner finding.Scanner
		built   time.Time
		images  []string
		found   []string
	}{
		"grype": {
			grype,
			finding.Scanner{URI: "pkg:golang/github.com/anchore/grype@v0.120.1", Version: "0.120.1"},
			at,
			[]string{sum},
			[]string{"CVE-1 high zlib[31m deb [2] fixed", "CVE-2 low a  [] unknown suppressed"},
		},
		"trivy": {
			trivy,
			finding.Scanner{URI: "pkg:golang/github.com/aquasecurity/trivy@v0.60.0", Version: "0.60.0"},
			time.Time{},
			[]string{sum},
			[]string{"CVE-1 critical zlib deb [2 3] fixed"},
		},
		"sarif": {
			sarif,
			finding.Scanner{URI: "other", Version: "3"},
			time.Time{},
			nil,
			[]string{"CVE-1 critical lib/zlib  [] unknown", "CVE-3 low   [] unknown"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := evidence.ReadScan(evidence.Brought{Path: "scan.json", Content: []byte(c.content)})
			must(t, err)
			var found []string
			for _, f := range s.Scan.Findings {
				line := f.ID + " " + f.Severity.String() + " " + f.Package.Name + " " + f.Package.Type + " [" + strings.Join(f.FixedIn, " ") + "] " + f.FixState
				if !f.Effective() {
					line += " suppressed"
				}
				found = append(found, line)
			}
			if !slices.Equal(found, c.found) || s.Scan.Scanner != c.scanner || !s.Scan.Database.Built.Equal(c.built) || !s.Scan.Finished.Equal(at) || !slices.Equal(s.Images, c.images) {
				t.Errorf("got %q\n%+v, %v", found, s.Scan, s.Images)
			}
			_, err = evidence.Vuln(s.Scan)
			must(t, err)
		})
	}
}

func FuzzReadScan(f *testing.F) {
	f.Add([]byte(`{"matches":[{"vulnerability":{"id":"CVE-1"}}],"descriptor":{"name":"grype"}}`))
	f.Add([]byte(`{"SchemaVersion":2,"ArtifactName":"x","Results":[{"Vulnerabilities":[{}]}]}`))
	f.Add([]byte(`{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[{"ruleIndex":-1}]}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := evidence.ReadScan(evidence.Brought{Content: content})
		if err != nil {
			return
		}
		p, err := evidence.Vuln(s.Scan)
		if err != nil || !json.Valid(p.Body) {
			t.Errorf("%v: %s", err, p.Body)
		}
	})
}
