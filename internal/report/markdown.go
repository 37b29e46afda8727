package report

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Bounds of summary.md: hosts drop a summary of more than 1 MiB as a whole.
const (
	summaryLimit = 900 << 10 // bytes, after which no more rows are written
	cellLimit    = 200       // bytes of one cell, before it is escaped
)

// markdown is a Markdown document under way.
type markdown struct {
	out   bytes.Buffer
	alone bool // no other report is written beside it: what it leaves out is in the log
}

// rest names the report, or the place, that has what is left out here.
func (m *markdown) rest(file string) string {
	if m.alone {
		return "the log"
	}
	return file
}

func (m *markdown) paragraph(format string, args ...any) {
	fmt.Fprintf(&m.out, format+"\n\n", args...)
}

// table writes rows of cells, which are Markdown already, up to a number of them
// and to the document's limit, and then says how many more there are, and where.
func (m *markdown) table(header []string, rows [][]string, most int, where string) {
	if len(rows) == 0 {
		return
	}
	m.out.WriteString("| " + strings.Join(header, " | ") + " |\n|" + strings.Repeat("---|", len(header)) + "\n")
	for i, row := range rows {
		text := "| " + strings.Join(row, " | ") + " |\n"
		if i == most || m.out.Len()+len(text) > summaryLimit {
			fmt.Fprintf(&m.out, "\n%d more are in %s.\n", len(rows)-i, m.rest(where))
			break
		}
		m.out.WriteString(text)
	}
	m.out.WriteString("\n")
}

// cell returns text that cannot break out of a Markdown table cell or become
// markup.
func cell(s string) string { return escaped(plain.Line(s, cellLimit)) }

// escaped returns a line in which what means something to Markdown or HTML means
// itself.
func escaped(line string) string {
	return strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "&#124;", "`", "&#96;", `\`, "&#92;", "*", "&#42;", "_", "&#95;",
		"[", "&#91;", "]", "&#93;", "!", "&#33;", "#", "&#35;", "~", "&#126;", "@", "&#64;", "://", "&#58;//", "www.", "www&#46;",
	).Replace(line)
}

// advisoryCell returns the id of a finding, linked to its advisory where one is
// known.
func advisoryCell(id, url string) string {
	if url == "" {
		return cell(id)
	}
	return "[" + cell(id) + "](" + url + ")"
}
