package report

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// Style says what a text is written for.
type Style struct {
	Width int  // columns; lines are cut to it
	Color bool // use the colours of a terminal
}

const (
	worstShown   = 10 // findings named in the text
	reasonsShown = 5  // reasons of one check
	textLimit    = 400
)

// Text returns the result as a person reads it at a glance: what was examined,
// what is in it, what was attached, and why the verdict is what it is.
func Text(r pipeline.Result, style Style) []byte {
	t := &text{style: style}
	t.field("image", r.Subject.Requested())
	t.field("digest", r.Subject.Digest().DigestStr())
	if len(r.Ecosystems) > 0 {
		t.field("packages", packageLine(r.Ecosystems))
	}
	if origin := originLine(r); origin != "" {
		t.field("sbom", origin)
	}
	if r.Scan != nil {
		t.findings(*r.Scan)
	}
	t.platforms(r)
	t.unread(r)
	t.attestations(r)
	t.checks(r.Verdict)
	t.frameworks(r.Verdict)
	for _, note := range r.Notes {
		t.line("\n" + t.paint(yellow, "note") + "  " + plain.Line(note, textLimit))
	}
	t.line("\n" + t.paint(bold, "verdict") + "  " + t.outcome(r.Verdict.Outcome))
	return t.out.Bytes()
}

// Checks returns the verdict on an image alone: each check with its reasons.
func Checks(s attest.Subject, v policy.Verdict, style Style) []byte {
	t := &text{style: style}
	t.field("image", s.Requested())
	t.field("digest", s.Digest().DigestStr())
	t.checks(v)
	t.frameworks(v)
	t.line("\n" + t.paint(bold, "verdict") + "  " + t.outcome(v.Outcome))
	return t.out.Bytes()
}

type text struct {
	out   bytes.Buffer
	style Style
}

// Codes of terminal colours (ECMA-48, SGR).
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (t *text) paint(code, s string) string {
	if !t.style.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *text) line(s string) { t.out.WriteString(s + "\n") }

func (t *text) field(name, value string) {
	t.line(fmt.Sprintf("%-9s %s", name, plain.Line(value, textLimit)))
}

func packageLine(ecosystems []catalog.Ecosystem) string {
	total := 0
	parts := make([]string, 0, len(ecosystems))
	sorted := slices.SortedFunc(slices.Values(ecosystems), func(a, b catalog.Ecosystem) int {
		return cmp.Or(cmp.Compare(b.Packages, a.Packages), cmp.Compare(a.Name, b.Name))
	})
	for _, e := range sorted {
		total += e.Packages
		parts = append(parts, fmt.Sprintf("%d %s", e.Packages, e.Name))
	}
	return fmt.Sprintf("%d: %s", total, strings.Join(parts, ", "))
}

func (t *text) findings(scan finding.Scan) {
	counts := scan.Summary().Counts
	line := countLine(counts.Effective)
	if suppressed := counts.Raw.Total() - counts.Effective.Total(); suppressed > 0 {
		line += fmt.Sprintf(" (%d more suppressed)", suppressed)
	}
	t.field("findings", line)
	t.field("database", databaseLine(scan.Database))
	worst := worstFindings(scan.Findings)
	if len(worst) == 0 {
		return
	}
	rows := [][]string{}
	for _, f := range worst {
		rows = append(rows, []string{f.Severity.String(), f.ID, f.Package.Name + " " + f.Package.Version, fixedIn(f)})
	}
	t.line("")
	t.table([]string{"SEVERITY", "ID", "PACKAGE", "FIXED IN"}, rows)
	if more := counts.Effective.Total() - len(worst); more > 0 {
		t.line(fmt.Sprintf("  and %d more in %s", more, fileScan))
	}
}

// platforms lists the images of an index with what is in them.
func (t *text) platforms(r pipeline.Result) {
	rows := [][]string{}
	for _, p := range r.Platforms {
		found := "not scanned"
		if p.Scan != nil {
			found = countLine(p.Scan.Summary().Counts.Effective)
		}
		packages := 0
		for _, e := range p.Ecosystems {
			packages += e.Packages
		}
		rows = append(rows, []string{p.Platform, shortDigest(p.Subject.Digest().DigestStr()), plain.Count(packages, "package"), found, p.Verdict.Outcome.String()})
	}
	if len(rows) > 0 {
		t.line("")
		t.table([]string{"PLATFORM", "IMAGE", "PACKAGES", "FINDINGS", "VERDICT"}, rows)
	}
}

// fixedIn names the versions that fix a finding.
func fixedIn(f finding.Finding) string {
	if !f.Fixable() {
		return "no fix known"
	}
	return strings.Join(f.FixedIn, ", ")
}

// worstFindings returns the first findings that count, in their order.
func worstFindings(findings []finding.Finding) []finding.Finding {
	var worst []finding.Finding
	for _, f := range findings {
		if f.Effective() && len(worst) < worstShown {
			worst = append(worst, f)
		}
	}
	return worst
}

func (t *text) attestations(r pipeline.Result) {
	heading := "attached and verified"
	if !r.Pushed {
		heading = "signed and verified, not pushed"
	}
	t.line("\n" + t.paint(bold, heading))
	rows := [][]string{}
	for _, v := range r.Attached {
		rows = append(rows, []string{attest.ShortType(v.PredicateType()), shortDigest(v.Envelope().Digest()), shortDigest(v.Signer())})
	}
	t.table([]string{"TYPE", "ATTESTATION", "SIGNED BY"}, rows)
	if others := len(r.Verified) - len(r.Attached); others > 0 {
		t.line(fmt.Sprintf("  %s of others verified too; hallmark verify shows all", plain.Count(others, "attestation")))
	}
	if len(r.Rejected) > 0 {
		t.line(fmt.Sprintf("  %s not believed; hallmark inspect shows all", plain.Count(len(r.Rejected), "attestation")))
	}
}

func (t *text) outcome(o policy.Outcome) string {
	switch o {
	case policy.Pass:
		return t.paint(green, o.String())
	case policy.Deny:
		return t.paint(red, o.String())
	case policy.Undecided:
	}
	return t.paint(yellow, o.String())
}
