package policy

import (
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/policies"
)

func TestParseParamsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "the file is empty",
		"denied: [x]":               "denied has no parameters below it; parameters are given by policy",
		"most: 1":                   "most has no parameters below it",
		"hardened:":                 "hardened has no parameters below it",
		"hardened: null":            "hardened has no parameters below it",
		"[a]":                       "of the wrong type",
		"a: {b: 1}\na: {b: 2}":      "already defined",
		"a: {b: 1}\n---\na: {b: 2}": "more than one document",
	} {
		if _, err := ParseParams("p.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: want %q, have %v", text, want, err)
		}
	}
	params, err := ParseParams("p.yaml", []byte("\ufeffa: {b: 1}\n"))
	if err != nil || params["a"]["b"] != 1 {
		t.Errorf("behind a byte order mark: %v, %v", params, err)
	}
}

// Parameters belong to one policy. What was meant by a key that is none's is said.
func TestCheckParams(t *testing.T) {
	rego := func(name, params string) string {
		return "# METADATA\n# custom: {params: {" + params + "}}\npackage hallmark." + name + "\ndeny contains \"x\" if not input.scan.x\n"
	}
	all := Compile([]File{
		{Name: "hallmark:no-gaps", Text: rego("no_gaps", "denied: {default: [a]}"), Shipped: "no-gaps"},
		{Name: "team-rules.rego", Text: rego("team_rules", "max_age: {default: 1}")},
		{Name: "one.rego", Text: rego("twin", "a: {default: 1}")},
		{Name: "two.rego", Text: rego("twin", "a: {default: 1}")},
		{Name: "s.rego", Text: "package sigstore\nisCompliant { true }\n"},
	}, Setting{})
	for name, c := range map[string]struct {
		params     Params
		want, hint string
	}{
		"a package for a name":   {Params{"no_gaps": {"denied": 1}}, `parameters of "no_gaps", and no policy is called so`, "did you mean no-gaps?"},
		"a file for a package":   {Params{"team-rules": {"max_age": 1}}, `parameters of "team-rules", and`, "did you mean team_rules?"},
		"a file's name":          {Params{"team-rules.rego": {"max_age": 1}}, "no policy is called so", "did you mean team_rules?"},
		"a whole package":        {Params{"hallmark.team_rules": {}}, "no policy is called so", "did you mean team_rules?"},
		"with hallmark:":         {Params{"hallmark:no-gaps": {}}, "no policy is called so", "did you mean no-gaps?"},
		"misspelt":               {Params{"no-gap": {}}, "no policy is called so", "did you mean no-gaps?"},
		"nothing like it":        {Params{"x": {}}, "no policy is called so", "it is NAME for hallmark:NAME, and else the last part of the package: no-gaps, team_rules, twin"},
		"another dialect":        {Params{"sigstore": {}}, "no policy is called so", "the last part of the package"},
		"an object, flat":        {Params{"denied": {"a": 1}}, "no policy is called so", "parameters are given by policy: write no-gaps: {denied: VALUE}"},
		"a parameter of another": {Params{"no-gaps": {"max_age": 1}}, `sets "max_age" of no-gaps, which the policy does not read`, "it reads: denied"},
		"a misspelt parameter":   {Params{"no-gaps": {"denid": 1}}, `sets "denid" of no-gaps`, "did you mean denied?"},
		"of two policies":        {Params{"twin": {"a": 1}}, "which two policies are called: one.rego and two.rego", "leave one of them out, or rename its package"},
		"fit":                    {Params{"no-gaps": {"denied": []any{"x"}}, "team_rules": {"max_age": 2}}, "", ""},
	} {
		err := CheckParams(all, Setting{Params: c.params})
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(fault.HintOf(err), c.hint) || fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: want %q (%s), have %v (%s)", name, c.want, c.hint, err, fault.HintOf(err))
		}
	}
	if err := CheckParams(Compile([]File{{Name: "b.rego", Text: "{"}}, Setting{}), Setting{Params: Params{"p": {"a": 1}}}); err != nil {
		t.Errorf("with a policy that nobody can read: %v", err)
	}
	if err := CheckParams(all, Setting{SetParams: map[string]Params{"oci://r/p@sha256:1": {"no-gaps": {"denied": 1}}}}); fault.KindOf(err) != fault.Undecided {
		t.Errorf("a set without the policy: %v", err)
	}
}

// What came with a set goes to the policies of the set alone, and the job's own go
// before it, parameter by parameter.
func TestParametersOfASet(t *testing.T) {
	const text = "# METADATA\n# custom: {params: {a: {default: 1}, b: {default: 1}}}\npackage hallmark.p\ndeny contains \"x\" if not input.scan.x == data.params.a + data.params.b\n"
	all := Compile([]File{{Name: "p.rego", Text: text, Artifact: "oci://one"}, {Name: "q.rego", Text: strings.Replace(text, "hallmark.p", "hallmark.q", 1)}}, Setting{
		Params:    Params{"p": {"b": 3}},
		SetParams: map[string]Params{"oci://one": {"p": {"a": 2, "b": 2}, "q": {"a": 9}}},
	})
	for i, want := range []string{`{"a": 2, "b": 3}`, `{"a": 1, "b": 1}`} {
		if have := all[i].params.String(); have != want {
			t.Errorf("%s: want %s, have %s", all[i].Name(), want, have)
		}
	}
}

