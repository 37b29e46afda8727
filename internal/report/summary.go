package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Bounds of summary.md: hosts drop a summary of more than 1 MiB as a whole. The
// rest is in scan.json and verdict.json.
const (
	summaryRows    = 50  // of the findings, the verified and the rejected attestations, each
	summaryReasons = 15  // of one check
	cellLimit      = 200 // bytes of one cell, before it is escaped
)

// Summary returns summary.md: the verdict first, then why, what was found and
// what was attached.
func Summary(r pipeline.Result) []byte {
	r = cleaned(r)
	var out bytes.Buffer
	fmt.Fprintf(&out, "## Hallmark: %s\n\n", outcome(r))
	if r.Failure != nil {
		fmt.Fprintf(&out, "The job failed before there was a verdict: %s\n\n", escaped(r.Failure.Error()))
	}
	fmt.Fprintf(&out, "Image %s\n\n", escaped(pinned(r)))
	for _, note := range r.Notes {
		fmt.Fprintf(&out, "> %s\n\n", cell(note))
	}
	summarizeChecks(&out, r)
	summarizePlatforms(&out, r)
	if r.Scan != nil {
		summarizeFindings(&out, *r.Scan)
	}
	summarizeAttestations(&out, r)
	return out.Bytes()
}

func summarizeChecks(out *bytes.Buffer, r pipeline.Result) {
	if len(r.Verdict.Results) == 0 {
		return
	}
	out.WriteString("| check | verdict | reason |\n|---|---|---|\n")
	for _, c := range r.Verdict.Results {
		var reasons []string
		for i, reason := range c.Reasons {
			if i == summaryReasons {
				reasons = append(reasons, fmt.Sprintf("%d more are in %s", len(c.Reasons)-i, fileVerdict))
				break
			}
			reasons = append(reasons, cell(reason.String()))
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", cell(checkName(c)), c.Outcome, strings.Join(reasons, "<br>"))
	}
	out.WriteString("\n")
}

func summarizePlatforms(out *bytes.Buffer, r pipeline.Result) {
	if len(r.Platforms) == 0 {
		return
	}
	out.WriteString("| platform | image | findings | verdict |\n|---|---|---|---|\n")
	for i, p := range r.Platforms {
		if i == summaryRows {
			fmt.Fprintf(out, "\n%d more are in %s.\n", len(r.Platforms)-i, fileVerdict)
			break
		}
		found := "not scanned"
		if p.Scan != nil {
			found = countLine(p.Scan.Summary().Counts.Effective)
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", cell(p.Platform), cell(shortDigest(p.Subject.Digest().DigestStr())), found, p.Verdict.Outcome)
	}
	out.WriteString("\n")
}

func summarizeFindings(out *bytes.Buffer, scan finding.Scan) {
	counts := scan.Summary().Counts
	fmt.Fprintf(out, "### Findings: %s\n\n", countLine(counts.Effective))
	fmt.Fprintf(out, "Scanned %s UTC with the vulnerability database %s of %s UTC.\n\n",
		shownTime(scan.Finished), cell(scan.Database.Schema), shownTime(scan.Database.Built))
	if suppressed := counts.Raw.Total() - counts.Effective.Total(); suppressed > 0 {
		fmt.Fprintf(out, "%d more are suppressed.\n\n", suppressed)
	}
	if counts.Effective.Total() == 0 {
		return
	}
	out.WriteString("| severity | id | package | fixed in |\n|---|---|---|---|\n")
	shown := 0
	for _, f := range scan.Findings {
		if !f.Effective() {
			continue
		}
		if shown == summaryRows {
			fmt.Fprintf(out, "\n%d more are in %s.\n", counts.Effective.Total()-shown, fileScan)
			break
		}
		shown++
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", f.Severity, cell(f.ID),
			cell(f.Package.Name+" "+f.Package.Version), cell(fixedIn(f)))
	}
	out.WriteString("\n")
}

func summarizeAttestations(out *bytes.Buffer, r pipeline.Result) {
	if len(r.Verified)+len(r.Rejected) == 0 {
		return
	}
	out.WriteString("### Attestations\n\n| type | signer | digest |\n|---|---|---|\n")
	verified, rejected := r.Verified[:min(len(r.Verified), summaryRows)], r.Rejected[:min(len(r.Rejected), summaryRows)]
	for _, v := range verified {
		fmt.Fprintf(out, "| %s | %s | %s |\n", cell(attest.ShortType(v.PredicateType())),
			cell(shortDigest(v.Signer())), cell(shortDigest(v.Envelope().Digest())))
	}
	for _, x := range rejected {
		fmt.Fprintf(out, "| %s | not believed: %s | %s |\n", cell(attest.ShortType(x.ClaimedType)), cell(x.Reason.Error()), cell(shortDigest(x.Digest)))
	}
	if more := len(r.Verified) + len(r.Rejected) - len(verified) - len(rejected); more > 0 {
		fmt.Fprintf(out, "\n%d more are in %s.\n", more, fileVerdict)
	}
	out.WriteString("\n")
}

// cell returns text that cannot break out of a Markdown table cell or become
// markup.
func cell(s string) string { return escaped(plain.Line(s, cellLimit)) }

// escaped returns a line in which what means something to Markdown or HTML means
// itself.
func escaped(line string) string {
	return strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;", "`", "&#96;", `\`, "&#92;",
		"*", "&#42;", "_", "&#95;", "[", "&#91;", "]", "&#93;", "!", "&#33;", "#", "&#35;", "~", "&#126;",
	).Replace(line)
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
