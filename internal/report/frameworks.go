package report

import (
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// frameworks says in a line for each framework how many of its controls are met,
// and which are not. It says nothing where no policy claims a control.
func (t *text) frameworks(v policy.Verdict) {
	all := policy.Assess(v, v.Known)
	if len(all) == 0 {
		return
	}
	t.line("\n" + t.paint(bold, "controls"))
	for _, a := range all {
		t.line("  " + plain.Line(frameworkLine(a), textLimit))
	}
}

func frameworkLine(a policy.Assessment) string {
	line := fmt.Sprintf("%s: %d met, %d not met, %d not assessed", a.Framework,
		a.Count(policy.Met), a.Count(policy.NotMet), a.Count(policy.NotAssessed))
	var open []string
	for _, c := range a.Controls {
		if c.Status == policy.NotMet {
			open = append(open, c.ID)
		}
	}
	if len(open) > 0 {
		line += "; not met: " + strings.Join(open, ", ")
	}
	return line
}