// A value that asks for nothing is a problem of the policy: it decides nothing.
func TestValuesThatAskForNothing(t *testing.T) {
	const text = "# METADATA\n# custom:\n#   params:\n#     banned: {type: strings}\n#     narrows: {default: [], type: strings}\n#     quiet: {default: [a], empty: true}\n" +
		"#     limit: {default: 1}\n#     word: {default: a}\n#     flag: {default: false}\n#     table: {default: {a: 1}}\n" +
		"package hallmark.p\ndeny contains \"x\" if { input.scan; data.params.undeclared }\n"
	for name, c := range map[string]struct {
		value any
		says  string // empty: it is taken
	}{
		"banned []":            {[]any{}, "the parameter banned is empty, and so asks for nothing"},
		"banned null":          {nil, "the parameter banned is null"},
		"banned x":             {"x", "the parameter banned is not of the type strings"},
		"banned number":        {[]any{1}, "the parameter banned is not of the type strings"},
		"banned blank":         {[]any{"a", " "}, "the parameter banned has an empty entry"},
		"banned [null]":        {[]any{nil}, "the parameter banned is not of the type strings"},
		"banned [a]":           {[]any{"a"}, ""},
		"narrows []":           {[]any{}, ""},
		"narrows ['']":         {[]any{""}, "the parameter narrows has an empty entry"},
		"quiet []":             {[]any{}, ""},
		"limit '1'":            {"1", "the parameter limit is not of the type number"},
		"word ''":              {"", "the parameter word is empty"},
		"word [a]":             {[]any{"a"}, "the parameter word is not of the type string"},
		"flag 'false'":         {"false", "the parameter flag is not of the type boolean"},
		"table {}":             {map[string]any{}, "the parameter table is empty"},
		"table [a]":            {[]any{"a"}, "the parameter table is not of the type object"},
		"undeclared []":        {[]any{}, "the parameter undeclared is empty"},
		"undeclared [a, null]": {[]any{"a", nil}, "the parameter undeclared has an empty entry"},
		"undeclared 0":         {0, ""},
	} {
		param, _, _ := strings.Cut(name, " ")
		problems := Compile([]File{{Name: "p.rego", Text: text}}, Setting{Params: Params{"p": {param: c.value}}})[0].Problems()
		switch {
		case c.says == "" && len(problems) > 0:
			t.Errorf("%s: %q", name, problems)
		case c.says != "" && (len(problems) == 0 || !strings.Contains(problems[0], c.says)):
			t.Errorf("%s: want %q, have %q", name, c.says, problems)
		}
	}
}

func TestDeclarationsOfParameters(t *testing.T) {
	for declared, want := range map[string]string{
		"a: {type: text}":                    `a: type is "text"; there are string, strings, number, boolean, list, object`,
		"a: {type: strings, default: [1]}":   "a: the default is not of the type strings",
		"a: {default: ['']}":                 "a: the default has an empty entry",
		"a: {default: null}":                 "a: the default is null",
		"a: {nonempty: true}":                "it is not of the form NAME: {default, type, empty, description}",
		"a: {type: number, default: [1, 2]}": "a: the default is not of the type number",
	} {
		text := "# METADATA\n# custom: {params: {" + declared + "}}\npackage hallmark.p\ndeny contains \"x\" if not input.scan.x\n"
		problems := Compile([]File{{Name: "p.rego", Text: text}}, Setting{})[0].Problems()
		if len(problems) == 0 || !strings.Contains(problems[0], want) {
			t.Errorf("%s: want %q, have %q", declared, want, problems)
		}
	}
}

// Each list of a policy that ships says by its default or by empty what [] means:
// those of what is denied or has to be there mean nothing then.
func TestEmptyListsOfShippedPolicies(t *testing.T) {
	mayBeEmpty := map[string]bool{ // what narrows, and exceptions
		"approved.teams": true, "hardened.setuid": true, "licences.denied": true, "licences.allowed": true, "licences.except": true,
		"sbom-complete.warn_on": true, "secrets-clean.ignore": true, "signed-by.types": true, "signed-by.sources": true, "supported-distribution.releases": true,
		"tests-passed.configurations": true, "trusted-builder.branches": true,
	}
	for _, name := range policies.Names() {
		for param, p := range shippedPolicy(t, name, nil).meta.params {
			if p.kind == "" || p.kind == kindList {
				t.Errorf("%s: %s says no type", name, param)
			}
			if p.empty != mayBeEmpty[name+"."+param] {
				t.Errorf("%s: whether %s may be empty is %t", name, param, p.empty)
			}
		}
	}
}
