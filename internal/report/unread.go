package report

import (
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// unreadShown is how many gaps the text names.
const unreadShown = 10

// gapView is something that nobody looked at, and in which images of an index.
type gapView struct{ What, Why, Platforms string }

// gapsOf lists what was not read, of an index with the platforms that it is in.
func gapsOf(r pipeline.Result) []gapView {
	var out []gapView
	for _, g := range r.Unread {
		var in []string
		for _, p := range r.Platforms {
			if slices.Contains(p.Unread, g) {
				in = append(in, p.Platform)
			}
		}
		out = append(out, gapView{g.What, g.Why, strings.Join(in, ", ")})
	}
	return out
}

func cleanedGap(g finding.Gap) finding.Gap { return finding.Gap{What: line(g.What), Why: line(g.Why)} }

func (m *markdown) unread(r pipeline.Result) {
	gaps := gapsOf(r)
	if len(gaps) == 0 {
		return
	}
	m.paragraph("### Not read: %d", len(gaps))
	m.paragraph("What is in it is unknown. Only `allow-unread` lets the gate pass without it.")
	header, rows := []string{"what", "why"}, [][]string{}
	if len(r.Platforms) > 0 {
		header = append(header, "platforms")
	}
	for _, g := range gaps {
		rows = append(rows, []string{cell(g.What), cell(g.Why), cell(g.Platforms)}[:len(header)])
	}
	m.table(header, rows, summaryRows, fileVerdict)
}

// unread names what was not read.
func (t *text) unread(r pipeline.Result) {
	if len(r.Unread) == 0 {
		return
	}
	rows := [][]string{}
	for _, g := range gapsOf(r)[:min(len(r.Unread), unreadShown)] {
		rows = append(rows, []string{plain.Line(g.What, textLimit), plain.Line(g.Why, textLimit), plain.Line(g.Platforms, textLimit)})
	}
	header := []string{"NOT READ", "WHY", "PLATFORMS"}
	if len(r.Platforms) == 0 {
		header = header[:2]
		for i := range rows {
			rows[i] = rows[i][:2]
		}
	}
	t.line("")
	t.table(header, rows)
	if more := len(r.Unread) - len(rows); more > 0 {
		t.line("  and " + plain.Count(more, "thing") + " more in " + fileVerdict)
	}
}
