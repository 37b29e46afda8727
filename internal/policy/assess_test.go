package policy

import (
	"fmt"
	"strings"
	"testing"
)

const someControls = `
- framework: Rules of the house
  title: What the house asks for
  version: "2"
  controls:
    - {control: "1", title: Doors are shut}
    - {control: "2", title: Lights are off}
- framework: Rules of the yard
  controls:
    - {control: A, title: Gates are shut}
`

func TestAssess(t *testing.T) {
	doors, lights, own := Control{"Rules of the house", "1"}, Control{"Rules of the house", "2"}, Control{"Mine", "9"}
	result := func(name string, o Outcome, claims ...Control) Result {
		return Result{Name: name, Outcome: o, Controls: claims}
	}
	for _, c := range []struct {
		name    string
		results []Result
		want    []string
	}{
		{"nobody claims any", []Result{result("p", Pass)}, nil},
		{"a framework as a whole is no control", []Result{result("p", Pass, Control{Framework: "Rules of the house"})}, nil},
		{
			"one of two denies, in any order",
			[]Result{result("p", Deny, doors), result("q", Pass, doors), result("r", Undecided, doors)},
			[]string{"Rules of the house 1 not met: p deny, q pass, r undecided", "Rules of the house 2 not assessed:"},
		},
		{
			"one of two denies, last",
			[]Result{result("q", Pass, doors), result("r", Undecided, doors), result("p", Deny, doors)},
			[]string{"Rules of the house 1 not met: q pass, r undecided, p deny", "Rules of the house 2 not assessed:"},
		},
		{
			"undecided is not met",
			[]Result{result("p", Undecided, doors), result("q", Pass, doors)},
			[]string{"Rules of the house 1 not assessed: p undecided, q pass", "Rules of the house 2 not assessed:"},
		},
		{
			"undecided after a pass is not met",
			[]Result{result("q", Pass, doors), result("p", Undecided, doors)},
			[]string{"Rules of the house 1 not assessed: q pass, p undecided", "Rules of the house 2 not assessed:"},
		},
		{
			"all pass",
			[]Result{result("p", Pass, doors, lights), result("q", Pass, doors)},
			[]string{"Rules of the house 1 met: p pass, q pass", "Rules of the house 2 met: p pass"},
		},
		{
			"a framework that the map does not know",
			[]Result{result("p", Pass, own, doors)},
			[]string{"Rules of the house 1 met: p pass", "Rules of the house 2 not assessed:", "Mine 9 met: p pass"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			known, err := ParseControls([]byte(someControls))
			must(t, err)
			var have []string
			for _, a := range Assess(Verdict{Results: c.results}, known) {
				for _, k := range a.Controls {
					var by []string
					for _, b := range k.By {
						by = append(by, fmt.Sprintf("%s %s", b.Policy, b.Outcome))
					}
					have = append(have, strings.TrimSpace(fmt.Sprintf("%s %s %s: %s", a.Framework, k.ID, k.Status, strings.Join(by, ", "))))
				}
			}
			if strings.Join(have, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("want\n%s\nhave\n%s", strings.Join(c.want, "\n"), strings.Join(have, "\n"))
			}
		})
	}
}
