package report

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// table writes rows in columns as wide as their widest cell. Where the lines
// would be wider than the style allows, the widest columns become narrower and
// what does not fit them is cut.
func (t *text) table(header []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	widths := make([]int, len(header))
	clean := [][]string{header}
	for _, row := range rows {
		line := make([]string, len(row))
		for i, c := range row {
			line[i] = plain.Line(c, 60)
		}
		clean = append(clean, line)
	}
	for _, row := range clean {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	fit(widths, t.style.Width)
	for _, row := range clean {
		var line strings.Builder
		for i, c := range row {
			c = cut(c, widths[i])
			line.WriteString("  " + c)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)))
			}
		}
		t.line(cut(line.String(), t.style.Width))
	}
}

// fit narrows columns, the widest first, until a line of them has at most width
// characters or they are too narrow to be read. A width of zero changes nothing.
func fit(widths []int, width int) {
	const narrow = 8
	total := 0
	for _, w := range widths {
		total += w + len("  ")
	}
	for ; width > 0 && total > width; total-- {
		widest := slices.Index(widths, slices.Max(widths))
		if widths[widest] <= narrow {
			return
		}
		widths[widest]--
	}
}

// cut returns at most width characters of s; a width of zero cuts nothing.
func cut(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}
