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
		"newer sets":         {head + "isCompliant contains {\"result\": true} if { input.predicate.scanner }\n", "p.rego", "rego_parse_error"},
		"http":               {head + "isCompliant { http.send({}) }\n", "p.rego", "undefined function http.send"},
		"texts":              {head + "isCompliant[\"no\"] { input.predicate.scanner.x }\n", "p.rego:5", "a set of texts"},
		"texts by a name":    {head + "isCompliant[m] { input.predicate.scanner.x; m := sprintf(\"%v\", [1]) }\n", "p.rego:5", "a set of texts"},
		"warning by a name":  {head + "isCompliant[r] { input.predicate.scanner.x; r := {\"result\": true, \"warning\": \"w\"} }\n", "p.rego:5", "with a warning is refused"},
		"mixed by names":     {head + "isCompliant[r] { input.predicate.scanner.x; r := {\"result\": true} }\nisCompliant[r] { input.predicate.scanner.y; r = {\"result\": false} }\n", "p.rego:4", "outweighs every failure"},
		"negated":            {"package hallmark.p\ndeny contains \"x\" if not startswith(input.scan.scanner.uri, \"pkg:\")\ndeny contains \"y\" if not input.scan.scanner\n", "p.rego:2", "where input.scan.scanner.uri is absent, this negation does not hold"},
		"negated, a rule":    {"package hallmark.p\nimport input.scan as s\nf(x) if x == 1\ndeny contains \"x\" if not f(s.a)\ndeny contains \"y\" if not s.scanner\n", "p.rego:4", "where input.scan.a is absent"},
		"negated, within":    {"package hallmark.p\nf(x) if x == 1\ndeny contains \"x\" if not f(count(input.scan.a))\ndeny contains \"y\" if not input.scan.b\n", "p.rego:3", "where input.scan.a is absent"},
		"negated, member":    {"package hallmark.p\ndeny contains \"x\" if not input.scan.a in {1}\ndeny contains \"y\" if not input.scan.b\n", "p.rego:2", "where input.scan.a is absent"},
		"negated, sigstore":  {head + "isCompliant { input.predicate.scanner; not startswith(input.predicate.scanner.uri, \"x\") }\n", "p.rego:5", "where input.predicate.scanner.uri is absent"},
		"negated, optional":  {"# METADATA\n# custom: {optional: [scan]}\npackage hallmark.p\nf(x) if x.a == 1\ndeny contains \"x\" if not f(input.scan)\n", "p.rego:5", "where input.scan is absent"},
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
		"negated, equal":     {text: "package hallmark.p\ndeny contains \"x\" if not input.scan.a == 1\n"},
		"negated, there":     {text: "package hallmark.p\nf(x) if x.a == 1\ndeny contains \"x\" if not f(input.scan)\n"},
		"negated, a default": {text: "package hallmark.p\nf(x) if x == 1\ndeny contains \"x\" if not f(object.get(input.scan, [\"a\", \"b\"], 0))\n"},
		"negated, a set":     {text: "package hallmark.p\ndeny contains \"x\" if not 1 in {y | y := input.scan.a[_]}\n"},
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
