package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// manyFindings is how many an image has that nobody has looked after.
const manyFindings = 5000

// scanOfMany is a scan as trivy writes it.
func scanOfMany(t *testing.T) string {
	t.Helper()
	type vulnerability struct{ VulnerabilityID, PkgName, InstalledVersion, Severity, Title string }
	severities := []string{"CRITICAL", "HIGH", "MEDIUM", "LOW"}
	var found []vulnerability
	for n := range manyFindings {
		found = append(found, vulnerability{
			VulnerabilityID: fmt.Sprintf("CVE-2026-%d", 10000+n), PkgName: fmt.Sprintf("package-%d", n%400), InstalledVersion: "1.0.0",
			Severity: severities[n%len(severities)], Title: strings.Repeat("words ", 20),
		})
	}
	scan, err := json.Marshal(map[string]any{
		"SchemaVersion": 2, "Trivy": map[string]string{"Version": "0.60.0"}, "CreatedAt": "2026-11-22T12:00:00Z", "ArtifactName": "app",
		"Results": []any{map[string]any{"Type": "npm", "Vulnerabilities": found}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(scan)
}

// Five thousand findings are within what each host takes, and none of them is lost
// where there is room for all.
func TestManyFindings(t *testing.T) {
	p := newPlace(t, "")
	image := p.bare("many")
	p.keys("cosign")
	scan := p.file("trivy.json", scanOfMany(t))
	env := p.env
	run := func(host ...string) string {
		p.env = append(append([]string{}, env...), host...)
		ran := p.run("hallmark", "run", image, "--key", "cosign.key", "--scan-file", scan, "--max-scan-age", "0", "--vuln-db-max-age", "0",
			"--severity-cutoff", "negligible", "--output-dir", "out")
		if ran.code != 3 {
			t.Fatalf("exit %d\n%s", ran.code, ran.stderr)
		}
		return ran.stdout + ran.stderr
	}

	printed := run("GITHUB_ACTIONS=true", "GITHUB_WORKSPACE="+p.dir, "GITHUB_OUTPUT="+filepath.Join(p.dir, p.file("output", "")),
		"GITHUB_STEP_SUMMARY="+filepath.Join(p.dir, p.file("summary", "")))
	p.checkManyOnGitHub(printed)
	run("GITLAB_CI=true", "CI_PROJECT_DIR="+p.dir)
	p.checkManyOnGitLab()
}

func (p *place) checkManyOnGitHub(log string) {
	p.t.Helper()
	if n := strings.Count(log, "\n::error"); n == 0 || n > 10 {
		p.t.Errorf("%d errors are annotated; GitHub shows ten", n)
	}
	if got := outputsOf(p.t, string(p.read("output"))); got["critical"] != "1250" || got["low"] != "1250" {
		p.t.Errorf("the outputs are %v", got)
	}
	if summary := p.read("summary"); len(summary) > 1<<20 || !strings.Contains(string(summary), "1250 critical, 1250 high, 1250 medium, 1250 low") {
		p.t.Errorf("the summary has %d bytes:\n%.500s", len(summary), summary)
	}
	if page := string(p.read("out/report.html")); !strings.Contains(page, "CVE-2026-10000") || !strings.Contains(page, "CVE-2026-14999") {
		p.t.Error("the page does not have all findings")
	}
}

func (p *place) checkManyOnGitLab() {
	p.t.Helper()
	if dotenv := string(p.read("out/hallmark.env")); len(dotenv) > 5<<10 || strings.Count(dotenv, "\n") > 20 || !strings.Contains(dotenv, "HALLMARK_CRITICAL=1250\n") {
		p.t.Errorf("the variables for later jobs are\n%.5000s", dotenv)
	}
	var quality []any
	if err := json.Unmarshal(p.read("out/gl-code-quality-report.json"), &quality); err != nil || len(quality) != 1001 { // the last says how many more there are
		p.t.Errorf("the code quality report has %d entries: %v", len(quality), err)
	}
}
