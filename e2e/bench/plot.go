package main

import (
	"fmt"
	"strings"
)

// The measures of a panel, in pixels.
const (
	panelWidth  = 300
	panelHeight = 200
	plotLeft    = 45
	plotTop     = 30
	plotWidth   = 235
	plotHeight  = 130
	columns     = 3
)

// plot draws each series in a panel of its own, both axes from zero, so that what
// grows linearly lies on a straight line. It is readable on a light and on a dark
// page.
func plot(all []series) string {
	rows := (len(all) + columns - 1) / columns
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" role="img" aria-label="Time against size">`+"\n",
		columns*panelWidth, rows*panelHeight)
	b.WriteString(`<style>text{fill:#444}.axis{stroke:#888;fill:none}.line{stroke:#0969da;stroke-width:2;fill:none}.dot{fill:#0969da}` +
		`@media(prefers-color-scheme:dark){text{fill:#ccc}.line{stroke:#58a6ff}.dot{fill:#58a6ff}}</style>` + "\n")
	for i, s := range all {
		if len(s.points) > 0 {
			panel(&b, s, i%columns*panelWidth, i/columns*panelHeight)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func panel(b *strings.Builder, s series, left, top int) {
	last := s.points[len(s.points)-1]
	most := max(slowest(s).Seconds(), 0.001)
	fmt.Fprintf(b, `<g transform="translate(%d %d)"><text x="%d" y="16" font-weight="bold">%s: %s</text>`+"\n", left, top, plotLeft, s.job, s.what)
	fmt.Fprintf(b, `<path class="axis" d="M%d %dV%dH%d"/>`, plotLeft, plotTop, plotTop+plotHeight, plotLeft+plotWidth)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%.2g s</text><text x="%d" y="%d" text-anchor="end">0</text>`,
		plotLeft-4, plotTop+4, most, plotLeft-4, plotTop+plotHeight)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%d</text>`+"\n", plotLeft+plotWidth, plotTop+plotHeight+15, last.size)
	var line, dots strings.Builder
	for i, p := range s.points {
		x := float64(plotLeft) + plotWidth*float64(p.size)/float64(last.size)
		y := float64(plotTop) + plotHeight*(1-p.wall.Seconds()/most)
		fmt.Fprintf(&line, "%c%.1f %.1f", "ML"[min(i, 1)], x, y)
		fmt.Fprintf(&dots, `<circle class="dot" cx="%.1f" cy="%.1f" r="3"/>`, x, y)
	}
	fmt.Fprintf(b, `<path class="line" d="%s"/>%s</g>`+"\n", line.String(), dots.String())
}
