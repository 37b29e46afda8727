package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// How much of each is in summary.md; the rest is in the files that it names.
const (
	summaryRows    = 50 // of every table but the findings
	summaryWorst   = 100
	summaryReasons = 15 // of one check
)

// Summary returns summary.md: the verdict first, then what was found, what was asked
// and why it came out so, what is waived, what was attached, and how to check it.
func Summary(r pipeline.Result) []byte {
	m := &markdown{}
	m.result(cleaned(r))
	return m.out.Bytes()
}

// GateSummary returns the same of a gate alone, beside which no report is written.
func GateSummary(s attest.Subject, v policy.Verdict) []byte {
	m := &markdown{alone: true}
	m.result(cleaned(pipeline.Result{Subject: s, Verdict: v}))
	return m.out.Bytes()
}

// result writes all of a result whose texts are clean.
func (m *markdown) result(r pipeline.Result) {
	m.paragraph("## Hallmark: %s", outcome(r))
	m.paragraph("**%s**", escaped(headline(r)))
	if r.Failure != nil {
		m.paragraph("%s", escaped(r.Failure.Error()))
	}
	m.paragraph("Image %s", escaped(pinned(r)))
	if origin := originLine(r); origin != "" {
		m.paragraph("SBOM %s", escaped(line(origin)))
	}
	for _, note := range r.Notes {
		m.paragraph("> %s", escaped(note))
	}
	m.checks(r)
	m.platforms(r)
	if r.Scan != nil {
		m.findings(*r.Scan)
	}
	m.unread(r)
	m.controls(r)
	m.exceptions(r)
	m.attestations(r)
	m.again(r)
}

func (m *markdown) checks(r pipeline.Result) {
	var rows [][]string
	for _, c := range objectionsFirst(r.Verdict.Results) {
		rows = append(rows, []string{cell(checkName(c)), c.Outcome.String(), m.reasonsCell(c)})
	}
	m.table([]string{"check", "verdict", "reason"}, rows, summaryRows, fileVerdict)
}

func (m *markdown) reasonsCell(c policy.Result) string {
	var out []string
	for i, reason := range c.Reasons {
		if i == summaryReasons {
			out = append(out, fmt.Sprintf("%d more are in %s", len(c.Reasons)-i, m.rest(fileVerdict)))
			break
		}
		out = append(out, cell(reason.String()))
	}
	for i, w := range c.Warnings {
		if i == summaryReasons {
			break
		}
		out = append(out, "warning: "+cell(w.String()))
	}
	return strings.Join(out, "<br>")
}

func (m *markdown) platforms(r pipeline.Result) {
	var rows [][]string
	for _, p := range r.Platforms {
		found := "not scanned"
		if p.Scan != nil {
			found = countLine(p.Scan.Summary().Counts.Effective)
		}
		rows = append(rows, []string{cell(p.Platform), cell(shortDigest(p.Subject.Digest().DigestStr())), found, p.Verdict.Outcome.String()})
	}
	m.table([]string{"platform", "image", "findings", "verdict"}, rows, summaryRows, fileVerdict)
}

func (m *markdown) findings(scan finding.Scan) {
	counts := scan.Summary().Counts
	m.paragraph("### Findings: %s", countLine(counts.Effective))
	if how := scannedWords(scan); how != "" {
		m.paragraph("Scanned%s.", escaped(how))
	}
	if words := suppressedWords(counts); words != "" {
		m.paragraph("%s", words)
	}
	var rows [][]string
	for _, f := range scan.Findings {
		if f.Effective() {
			severity := f.Severity.String()
			if f.KEV != nil {
				severity += ", exploited"
			}
			rows = append(rows, []string{
				severity, advisoryCell(f.ID, advisoryOf(f)), cell(f.Package.Name + " " + f.Package.Version), cell(fixedIn(f)),
			})
		}
	}
	m.table([]string{"severity", "id", "package", "fixed in"}, rows, summaryWorst, fileScan)
}

