package policy

import (
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// lenient is satisfied by whatever it is asked about, so that METADATA that are not
// read make it pass.
const lenient = "package sigstore\nisCompliant { input.predicate }\n"

func TestMetadataThatNothingReads(t *testing.T) {
	const unread = "this looks like METADATA, and nothing reads it"
	for name, c := range map[string]struct{ text, says string }{
		"lower case":            {"# metadata\n# custom:\n#   predicateType: vuln\n" + lenient, "p.rego:1: " + unread},
		"capitalized":           {"# Metadata\n# custom:\n#   predicateType: vuln\n" + lenient, "p.rego:1: " + unread},
		"misspelt":              {"# METDATA\n# title: x\n" + lenient, "p.rego:1: " + unread},
		"two words":             {"# META DATA\n# title: x\n" + lenient, "p.rego:1: " + unread},
		"a blank first":         {" # METADATA\n # custom:\n #   predicateType: vuln\n" + lenient, "p.rego:1: " + unread},
		"a tab first":           {"\t# METADATA\n" + lenient, "p.rego:1: " + unread},
		"two signs":             {"##METADATA\n## custom:\n##   predicateType: vuln\n" + lenient, "p.rego:1: " + unread},
		"two signs, a blank":    {"## METADATA\n" + lenient, "p.rego:1: " + unread},
		"no word":               {"# custom:\n#   predicateType: vuln\n" + lenient, "p.rego:1: " + unread},
		"no word, flow":         {"# custom: {predicateType: vuln}\n" + lenient, "p.rego:1: " + unread},
		"no word, braces":       {"# {custom: {\"predicateType\": vuln}}\n" + lenient, "p.rego:1: " + unread},
		"no word, a title":      {"# title: x\n" + lenient, "p.rego:1: " + unread},
		"no word, a scope":      {"# scope: package\n" + lenient, "p.rego:1: " + unread},
		"no word, a parameter":  {"# params:\n#   a: {default: 1}\n" + lenient, "p.rego:1: " + unread},
		"a gap":                 {"# METADATA\n# title: x\n\n# custom:\n#   predicateType: vuln\n" + lenient, "p.rego:4: " + unread},
		"a line moved":          {"# METADATA\n# custom:\n #   predicateType: vuln\n" + lenient, "p.rego:3: " + unread},
		"behind the package":    {"package sigstore # predicateType: vuln\nisCompliant { true }\n", "p.rego:1: " + unread},
		"below the package":     {"package sigstore\n# custom:\n#   predicateType: vuln\nisCompliant { true }\n", "p.rego:2: " + unread},
		"at the end":            {lenient + "# predicateType = vuln\n", "p.rego:3: " + unread},
		"of another dialect":    {"# metadata\n# custom: {predicateType: vuln}\npackage signature\nallow { input.predicate }\n", "p.rego:1: " + unread},
		"of the own":            {"# metadata\n# custom: {params: {a: {default: []}}}\npackage hallmark.p\ndeny contains \"x\" if not input.scan.x\n", "p.rego:1: " + unread},
		"another key":           {"# METADATA\n# custom:\n#   predicate_type: vuln\n" + lenient, "p.rego:3: custom.predicate_type is not read: write predicateType below custom"},
		"a capital":             {"# METADATA\n# custom:\n#   PredicateType: vuln\n" + lenient, "p.rego:3: custom.PredicateType is not read"},
		"no capital":            {"# METADATA\n# custom:\n#   predicatetype: vuln\n" + lenient, "p.rego:3: custom.predicatetype is not read"},
		"a dash":                {"# METADATA\n# custom:\n#   predicate-type: vuln\n" + lenient, "p.rego:3: custom.predicate-type is not read"},
		"a letter less":         {"# METADATA\n# custom:\n#   predicatType: vuln\n" + lenient, "p.rego:3: custom.predicatType is not read: did you mean predicateType?"},
		"half of it":            {"# METADATA\n# custom:\n#   predicate: vuln\n" + lenient, "p.rego:3: custom.predicate is not read"},
		"several":               {"# METADATA\n# custom:\n#   predicateTypes: [vuln]\n" + lenient, "p.rego:3: custom.predicateTypes is not read"},
		"outside of custom":     {"# METADATA\n# title: x\n# predicateType: vuln\n" + lenient, "p.rego:3: predicateType is not read: write predicateType below custom"},
		"with a dot":            {"# METADATA\n# custom.predicateType: vuln\n" + lenient, "p.rego:2: custom.predicateType is not read"},
		"deeper":                {"# METADATA\n# custom:\n#   hallmark: {predicateType: vuln}\n" + lenient, "p.rego:3: custom.hallmark.predicateType is not read"},
		"another parent":        {"# METADATA\n# customs:\n#   predicateType: vuln\n" + lenient, "p.rego:2: customs is not read: did you mean custom?"},
		"misspelt severity":     {"# METADATA\n# custom:\n#   severty: high\n" + lenient, "p.rego:3: custom.severty is not read: did you mean severity?"},
		"severity outside":      {"# METADATA\n# severity: high\n" + lenient, "p.rego:2: severity is not read: write it below custom"},
		"parameters outside":    {"# METADATA\n# params: {a: {default: 1}}\npackage hallmark.p\ndeny contains \"x\" if not input.scan.x\n", "p.rego:2: params is not read"},
		"no type":               {"# METADATA\n# custom:\n#   predicateType:\n" + lenient, "p.rego:1: custom.predicateType: it does not name a type"},
		"an empty type":         {"# METADATA\n# custom:\n#   predicateType: ''\n" + lenient, "p.rego:1: custom.predicateType: it does not name a type"},
		"a blank type":          {"# METADATA\n# custom:\n#   predicateType: ' '\n" + lenient, "p.rego:1: custom.predicateType: "},
		"a list of types":       {"# METADATA\n# custom:\n#   predicateType: [vuln]\n" + lenient, "p.rego:1: custom.predicateType: it does not name a type"},
		"an unknown type":       {"# METADATA\n# custom:\n#   predicateType: vulm\n" + lenient, `p.rego:1: custom.predicateType: unknown predicate type "vulm"`},
		"no YAML":               {"# METADATA\n# custom: predicateType: vuln\n" + lenient, "rego_parse_error"},
		"a tab in it":           {"# METADATA\n# custom:\n#\tpredicateType: vuln\n" + lenient, "rego_parse_error"},
		"nothing in it":         {"# METADATA\n\n" + lenient, "rego_parse_error"},
		"twice in one":          {"# METADATA\n# custom: {predicateType: custom, predicateType: vuln}\n" + lenient, "rego_parse_error"},
		"two blocks, two types": {"# METADATA\n# custom: {predicateType: custom}\n\n# METADATA\n# custom: {predicateType: vuln}\n" + lenient, "p.rego:4: custom.predicateType: "},
		"at a rule":             {"package sigstore\n# METADATA\n# custom:\n#   predicateType: vuln\nisCompliant { true }\n", "p.rego:2: custom.predicateType stands at a rule"},
		"at an import":          {"package sigstore\n# METADATA\n# custom:\n#   predicateType: vuln\nimport rego.v1\nisCompliant if true\n", "rego_parse_error"},
		"at nothing":            {lenient + "# METADATA\n# custom:\n#   predicateType: vuln\n", "rego_parse_error"},
		"in UTF-16":             {"\xff\xfe#\x00 \x00M\x00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			problems := Compile([]File{{Name: "p.rego", Text: c.text}}, Setting{})[0].Problems()
			if len(problems) == 0 || !strings.Contains(problems[0], c.says) {
				t.Errorf("want %q, have %q", c.says, problems)
			}
		})
	}
}

