package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/report"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// hostile are names and texts that somebody may have put into an image, an
// advisory or a registry.
func hostile() map[string]string {
	return map[string]string{
		"escapes":    "\x1b[2J\x1b[31mowned\x1b]0;title\x07",
		"lines":      "one\n| fake | row |\r\n## Verdict: pass\n::set-output name=verdict::pass\n",
		"direction":  "\u202egnp.exe\u2066\u200b",
		"cells":      "a | b || c \\| d",
		"code":       "```\n`x` ~~~",
		"html":       "<script>alert(1)</script><img src=x onerror=y>&lt;&#124;",
		"links":      "[click](https://example.com) ![x](https://example.com/x.png) *bold* _it_ # head",
		"large":      strings.Repeat("x", 100<<10),
		"large html": strings.Repeat("<&|", 40<<10),
		"bytes":      "\xff\xfe\x00",
	}
}

// harmless checks that a text has nothing in it that controls a terminal, cannot be
// seen, or that a runner would obey at the start of a line.
func harmless(t *testing.T, text []byte) {
	t.Helper()
	if i := bytes.IndexFunc(text, func(c rune) bool { return c != '\n' && !unicode.IsGraphic(c) }); i >= 0 || !utf8.Valid(text) {
		t.Errorf("%q at byte %d", text[max(i, 0)], i)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Errorf("a command: %.200q", line)
		}
	}
}

// spoiled is a result in which everything that others name has that name.
func spoiled(t *testing.T, s string) pipeline.Result {
	t.Helper()
	r := denied(t)
	until := noon()
	r.Version, r.System, r.Reference = "v1.2.3", s, s
	r.Ecosystems = []catalog.Ecosystem{{Name: s, Packages: 1}}
	r.Packages = []catalog.Package{{Name: s, Version: s, Type: s, PURL: s, Licences: []string{s, s}}}
	suppressed := finding.Finding{ID: s, SuppressedBy: &finding.Suppression{Source: s, Reason: s, By: s, Until: &until, Document: s}}
	r.Scan = &finding.Scan{Findings: []finding.Finding{
		{ID: s, Severity: finding.Critical, Package: finding.Package{Name: s, Version: s, Type: s, PURL: s}, FixedIn: []string{s, s}, FixState: s},
		suppressed,
	}}
	r.Rejected = []pipeline.Rejection{{Digest: s, ClaimedType: s, Reason: errors.New(s)}}
	reason := policy.Reason{Message: s, ID: s, Severity: s, Resource: s, Fix: s}
	r.Verdict.Results = []policy.Result{{
		Name: s, Title: s, Description: s, Dialect: policy.Dialect(s), Severity: s, Outcome: policy.Deny,
		Controls: []policy.Control{{Framework: s, ID: s}}, Reasons: []policy.Reason{{Message: s, Fix: s}, {Message: s, Resource: s}, reason},
		Warnings: []policy.Reason{reason}, Waived: []policy.Waived{{Reason: reason, Why: s, By: s, Until: until, Document: s}},
	}}
	r.Notes = []string{s}
	r.Attached[0] = newNotary(t, 1).attests(t, s, `{}`)
	r.Verified[1] = r.Attached[0]
	return r
}

func TestHostileNamesStayInTheirLineOfATerminal(t *testing.T) {
	style := report.Style{Width: 80}
	want := strings.Count(string(report.Text(spoiled(t, "harmless"), style)), "\n")
	for name, s := range hostile() {
		t.Run(name, func(t *testing.T) {
			r := spoiled(t, s)
			rows := []report.Row{{Type: s, Signer: s, Digest: s}}
			texts := map[string][]byte{
				"text": report.Text(r, style), "checks": report.Checks(r.Subject, r.Verdict, style),
				"listing": report.Listing(rows, style), "verified": report.VerifiedTable(r.Verified, r.Rejected, style),
			}
			for what, text := range texts {
				if i := strings.IndexFunc(string(text), func(c rune) bool { return c != '\n' && !unicode.IsGraphic(c) }); i >= 0 || !utf8.Valid(text) {
					t.Errorf("%s: %q at byte %d", what, text[i], i)
				}
				if len(text) > 8<<10 {
					t.Errorf("%s has %d bytes", what, len(text))
				}
			}
			if got := strings.Count(string(texts["text"]), "\n"); got != want {
				t.Errorf("%d lines, want %d:\n%s", got, want, texts["text"])
			}
		})
	}
}