func (m *markdown) controls(r pipeline.Result) {
	var rows [][]string
	for _, k := range controlsOf(r.Verdict.Results) {
		rows = append(rows, []string{cell(k.Framework), cell(k.ID), k.Status, cell(strings.Join(k.By, ", ")), cell(strings.Join(k.Why, "; "))})
	}
	if len(rows) == 0 {
		return
	}
	m.paragraph("### Controls")
	m.table([]string{"framework", "control", "status", "checked by", "reason"}, rows, summaryRows, fileVerdict)
}

// exceptions lists what would count, had nobody answered for it.
func (m *markdown) exceptions(r pipeline.Result) {
	var rows [][]string
	for _, x := range exceptionsOf(r) {
		rows = append(rows, []string{cell(x.What), cell(x.In), cell(x.Source), cell(x.Why), cell(x.By), x.Until})
	}
	if len(rows) == 0 {
		return
	}
	m.paragraph("### Waived and suppressed")
	m.table([]string{"what", "in", "source", "why", "by", "until"}, rows, summaryRows, fileScan+" and "+fileVerdict)
}

// exception is something that does not count, and why.
type exception struct{ What, In, Source, Why, By, Until, Document string }

// exceptionsOf returns what was waived and suppressed, first that which people
// answer for.
func exceptionsOf(r pipeline.Result) []exception {
	var out []exception
	for _, c := range r.Verdict.Results {
		for _, w := range c.Waived {
			out = append(out, exception{w.Message, checkName(c), "waiver", w.Why, w.By, day(w.Until), w.Document})
		}
	}
	if r.Scan == nil {
		return out
	}
	for _, f := range r.Scan.Findings {
		if s := f.SuppressedBy; s != nil {
			until := ""
			if s.Until != nil {
				until = day(*s.Until)
			}
			out = append(out, exception{
				f.ID + " (" + f.Severity.String() + ")", f.Package.Name + " " + f.Package.Version, s.Source, s.Reason, s.By, until, s.Document,
			})
		}
	}
	slices.SortStableFunc(out, func(a, b exception) int { return rank(a.Source) - rank(b.Source) })
	return out
}

func rank(source string) int {
	return slices.Index([]string{"waiver", "vex", "database"}, source)
}

func day(t time.Time) string { return t.UTC().Format(dayFormat) }

func (m *markdown) attestations(r pipeline.Result) {
	if len(r.Verified)+len(r.Rejected) == 0 {
		return
	}
	m.paragraph("### Attestations")
	own := ownOf(r)
	var rows [][]string
	for _, v := range r.Verified {
		by := "earlier"
		if own[v.Envelope().Digest()] {
			by = "this run"
		}
		rows = append(rows, []string{cell(attest.ShortType(v.PredicateType())), cell(shortDigest(v.Signer())), cell(shortDigest(v.Envelope().Digest())), by})
	}
	m.table([]string{"type", "signer", "digest", "attached by"}, rows, summaryRows, fileVerdict)
	rows = nil
	for _, x := range r.Rejected {
		rows = append(rows, []string{cell(attest.ShortType(x.ClaimedType)), "not believed: " + cell(x.Reason.Error()), cell(shortDigest(x.Digest))})
	}
	m.table([]string{"claims to be", "why not", "digest"}, rows, summaryRows, fileVerdict)
}

func (m *markdown) again(r pipeline.Result) {
	commands := againCommands(r)
	if len(commands) == 0 {
		return
	}
	m.paragraph("### Check it again")
	m.paragraph("```sh\n%s\n```", strings.Join(commands, "\n"))
}

// ownOf returns the digests of the envelopes that this run attached.
func ownOf(r pipeline.Result) map[string]bool {
	own := map[string]bool{}
	for _, v := range r.Verified {
		// A signer has one signature of an image, and this run has just replaced it.
		own[v.Envelope().Digest()] = v.PredicateType() == attest.TypeSignature && r.Signed != "" && v.Signer() == r.Signed
	}
	for _, v := range r.Attached {
		own[v.Envelope().Digest()] = true
	}
	return own
}

// countLine returns the counts that are not zero, the worst first.
func countLine(c finding.Counts) string {
	var parts []string
	for _, s := range finding.Severities() {
		if n := c.Of(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
