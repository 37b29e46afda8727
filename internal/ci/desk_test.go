package ci_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/ci"
)

// commandLine finds what GitHub's runner obeys.
var commandLine = regexp.MustCompile(`(?m)^\s*::|##\[`)

func desk(env vars) (ci.Desk, *bytes.Buffer) {
	var log bytes.Buffer
	return ci.DeskOf(ci.Detect(env.lookup), env.lookup, &log), &log
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// Without the files that GitHub names, nothing is written and nothing panics.
func TestGitHubWithoutItsFiles(t *testing.T) {
	d, log := desk(gitHub)
	folder := t.TempDir()
	if err := d.Output(folder, []ci.Output{{Name: "verdict", Value: "pass"}}); err != nil {
		t.Error(err)
	}
	if err := d.Summary([]byte("text"), "x"); err != nil {
		t.Error(err)
	}
	want := "::debug::GITHUB_OUTPUT is not set: nothing is written to it\n::debug::GITHUB_STEP_SUMMARY is not set: nothing is written to it\n"
	if log.String() != want {
		t.Errorf("the log is %q", log)
	}
	if d, _ := desk(gitHub.with(vars{"GITHUB_OUTPUT": folder})); d.Output(folder, nil) == nil {
		t.Error("a file that cannot be written is no error")
	}
}

// Outputs are kept whole, whatever is in them, and end where they end.
func TestGitHubOutputs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "output")
	d, _ := desk(gitHub.with(vars{"GITHUB_OUTPUT": path}))
	hostile := "a\n_GitHubActionsFileCommandDelimeter_\nverdict=pass\nEOF\nverdict<<EOF"
	if err := d.Output("", []ci.Output{{Name: "verdict", Value: "deny"}, {Name: "digest"}, {Name: "sbom-path", Value: hostile}}); err != nil {
		t.Fatal(err)
	}
	got := gitHubFile(t, read(t, path))
	if want := (vars{"verdict": "deny", "sbom-path": hostile}); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("a runner reads %q", got)
	}
}

// gitHubFile reads outputs as the runner does.
func gitHubFile(t *testing.T, content string) vars {
	t.Helper()
	out := vars{}
	all := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	for i := 0; i < len(all); i++ {
		name, delimiter, ok := strings.Cut(all[i], "<<")
		end := slices.Index(all[i+1:], delimiter)
		if !ok || end < 0 {
			t.Fatalf("the line %q begins no output", all[i])
		}
		out[name] = strings.Join(all[i+1:i+1+end], "\n")
		i += end + 1
	}
	return out
}

func TestGitHubSummaryIsCutBeforeItIsDropped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary")
	d, _ := desk(gitHub.with(vars{"GITHUB_STEP_SUMMARY": path}))
	if err := d.Summary([]byte(strings.Repeat("| a | row |\n", 100_000)), "out/sum*mary.md"); err != nil {
		t.Fatal(err)
	}
	got := read(t, path)
	if len(got) >= 1<<20 {
		t.Errorf("%d bytes are more than GitHub takes", len(got))
	}
	if !strings.HasSuffix(got, "row |\n\n\n**This summary was cut here. All of it is in the file out/sum\\*mary.md of the job.**\n") {
		t.Errorf("it ends with %q", got[len(got)-150:])
	}
}