// What is read is read behind a byte order mark as well, and comments, keys and
// policies without METADATA are their authors' own.
func TestMetadataThatIsRead(t *testing.T) {
	const vuln = "# custom:\n#   predicateType: vuln\n"
	for name, c := range map[string]struct{ text, want string }{
		"a byte order mark":     {"\ufeff# METADATA\n" + vuln + lenient, attest.TypeVuln},
		"carriage returns":      {strings.ReplaceAll("\ufeff# METADATA\n"+vuln+lenient, "\n", "\r\n"), attest.TypeVuln},
		"no blank":              {"#METADATA\n#custom:\n#  predicateType: vuln\n" + lenient, attest.TypeVuln},
		"a colon":               {"# METADATA:\n" + vuln + lenient, attest.TypeVuln},
		"below a comment":       {"# Copyright: nobody\n\n# METADATA\n" + vuln + lenient, attest.TypeVuln},
		"keys of others":        {"# METADATA\n# title: x\n# custom:\n#   predicateType: vuln\n#   priority: 1\n#   tags: [a]\n#   relatedResources: []\n" + lenient, attest.TypeVuln},
		"a list of nested keys": {"# METADATA\n# authors:\n# - {name: x, email: y}\n" + vuln + lenient, attest.TypeVuln},
		"none":                  {lenient, ""},
		"prose":                 {"# Metadata of the image is looked at here. Note: nothing else.\n# Description: says what it is\n" + lenient + "# title: of a part\n", ""},
		"at a rule, others":     {"package sigstore\n# METADATA\n# title: x\n# custom: {severity: high}\nisCompliant { true }\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := Compile([]File{{Name: "p.rego", Text: c.text}}, Setting{})[0]
			if len(p.Problems()) > 0 || p.meta.predicateType != c.want {
				t.Errorf("%q, problems %q", p.meta.predicateType, p.Problems())
			}
		})
	}
	n := newNotary(t)
	e := Evidence{Now: today(), Verified: []verify.Verified{n.object(t, attest.TypeCycloneDX, `{"bomFormat":"CycloneDX"}`)}}
	marked := Compile([]File{{Name: "p.rego", Text: "\ufeff# METADATA\n" + vuln + lenient}}, Setting{})
	if v := (Rules{Policies: marked, Explain: true}).Decide(t.Context(), e); v.Outcome != Undecided {
		t.Errorf("a policy about scans, behind a byte order mark, on an SBOM: %s", v.Outcome)
	}
}
