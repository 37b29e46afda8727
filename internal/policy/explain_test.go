package policy

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/verify"
)

func TestExplain(t *testing.T) {
	n := newNotary(t)
	for _, c := range []struct {
		name, policy string
		verified     []verify.Verified
		want         []string
	}{
		{"which line does not hold, and with what", `package sigstore

import rego.v1

default isCompliant := false

isCompliant if {
	critical := input.predicate.scanner.result.counts.effective.critical
	critical == 0
}
`, []verify.Verified{n.scan(t, dirty(), nil)}, []string{"p.rego:9: critical == 0 does not hold, where critical = 1"}},
		{"which rule holds, and with what", `package hallmark.p

deny contains msg if {
	some finding in input.scan.scanner.result.findings
	finding.severity == "critical"
	not finding.suppressedBy
	msg := sprintf("%s is critical", [finding.id])
}
`, []verify.Verified{n.scan(t, dirty(), nil)}, []string{"p.rego:3: deny contains msg holds, where msg = \"GHSA-xvch-5gv4-984h is critical\""}},
		{"a policy that passes explains nothing", "package hallmark.p\n\ndeny contains \"x\" if input.scan.never\n", []verify.Verified{n.scan(t, dirty(), nil)}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := Rules{Policies: load(t, c.policy), Explain: true}
			trace := rules.Decide(t.Context(), Evidence{Verified: c.verified, Now: today()}).Results[0].Trace
			for _, step := range c.want {
				if !slices.Contains(trace, step) {
					t.Errorf("want %q in\n%s", step, strings.Join(trace, "\n"))
				}
			}
			if c.want == nil && trace != nil {
				t.Errorf("%q", trace)
			}
		})
	}
}

// An endless policy must not fill the memory with its steps.
func TestExplainIsBounded(t *testing.T) {
	n := newNotary(t)
	rules := Rules{Policies: load(t, endless), Explain: true, Limit: 100 * time.Millisecond}
	trace := rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.custom(t, "{}")}, Now: today()}).Results[0].Trace
	if len(trace) > maxSteps+1 {
		t.Errorf("%d steps", len(trace))
	}
}
