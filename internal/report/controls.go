package report

import (
	"cmp"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/policy"
)

// control is a demand of a framework, with what the checks that claim to check it
// came to.
type control struct {
	policy.Control
	Status string   // met, not met, not assessed
	By     []string // the checks
	Why    []string // the first reason of each check that did not pass
}

// controlsOf groups the checks by the controls that they claim to check. A control
// is met if all of its checks passed, and not met if any denies.
func controlsOf(checks []policy.Result) []control {
	var out []control
	for _, c := range checks {
		for _, k := range c.Controls {
			i := slices.IndexFunc(out, func(have control) bool { return have.Control == k })
			if i < 0 {
				i = len(out)
				out = append(out, control{Control: k, Status: met})
			}
			out[i].take(c)
		}
	}
	slices.SortStableFunc(out, func(a, b control) int { return compareControls(a.Control, b.Control) })
	return out
}

// What a control can be.
const (
	met         = "met"
	notMet      = "not met"
	notAssessed = "not assessed"
)

func (k *control) take(c policy.Result) {
	k.By = append(k.By, checkName(c))
	switch {
	case c.Outcome == policy.Deny:
		k.Status = notMet
	case c.Outcome != policy.Pass && k.Status == met:
		k.Status = notAssessed
	}
	if c.Outcome != policy.Pass && len(c.Reasons) > 0 {
		k.Why = append(k.Why, c.Reasons[0].String())
	}
}

func compareControls(a, b policy.Control) int {
	return cmp.Or(cmp.Compare(a.Framework, b.Framework), cmp.Compare(a.ID, b.ID))
}
