package report

import (
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// Rescanned is one image that was to be rescanned, and what came of it.
type Rescanned struct {
	Image  string
	Result pipeline.Result
	Err    error // why there is no verdict
}

// Outcome is the verdict on one image; one that failed is not decided.
func (r Rescanned) Outcome() policy.Outcome {
	if r.Err != nil {
		return policy.Undecided
	}
	return r.Result.Verdict.Outcome
}

// RescannedTable returns a line for each image: its verdict, what counts, and why
// it does not pass.
func RescannedTable(rows []Rescanned, style Style) []byte {
	t := &text{style: style}
	for _, r := range rows {
		image := plain.Line(r.Image, textLimit)
		if r.Err != nil {
			t.line(t.paint(red, "failed") + "     " + image + "  " + plain.Line(r.Err.Error(), textLimit))
			continue
		}
		pad := strings.Repeat(" ", len(policy.Undecided.String())-len(r.Outcome().String()))
		line := t.outcome(r.Outcome()) + pad + "  " + image
		_, effective := finding.Count(r.Result.Scan.Findings)
		t.line(line + "  " + countLine(effective))
		for _, why := range r.WhyNot() {
			t.line("           " + why)
		}
	}
	return t.out.Bytes()
}

// RescannedSummary returns a table of the images in Markdown, below what came of all
// of them: a verdict, or that some failed.
func RescannedSummary(rows []Rescanned, outcome string) []byte {
	m := &markdown{alone: true}
	m.paragraph("## Hallmark: %s", outcome)
	m.paragraph("**%s rescanned.**", plain.Count(len(rows), "image"))
	var table [][]string
	for _, r := range rows {
		line := []string{cell(r.Image), r.Outcome().String(), "", ""}
		if r.Err != nil {
			line[3] = cell(r.Err.Error())
			table = append(table, line)
			continue
		}
		line[2] = countLine(r.Result.Scan.Summary().Counts.Effective)
		line[3] = strings.Join(mapped(r.WhyNot(), cell), "<br>")
		table = append(table, line)
	}
	m.table([]string{"image", "verdict", "findings", "reason"}, table, maxRescanned, "")
	return m.out.Bytes()
}

// maxRescanned is how many images the summary lists.
const maxRescanned = 1000

// WhyNot returns a line for each check that does not pass, with its first reason.
func (r Rescanned) WhyNot() []string {
	var lines []string
	for _, c := range r.Result.Verdict.Results {
		if c.Outcome != policy.Pass && len(c.Reasons) > 0 {
			lines = append(lines, plain.Line(checkName(c)+": "+c.Reasons[0].String(), textLimit))
		}
	}
	return lines
}

// rescannedDocument is one image as JSON.
type rescannedDocument struct {
	Image   string                 `json:"image"`
	Digest  string                 `json:"digest,omitempty"`
	Verdict string                 `json:"verdict"`
	Error   string                 `json:"error,omitempty"`
	Hint    string                 `json:"hint,omitempty"`
	Counts  *finding.SummaryCounts `json:"counts,omitempty"`
	Checks  []verdictCheck         `json:"checks"`
	Notes   []string               `json:"notes"`
}

// RescannedJSON returns the images as a JSON array, also for one.
func RescannedJSON(rows []Rescanned) ([]byte, error) {
	documents := []rescannedDocument{}
	for _, r := range rows {
		d := rescannedDocument{Image: plain.Line(r.Image, textLimit), Verdict: r.Outcome().String(), Checks: checks(r.Result.Verdict), Notes: append([]string{}, r.Result.Notes...)}
		if r.Err != nil {
			d.Error, d.Hint = plain.Line(r.Err.Error(), textLimit), fault.HintOf(r.Err)
		}
		if r.Result.Scan != nil {
			counts := r.Result.Scan.Summary().Counts
			d.Digest, d.Counts = "sha256:"+r.Result.Subject.Hex(), &counts
		}
		documents = append(documents, d)
	}
	return indented("the rescanned images", documents)
}

// OfImages writes how many of some images.
func OfImages(n, all int) string { return fmt.Sprintf("%d of %s", n, plain.Count(all, "image")) }