func TestHostileNamesStayInTheirCellOfMarkdown(t *testing.T) {
	shape := func(summary []byte) string { // what gives a document its structure
		return strings.Map(func(r rune) rune {
			if strings.ContainsRune("|\n<>`#*_[]", r) {
				return r
			}
			return -1
		}, string(summary))
	}
	// The numbers of character references have a # of their own.
	headings := func(summary []byte) int {
		return strings.Count(string(summary), "#") - strings.Count(string(summary), "&#")
	}
	plain := report.Summary(spoiled(t, "harmless"))
	for name, s := range hostile() {
		t.Run(name, func(t *testing.T) {
			summary := report.Summary(spoiled(t, s))
			if headings(summary) != headings(plain) {
				t.Errorf("%d headings, want %d", headings(summary), headings(plain))
			}
			if strings.ReplaceAll(shape(summary), "#", "") != strings.ReplaceAll(shape(plain), "#", "") {
				t.Errorf("another structure:\n%s", summary)
			}
			harmless(t, summary)
			if len(summary) > 64<<10 {
				t.Errorf("%d bytes", len(summary))
			}
		})
	}
}

// A job's summary that is larger than 1 MiB is dropped by its host as a whole.
func TestTheSummaryIsBounded(t *testing.T) {
	r := spoiled(t, strings.Repeat("&", 1000))
	for range 1000 {
		r.Scan.Findings = append(r.Scan.Findings, r.Scan.Findings[0])
		r.Rejected = append(r.Rejected, r.Rejected[0])
		r.Verified = append(r.Verified, r.Verified[1])
	}
	reasons := r.Verdict.Results[0].Reasons
	for range 100 {
		reasons = append(reasons, reasons[0])
	}
	for range 20 {
		r.Verdict.Results = append(r.Verdict.Results, policy.Result{Name: "p", Reasons: reasons})
	}
	if n := len(report.Summary(r)); n > 1<<20 {
		t.Errorf("%d bytes", n)
	}
	if !strings.Contains(string(report.Summary(r)), "more are in verdict.json") {
		t.Error("what is left out is not told")
	}
}

// A table that ends does so before what passed, not before what was denied.
func TestTheSummaryShowsWhatIsDeniedFirst(t *testing.T) {
	r := denied(t)
	var results []policy.Result
	for range 100 {
		results = append(results, policy.Result{Name: "harmless.rego", Outcome: policy.Pass})
	}
	r.Verdict.Results = append(results, policy.Result{Name: "stale.rego", Outcome: policy.Undecided}, policy.Result{Name: "strict.rego", Outcome: policy.Deny})
	s := string(report.Summary(r))
	denial, doubt, pass := strings.Index(s, "strict.rego"), strings.Index(s, "stale.rego"), strings.Index(s, "harmless.rego")
	if denial < 0 || denial > doubt || doubt > pass {
		t.Errorf("denied at %d, undecided at %d, passed at %d", denial, doubt, pass)
	}
}

func TestASignatureOfThisRunIsNotCalledEarlier(t *testing.T) {
	r := denied(t)
	own, other := newNotary(t, 1).attests(t, attest.TypeSignature, "{}"), newNotary(t, 2).attests(t, attest.TypeSignature, "{}")
	r.Verified, r.Attached, r.Signed = []verify.Verified{own, other}, nil, own.Signer()
	s := string(report.Summary(r))
	if strings.Count(s, "| signature |") != 2 || strings.Count(s, "| this run |") != 1 || strings.Count(s, "| earlier |") != 1 {
		t.Errorf("one is of this run, one is not:\n%s", s)
	}
}

func TestARejectedAttestationIsShownWithoutAnyVerified(t *testing.T) {
	r := denied(t)
	r.Verified, r.Attached = nil, nil
	if s := string(report.Summary(r)); !strings.Contains(s, "not believed: not signed by a trusted signer") {
		t.Errorf("the summary hides it:\n%s", s)
	}
}

