package evidence_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/fault"
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
		found   []string
	}{
		"grype": {
			grype,
			finding.Scanner{URI: "pkg:golang/github.com/anchore/grype@v0.120.1", Version: "0.120.1"},
			at,
			[]string{"CVE-1 high zlib[31m deb [2] fixed", "CVE-2 low a  [] unknown suppressed"},
		},
		"trivy": {
			trivy,
			finding.Scanner{URI: "pkg:golang/github.com/aquasecurity/trivy@v0.60.0", Version: "0.60.0"},
			time.Time{},
			[]string{"CVE-1 critical zlib deb [2 3] fixed"},
		},
		"sarif": {
			sarif,
			finding.Scanner{URI: "other", Version: "3"},
			time.Time{},
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
			if !slices.Equal(found, c.found) || s.Scan.Scanner != c.scanner || !s.Scan.Database.Built.Equal(c.built) || !s.Scan.Finished.Equal(at) {
				t.Errorf("got %q\n%+v", found, s.Scan)
			}
			_, err = evidence.Vuln(s.Scan)
			must(t, err)
		})
	}
}

// TestDidNotLook: a report of a tool that did not look is not one that found nothing.
func TestDidNotLook(t *testing.T) {
	run := func(more string) string {
		return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},` + more + `}]}`
	}
	trivy := func(more string) string { return `{"SchemaVersion":2,"ArtifactName":"app",` + more + `}` }
	grype := func(source, more string) string {
		return `{"matches":[],"source":{"type":"` + source + `"},"descriptor":{"name":"grype"` + more + `}}`
	}
	for name, c := range map[string]struct{ says, content string }{
		"SARIF of a tool that failed":      {"x says that it failed", run(`"invocations":[{"executionSuccessful":false}],"results":[]`)},
		"the second invocation failed":     {"x says that it failed", run(`"invocations":[{"executionSuccessful":true},{"executionSuccessful":false}],"results":[]`)},
		"a tool that was killed":           {"x says that it failed", run(`"invocations":[{"executionSuccessful":true,"exitSignalName":"SIGKILL"}],"results":[]`)},
		"a tool that did not start":        {"x says that it failed", run(`"invocations":[{"processStartFailureMessage":"no such file"}],"results":[]`)},
		"SARIF without results":            {"the run of x has no results", run(`"columnKind":"utf16CodeUnits"`)},
		"SARIF with null for results":      {"the run of x has no results", run(`"results":null`)},
		"results elsewhere":                {"the results of x are in another file", run(`"externalPropertyFileReferences":{"results":[{"itemCount":7}]},"results":[]`)},
		"no run":                           {"it has 0 runs", `{"version":"2.1.0","runs":[]}`},
		"trivy of a repository":            {"it is a scan of a repository", trivy(`"ArtifactType":"repository","Results":[{"Class":"lang-pkgs"}]`)},
		"trivy of a folder":                {"it is a scan of a filesystem", trivy(`"ArtifactType":"filesystem","Results":[{"Class":"lang-pkgs"}]`)},
		"trivy that looked for secrets":    {"it has no result about packages", trivy(`"ArtifactType":"container_image","Results":[{"Class":"secret"}]`)},
		"trivy that looked at a config":    {"it has no result about packages", trivy(`"Results":[{"Class":"config","Type":"dockerfile"},{"Class":"license"}]`)},
		"grype of a folder":                {"it is a scan of a directory", grype("directory", "")},
		"grype of a file":                  {"it is a scan of a file", grype("file", "")},
		"grype of a package URL":           {"it is a scan of a purl", grype("purl", "")},
		"grype without matches":            {"matches is null", `{"matches":null,"descriptor":{"name":"grype"}}`},
		"grype with a database in error":   {"database was not valid: it is corrupt", grype("image", `,"db":{"status":{"error":"it is corrupt"}}`)},
		"grype with a database not valid":  {"database was not valid", grype("image", `,"db":{"status":{"valid":false}}`)},
		"an earlier grype, and its errors": {"database was not valid: too old", grype("image", `,"db":{"error":"too old"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := evidence.ReadScan(evidence.Brought{Path: "scan.json", Content: []byte(c.content)})
			refused(t, err, "reading the scan scan.json: ", c.says)
			if fault.KindOf(err) != fault.Undecided {
				t.Errorf("it is of the kind %v", fault.KindOf(err))
			}
		})
	}
}