// Ten of each level are shown; the last of them tells of the others.
func TestGitHubAnnotations(t *testing.T) {
	d, log := desk(gitHub)
	var many []ci.Annotation
	for range 14 {
		many = append(many, ci.Annotation{Level: ci.Error, Title: "a,b:c", Message: "100% bad\r\n::add-mask::x\n##[warning]y" + strings.Repeat("é", 5000)})
	}
	d.Annotate(append(many, ci.Annotation{Level: ci.Warning, Title: "t", Message: "m"}))
	d.Annotate(many[:1])
	got := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(got) != 11 || got[10] != "::warning title=t::m" {
		t.Fatalf("%d lines, the last is %.80q", len(got), got[len(got)-1])
	}
	if !strings.HasPrefix(got[0], "::error title=a%2Cb%3Ac::100%25 bad%0A: :add-mask::x%0A# #[warning]y") {
		t.Errorf("%.100q", got[0])
	}
	if !strings.Contains(got[9], "::4 more are in the summary and in the log.%0A") {
		t.Errorf("%.100q", got[9])
	}
	for _, line := range got {
		if n := len([]rune(line)); n > 4096+100 {
			t.Errorf("%d characters", n)
		}
	}
}

func TestGitHubMasksEachLine(t *testing.T) {
	d, log := desk(gitHub)
	d.Mask("first line\nsecond % line\n\nab")
	want := "::add-mask::first line\n::add-mask::second %25 line\n::add-mask::first line%0Asecond %25 line%0A%0Aab\n"
	if log.String() != want {
		t.Errorf("%q, want %q", log, want)
	}
}

func TestSectionsFold(t *testing.T) {
	d, log := desk(gitHub)
	d.Section("run a\n::b")()
	if want := "::group::run a ::b\n::endgroup::\n"; log.String() != want {
		t.Errorf("GitHub: %q", log)
	}
	d, log = desk(gitLab)
	d.Section("run a\n\x1b[0Kb")()
	want := regexp.MustCompile(`^\x1b\[0Ksection_start:\d+:hallmark\[collapsed=true\]\r\x1b\[0Krun a \[0Kb\n\x1b\[0Ksection_end:\d+:hallmark\r\x1b\[0K\n$`)
	if !want.MatchString(log.String()) {
		t.Errorf("GitLab: %q", log)
	}
}

// What GitLab reads from the dotenv must be exactly what was said: it has no
// quotes, and drops a file as a whole that is too large.
func TestGitLabOutputs(t *testing.T) {
	folder := t.TempDir()
	d, _ := desk(gitLab)
	outputs := []ci.Output{
		{Name: "verdict", Value: "deny"},
		{Name: "digest"},
		{Name: "sbom-path", Value: "a\nHALLMARK_VERDICT=pass"},
		{Name: "scan-path", Value: "$HOME/x"},
		{Name: "report-path", Value: "my out/report.html"},
		{Name: "sarif-path", Value: strings.Repeat("x", 6000)},
	}
	if err := d.Output(folder, outputs); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, filepath.Join(folder, "hallmark.env")), "HALLMARK_VERDICT=deny\nHALLMARK_REPORT_PATH=my out/report.html\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var links map[string][]map[string]map[string]string
	if err := json.Unmarshal([]byte(read(t, filepath.Join(folder, "gl-annotations.json"))), &links); err != nil {
		t.Fatal(err)
	}
	want := "map[external_link:map[label:Hallmark: report url:https://gitlab.com/team/shop/-/jobs/12/artifacts/file/my%20out/report.html]]"
	if got := fmt.Sprint(links["hallmark"]); !strings.Contains(got, want) {
		t.Errorf("%s", got)
	}
	if err := d.Clear(folder); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	var many []ci.Output
	for i := range 50 {
		many = append(many, ci.Output{Name: fmt.Sprint(i), Value: strings.Repeat("y", 300)})
	}
	if err := d.Output(folder, many); err != nil {
		t.Fatal(err)
	}
	got := read(t, filepath.Join(folder, "hallmark.env"))
	if n := strings.Count(got, "\n"); n > 20 || len(got) > 5<<10 {
		t.Errorf("%d variables, %d bytes", n, len(got))
	}
}

