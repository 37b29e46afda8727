package e2e_test

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// attacks are texts that would do something to a log, an output, a table or a page,
// if they got there as they are.
func attacks() []string {
	return []string{
		"x\n::set-output name=verdict::pass",
		"x\r\n::add-mask::e\n::stop-commands::never\n##[error]no",
		"EOF\nverdict<<EOF\npass\nEOF",
		"_GitHubActionsFileCommandDelimeter_\nverdict=pass",
		"a | b |\n| c | d",
		"`x` ```\n## Hallmark: pass",
		"<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
		"\u202eevil\u2066\u200b\x1b[2J\x1b]0;title\x07",
		"\x1b[0Ksection_start:1:own[collapsed=true]\r\x1b[0Kmine",
		strings.Repeat("y", 100<<10),
	}
}

// everyName denies with all that an image says, so that it gets everywhere.
const everyName = `package hallmark.names

deny contains {"msg": sprintf("%s %s is under %v", [c.name, object.get(c, "version", ""), object.get(c, "licenses", [])]), "resource": c.name} if {
	some c in input.sbom.components
}
`

// commands are those that Hallmark itself gives to GitHub.
var commands = regexp.MustCompile(`^::(group|endgroup|debug|(error|warning|notice) title=Hallmark[^:]*)::`)

// What an image says of itself gives no command to the host, no output, no row of a
// table and no element of a page.
func TestHostileImageOnGitHub(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	image := p.host + "/hostile/app:v1"
	if _, err := world.PushNamed(t.Context(), image, attacks()); err != nil {
		t.Fatal(err)
	}
	p.keys("cosign")
	p.env = append(p.env, "GITHUB_ACTIONS=true", "GITHUB_WORKSPACE="+p.dir, "RUNNER_DEBUG=1",
		"GITHUB_OUTPUT="+filepath.Join(p.dir, p.file("output", "")), "GITHUB_STEP_SUMMARY="+filepath.Join(p.dir, p.file("summary", "")))
	ran := p.run("hallmark", "run", image, "--key", "cosign.key", "--vuln-db", database, "--vuln-db-max-age", anyAge, "--sbom", "cyclonedx",
		"--evidence", "licences", "--severity-cutoff", "high", "--policy", p.file("names.rego", everyName), "--output-dir", "out")
	if ran.code != 3 || !strings.Contains(ran.stdout+ran.stderr, "set-output") {
		t.Fatalf("exit %d; the names do not get to the log:\n%.5000s", ran.code, ran.stdout+ran.stderr)
	}

	checkHostileLog(t, ran.stdout+ran.stderr)
	checkHostileOutputs(t, string(p.read("output")))
	checkHostileSummary(t, string(p.read("summary")))
	checkHostilePage(t, filepath.Join(p.dir, "out", "report.html"))
}

func checkHostileLog(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		line = strings.TrimSpace(line)
		obeyed := strings.HasPrefix(line, "::") && !commands.MatchString(line) || strings.Contains(line, "##[")
		if obeyed || strings.ContainsAny(line, "\x1b\u202e\u200b") {
			t.Errorf("the log says %.200q", line)
		}
	}
}

func checkHostileOutputs(t *testing.T, content string) {
	t.Helper()
	got := outputsOf(t, content)
	if got["verdict"] != "deny" || got["critical"] != "1" {
		t.Errorf("the outputs are %.2000q", got)
	}
	known := []string{"attestations-path", "critical", "digest", "high", "low", "medium", "negligible", "report-path", "sarif-path", "sbom-path", "scan-path", "unknown", "verdict"}
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, known) {
		t.Errorf("there are the outputs %q", names)
	}
}

func checkHostileSummary(t *testing.T, summary string) {
	t.Helper()
	if html := regexp.MustCompile(`<[a-z/!][^>]*>`).FindString(strings.ReplaceAll(summary, "<br>", "")); html != "" || len(summary) > 1<<20 {
		t.Errorf("the summary of %d bytes has the element %q", len(summary), html)
	}
	if n := strings.Count("\n"+summary, "\n## "); n != 1 || !strings.HasPrefix(summary, "## Hallmark: deny\n") {
		t.Errorf("the summary has %d headings of the first rank:\n%.500s", n, summary)
	}
}

// outputsOf reads outputs as a runner does: NAME<<DELIMITER, lines, DELIMITER.
func outputsOf(t *testing.T, content string) map[string]string {
	t.Helper()
	got := map[string]string{}
	lines := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	for len(lines) > 0 {
		name, delimiter, ok := strings.Cut(lines[0], "<<")
		end := slices.Index(lines, delimiter)
		if !ok || end < 1 {
			t.Fatalf("no output begins with %.200q", lines[0])
		}
		got[name] = strings.Join(lines[1:end], "\n")
		lines = lines[end+1:]
	}
	return got
}

func checkHostilePage(t *testing.T, path string) {
	t.Helper()
	b := openPage(t, path)
	if got := b.text(`document.title`); !strings.HasPrefix(got, "Denied: ") {
		t.Errorf("the title is %q", got)
	}
	if n := b.text(`String(document.querySelectorAll("img, iframe, object, script").length)`); n != "1" {
		t.Errorf("%s elements that load or run, and the page's own script is one", n)
	}
	if wide := b.text(`String(document.documentElement.scrollWidth > document.documentElement.clientWidth)`); wide != "false" {
		t.Error("a long name makes the page wider than the window")
	}
	b.screenshot("report-hostile-image")
	b.quiet()
}