// TestLookedAtSome: what a report says it did not look at is in the scan's gaps.
func TestLookedAtSome(t *testing.T) {
	run := func(more string) string {
		return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},` + more + `}]}`
	}
	const packages = "packages of the operating system"
	for name, c := range map[string]struct {
		content string
		types   []string // of the packages in the SBOM
		gaps    []string
	}{
		"SARIF, undecided": {
			run(`"results":[{"ruleId":"CVE-2","kind":"review"},{"ruleId":"CVE-1","kind":"open"},{"ruleId":"CVE-3","kind":"perhaps"},` +
				`{"ruleId":"CVE-4","kind":"notApplicable"},{"ruleId":"CVE-5","kind":"review","baselineState":"absent"}]`),
			nil,
			[]string{"CVE-1", "CVE-2", "CVE-3"},
		},
		"SARIF with errors": {
			run(`"results":[],"invocations":[{"executionSuccessful":true,"toolExecutionNotifications":[{"level":"error","message":{"text":"cannot read"},` +
				`"locations":[{"physicalLocation":{"artifactLocation":{"uri":"a.jar"}}}]},{"level":"note"}],"toolConfigurationNotifications":[{"level":"error"}]}]`),
			nil,
			[]string{"a.jar", "x"},
		},
		"trivy's SARIF about secrets":      {strings.Replace(run(`"results":[]`), `"name":"x"`, `"name":"Trivy","rules":[{"id":"aws","name":"Secret"}]`, 1), nil, []string{"packages"}},
		"trivy without results":            {`{"SchemaVersion":2,"ArtifactName":"app"}`, nil, []string{"packages"}},
		"trivy with an empty list":         {`{"SchemaVersion":2,"ArtifactName":"app","Results":[]}`, nil, []string{"packages"}},
		"trivy that knows the system":      {`{"SchemaVersion":2,"ArtifactName":"app","Metadata":{"OS":{"Family":"debian"}},"Results":[{"Class":"lang-pkgs"}]}`, nil, []string{packages}},
		"trivy that looked at the system":  {`{"SchemaVersion":2,"ArtifactName":"app","Results":[{"Class":"os-pkgs"}]}`, []string{"deb"}, nil},
		"trivy, and the SBOM lists more":   {`{"SchemaVersion":2,"ArtifactName":"app","Results":[{"Class":"os-pkgs"}]}`, []string{"deb", "npm"}, []string{"packages of programming languages"}},
		"trivy, and the SBOM lists debs":   {`{"SchemaVersion":2,"ArtifactName":"app","Results":[{"Class":"lang-pkgs"}]}`, []string{"deb", "npm"}, []string{packages}},
		"trivy, and what it does not know": {`{"SchemaVersion":2,"ArtifactName":"app","Results":[{"Class":"os-pkgs"}]}`, []string{"deb", "wordpress-plugin"}, nil},
		"grype without a database":         {`{"matches":[],"descriptor":{"name":"grype"}}`, nil, []string{"vulnerability database"}},
		"grype":                            {`{"matches":[],"source":{"type":"image"},"descriptor":{"name":"grype","db":{"status":{"valid":true}}}}`, []string{"deb", "npm"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := evidence.ReadScan(evidence.Brought{Path: "scan.json", Content: []byte(c.content)})
			must(t, err)
			var gaps []string
			for _, gap := range s.Beside(c.types).Unread {
				if gaps = append(gaps, gap.What); gap.Why == "" {
					t.Errorf("%s, and nobody says why", gap.What)
				}
			}
			if !slices.Equal(gaps, c.gaps) || len(s.Findings) != 0 {
				t.Errorf("have %q, want %q; %d findings", gaps, c.gaps, len(s.Findings))
			}
		})
	}
}

// TestPackagesInSARIF: the rules of grype name an advisory and a package, and both are known again.
func TestPackagesInSARIF(t *testing.T) {
	const lodash = `{"id":"GHSA-p6mc-m468-83gw-lodash","shortDescription":{"text":"GHSA-p6mc-m468-83gw high vulnerability for lodash package"},"properties":{"purls":["pkg:npm/lodash@4.17.15"]}}`
	for name, c := range map[string]struct {
		tool, rule, message string
		id                  string
		in                  finding.Package
	}{
		"grype": {
			"Grype", lodash, "A high vulnerability in npm package: lodash, version 4.17.15 was found in image app:1 at: /a.json",
			"GHSA-p6mc-m468-83gw",
			finding.Package{Name: "lodash", Version: "4.17.15", Type: "npm", PURL: "pkg:npm/lodash@4.17.15"},
		},
		"grype, another version": {
			"Grype", lodash, "A high vulnerability in npm package: lodash, version 4.17.16 was found in image app:1 at: /a.json",
			"GHSA-p6mc-m468-83gw",
			finding.Package{Name: "lodash", Version: "4.17.16", Type: "npm"},
		},
		"grype, an advisory of a distribution": {
			"grype", `{"id":"ELSA-2020-1-a-b","shortDescription":{"text":"ELSA-2020-1 low vulnerability for a-b package"}}`, "",
			"ELSA-2020-1",
			finding.Package{Name: "x"},
		},
		"a rule of that form alone": {"other", `{"id":"CVE-2021-1234-openssl"}`, "", "CVE-2021-1234", finding.Package{Name: "x"}},
		"an advisory":               {"other", `{"id":"CVE-2021-1234"}`, "", "CVE-2021-1234", finding.Package{Name: "x"}},
		"another rule":              {"other", `{"id":"no-eval"}`, "", "no-eval", finding.Package{Name: "x"}},
		"trivy": {
			"Trivy", `{"id":"CVE-2021-1234","name":"OsPackageVulnerability"}`, `Package: openssl\nInstalled Version: 1.1\nVulnerability CVE-2021-1234`,
			"CVE-2021-1234",
			finding.Package{Name: "openssl", Version: "1.1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			content := `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"` + c.tool + `","rules":[` + c.rule + `]}},"results":[{"ruleIndex":0,"message":{"text":"` +
				c.message + `"},"locations":[{"physicalLocation":{"artifactLocation":{"uri":"x"}}}]}]}]}`
			s, err := evidence.ReadScan(evidence.Brought{Content: []byte(content)})
			must(t, err)
			if len(s.Findings) != 1 || s.Findings[0].ID != c.id || s.Findings[0].Package != c.in {
				t.Errorf("have %+v", s.Findings)
			}
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