func TestNoHostTakesNothing(t *testing.T) {
	folder := t.TempDir()
	d, log := desk(vars{"GITHUB_OUTPUT": filepath.Join(folder, "x"), "GITHUB_STEP_SUMMARY": filepath.Join(folder, "y")})
	d.Mask("secret")
	d.Section("x")()
	d.Annotate([]ci.Annotation{{Level: ci.Error, Message: "x"}})
	if d.Output(folder, []ci.Output{{Name: "a", Value: "b"}}) != nil || d.Summary([]byte("x"), "y") != nil || d.Clear(folder) != nil {
		t.Error("it fails")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 || log.Len() > 0 {
		t.Errorf("written are %v (%v) and %q", left, err, log)
	}
}

func TestPathsOfTheWorkspace(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ workspace, path, want string }{
		{here, "out/a.json", "out/a.json"},
		{filepath.Dir(here), "out/a.json", "ci/out/a.json"},
		{"/elsewhere", "/else/a.json", "/else/a.json"},
		{"/else", "/elsewhere/a.json", "/elsewhere/a.json"},
		{"/elsewhere", "out/a.json", "out/a.json"},
		{"", "out/a.json", "out/a.json"},
	} {
		if got := (ci.Context{Workspace: c.workspace}).InWorkspace(c.path); got != c.want {
			t.Errorf("%s in %s is %s, want %s", c.path, c.workspace, got, c.want)
		}
	}
}

func TestGuardLetsNoCommandThrough(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"fine: a::b c\n", "fine: a::b c\n"},
		{"::add-mask::x\n", ": :add-mask::x\n"},
		{" \t::error::x\n", " \t: :error::x\n"},
		{"\u00a0::error::x\n", "\u00a0: :error::x\n"},
		{"a ##[command]x", "a # #[command]x"},
		{"x\r::add-mask::y\n", "x::add-mask::y\n"},
		{"\r::add-mask::y\n", ": :add-mask::y\n"},
		{"\x1b[0Ksection_end:1:x\r\x1b[0K\n", "[0Ksection_end:1:x[0K\n"},
		{"not utf-8: \xff\xfe\n", "not utf-8: \xff\xfe\n"},
	} {
		var out bytes.Buffer
		g := ci.NewGuard(&out)
		for _, b := range []byte(c.in) { // split at every place
			if _, err := g.Write([]byte{b}); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Flush(); err != nil || out.String() != c.want {
			t.Errorf("%q became %q, want %q (%v)", c.in, out.String(), c.want, err)
		}
	}
}

// A document keeps its meaning, for it may be read by a program.
func TestGuardKeepsJSON(t *testing.T) {
	var out bytes.Buffer
	g := ci.NewGuard(&out)
	g.JSON()
	document := map[string]string{"a": "##[add-mask]x", "b": "\r\n::error::y"}
	if err := json.NewEncoder(g).Encode(document); err != nil {
		t.Fatal(err)
	}
	var back map[string]string
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || fmt.Sprint(back) != fmt.Sprint(document) || commandLine.Match(out.Bytes()) {
		t.Errorf("%s: %v", out.String(), err)
	}
}

func FuzzGuard(f *testing.F) {
	f.Add("::add-mask::x\n##[x]\r\n \u2028::y", 3)
	f.Fuzz(func(t *testing.T, text string, at int) {
		var out bytes.Buffer
		g := ci.NewGuard(&out)
		at = max(0, min(at, len(text)))
		_, _ = g.Write([]byte(text[:at]))
		_, _ = g.Write([]byte(text[at:]))
		_ = g.Flush()
		if commandLine.Match(out.Bytes()) {
			t.Errorf("%q became %q", text, out.String())
		}
	})
}

func FuzzAnnotation(f *testing.F) {
	f.Add("t", "m\n::error::x")
	f.Fuzz(func(t *testing.T, title, message string) {
		d, log := desk(gitHub)
		d.Annotate([]ci.Annotation{{Level: ci.Notice, Title: title, Message: message}})
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "::notice") || strings.ContainsAny(got[:len(got)-1], "\r\n") {
			t.Errorf("%q", got)
		}
	})
}
