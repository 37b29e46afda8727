package policy

import (
	"strings"
	"testing"
)

func TestLintFindsTheTraps(t *testing.T) {
	head := "# METADATA\n# custom:\n#   predicateType: vuln\npackage sigstore\n"
	for name, c := range map[string]struct {
		text  string
		place string
		says  string // empty: nothing is found
	}{
		"not Rego":           {"package sigstore\n{", "p.rego", "rego_parse_error"},
		"newer words":        {head + "isCompliant := true if { input.predicate.scanner }\n", "p.rego", "add import rego.v1"},
		"http":               {head + "isCompliant { http.send({}) }\n", "p.rego", "undefined function http.send"},
		"texts":              {head + "isCompliant[\"no\"] { input.predicate.scanner.x }\n", "p.rego:5", "a set of texts"},
		"warning":            {head + "isCompliant[{\"result\": true, \"warning\": \"w\"}] { input.predicate.scanner.x }\n", "p.rego:5", "with a warning is refused"},
		"mixed":              {head + "isCompliant[{\"result\": true}] { input.predicate.scanner.x }\nisCompliant[{\"result\": false}] { input.predicate.scanner.y }\n", "p.rego:4", "outweighs every failure"},
		"true by default":    {head + "default isCompliant = true\nisCompliant = false { not input.predicate.scanner }\n", "p.rego:5", "true by default"},
		"dropped":            {head + "isCompliant { input.predicate.ticket == 1 }\n", "p.rego:5", "drops predicate.ticket"},
		"empty predicate":    {head + "isCompliant { not input.predicate.scanner.bad }\n", "p.rego:4", "predicate is empty"},
		"own, empty":         {"package hallmark.p\ndeny contains \"x\" if input.scan.bad\n", "p.rego:1", "predicate is empty"},
		"own, anything":      {"package hallmark.p\ndeny contains \"x\" if input.attestations[_][_].predicate.bad\n", "p.rego:1", "known only when the policy runs"},
		"own, unused":        {"# METADATA\n# custom:\n#   params: {most: {default: 1}}\npackage hallmark.p\ndeny contains \"x\" if not input.scan.good\n", "p.rego:4", "the parameter most is declared and never read"},
		"clean":              {text: head + "isCompliant { input.predicate.scanner.result.counts.effective.critical == 0 }\n"},
		"own, clean":         {text: "package hallmark.p\ndeny contains \"x\" if not input.scan.good\n"},
		"one set, one rule":  {text: head + "isCompliant[{\"result\": r}] { r := input.predicate.scanner.x == 0 }\n"},
		"a refusing warning": {text: head + "isCompliant[{\"result\": false, \"warning\": \"w\"}] { input.predicate.scanner.x }\n"},
	} {
		t.Run(name, func(t *testing.T) {
			found := Check(t.Context(), Compile([]File{{Name: "p.rego", Text: c.text}}, Setting{}))
			if c.says == "" {
				if len(found) > 0 {
					t.Errorf("found %v", found)
				}
				return
			}
			if len(found) == 0 || !strings.HasPrefix(found[0].Place, c.place) || !strings.Contains(found[0].What, c.says) || found[0].Cure == "" {
				t.Errorf("want %s: %s, have %v", c.place, c.says, found)
			}
		})
	}
}

func TestShippedPoliciesAreWithoutTraps(t *testing.T) {
	for _, found := range Check(t.Context(), shippedPolicies(t)) {
		t.Error(found)
	}
}