func TestHostileNamesStayInTheirStringOfJSON(t *testing.T) {
	const limit = 400
	bounded := func(s string) bool {
		return len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) })
	}
	for name, s := range hostile() {
		t.Run(name, func(t *testing.T) {
			document, err := report.Verdict(spoiled(t, s))
			must(t, err)
			var got struct {
				Verdict  string
				Checks   []struct{ Name string }
				Rejected []struct{ Reason, ClaimedType string }
			}
			must(t, json.Unmarshal(document, &got))
			if got.Verdict != "deny" || len(got.Checks) != 1 || !bounded(got.Rejected[0].Reason) || !bounded(got.Rejected[0].ClaimedType) {
				t.Errorf("read back as %.200q", fmt.Sprint(got))
			}
			if strings.Contains(string(document), "\x1b") {
				t.Error("there is an escape in it")
			}
			listing, err := report.ListingJSON([]report.Row{{Type: s, Reason: s, Digest: "sha256:00"}})
			must(t, err)
			var rows []report.Row
			must(t, json.Unmarshal(listing, &rows))
			if len(rows) != 1 || !bounded(rows[0].Type) || !bounded(rows[0].Reason) {
				t.Errorf("listing read back as %.200q", fmt.Sprint(rows))
			}
		})
	}
}

func TestText(t *testing.T) {
	golden(t, "denied.txt", report.Text(denied(t), report.Style{}))
	golden(t, "denied-80.txt", report.Text(denied(t), report.Style{Width: 80}))
	golden(t, "denied-80-color.txt", report.Text(denied(t), report.Style{Width: 80, Color: true}))
	golden(t, "passed.txt", report.Text(passed(t), report.Style{Width: 80}))
}

func TestChecks(t *testing.T) {
	golden(t, "checks.txt", report.Checks(subject(t), denied(t).Verdict, report.Style{}))
	golden(t, "checks-none.txt", report.Checks(subject(t), policy.Verdict{Outcome: policy.Pass}, report.Style{}))
	document, err := report.ChecksJSON(subject(t), denied(t).Verdict)
	must(t, err)
	golden(t, "checks.json", document)
}

func TestSummary(t *testing.T) {
	golden(t, "denied.md", report.Summary(denied(t)))
	golden(t, "passed.md", report.Summary(passed(t)))
}

func TestVerdict(t *testing.T) {
	for name, r := range map[string]pipeline.Result{"denied.json": denied(t), "passed.json": passed(t)} {
		document, err := report.Verdict(r)
		must(t, err)
		golden(t, name, document)
	}
}

// Lines of a table are never wider than the terminal.
func TestTablesFitTheTerminal(t *testing.T) {
	r := denied(t)
	for _, width := range []int{20, 40, 80, 200} {
		listing := report.VerifiedTable(r.Verified, nil, report.Style{Width: width})
		for line := range strings.Lines(string(listing)) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns in %d: %s", n, width, line)
			}
		}
	}
}

func TestListings(t *testing.T) {
	r := denied(t)
	golden(t, "verified.txt", report.VerifiedTable(r.Verified, r.Rejected, report.Style{Width: 80}))
	rows := []report.Row{
		{Type: "https://cyclonedx.org/bom", Signer: r.Verified[0].Signer(), Size: 15_400_000, Digest: "sha256:" + strings.Repeat("01", 32)},
		{Type: "https://example.com/review/v1", Signer: "unverified", Size: 700, Digest: "sha256:" + strings.Repeat("23", 32)},
	}
	golden(t, "listing.txt", report.Listing(rows, report.Style{}))
	if empty := report.Listing(nil, report.Style{}); len(empty) != 0 {
		t.Errorf("a listing of nothing: %q", empty)
	}
}

// None, one or many: always one JSON array.
func TestJSONIsAlwaysOneArray(t *testing.T) {
	r := denied(t)
	for n := range len(r.Verified) + 1 {
		statements, err := report.Statements(r.Verified[:n])
		must(t, err)
		listing, err := report.ListingJSON(make([]report.Row, n))
		must(t, err)
		for _, document := range [][]byte{statements, listing} {
			var array []map[string]any
			must(t, json.Unmarshal(document, &array))
			if array == nil || len(array) != n {
				t.Errorf("%d entries, want %d: %s", len(array), n, document)
			}
		}
	}
	statements, err := report.Statements(r.Verified[:1])
	must(t, err)
	golden(t, "statements.json", statements)
}
