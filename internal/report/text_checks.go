package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

func (t *text) checks(v policy.Verdict) {
	if len(v.Results) == 0 {
		return
	}
	t.line("\n" + t.paint(bold, "checks"))
	for _, c := range v.Results {
		pad := strings.Repeat(" ", len(policy.Undecided.String())-len(c.Outcome.String()))
		t.line(fmt.Sprintf("  %s%s  %s", t.outcome(c.Outcome), pad, plain.Line(checkName(c), textLimit)))
		for i, reason := range c.Reasons {
			if i == reasonsShown {
				t.line(fmt.Sprintf("             and %s in %s", plain.Count(len(c.Reasons)-i, "more reason"), fileVerdict))
				break
			}
			t.line("             " + shortDigest(plain.Line(reason.String(), textLimit)))
		}
		t.aside(c)
	}
}

// checkName is what a check asks for, and which file or rule asks.
func checkName(c policy.Result) string {
	name := c.Name
	if c.Title != "" && c.Title != c.Name {
		name = c.Title + " (" + c.Name + ")"
	}
	if c.Platform != "" {
		name = c.Platform + ": " + name
	}
	return name
}

// aside shows what did not count: warnings, and what is waived.
func (t *text) aside(c policy.Result) {
	var lines []string
	for _, w := range c.Warnings {
		lines = append(lines, "warning: "+w.String())
	}
	for _, w := range c.Waived {
		last := w.Until.Add(-time.Nanosecond).UTC().Format(time.DateOnly)
		lines = append(lines, fmt.Sprintf("waived until %s by %s: %s", last, w.By, w.Message))
	}
	for _, step := range c.Trace {
		t.line("             | " + plain.Line(step, textLimit))
	}
	for i, line := range lines {
		if i == reasonsShown {
			t.line(fmt.Sprintf("             and %s in %s", plain.Count(len(lines)-i, "more line"), fileVerdict))
			return
		}
		t.line("             " + shortDigest(plain.Line(line, textLimit)))
	}
}
