package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Somebody has looked at every built-in function and feature that OPA has, and none
// is looked for that it no longer has.
func TestEveryBuiltinWasLookedAt(t *testing.T) {
	seen := map[string]int{}
	for _, group := range slices.Concat(allowedBuiltins(), refusedBuiltins()) {
		if group.why == "" {
			t.Errorf("%v: nobody says why", group.names)
		}
		for _, name := range group.names {
			seen[name]++
		}
	}
	for _, b := range ast.Builtins {
		if seen[b.Name] != 1 {
			t.Errorf("%s: it is in %d groups of allowedBuiltins and refusedBuiltins; look at what it does, and put it into one", b.Name, seen[b.Name])
		}
		delete(seen, b.Name)
	}
	for name := range seen {
		t.Errorf("%s: OPA has no such function", name)
	}
}

func TestEveryFeatureWasLookedAt(t *testing.T) {
	for version, unused := range map[ast.RegoVersion][]string{
		ast.RegoV0: {ast.FeatureRegoV2, ast.FeatureRegoV2Import, "and", "or", "not"},
		ast.RegoV1: {ast.FeatureRegoV2, ast.FeatureRegoV2Import, "and", "or", "not"},
	} {
		features, keywords := allowedFeatures(version)
		all := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(version))
		for _, feature := range slices.Concat(all.Features, all.FutureKeywords) {
			if !slices.Contains(slices.Concat(features, keywords, unused), feature) {
				t.Errorf("Rego v%d: nobody has looked at %s", version, feature)
			}
		}
	}
}

// What is refused is refused in every dialect, by whatever way it is called, and the
// message says why.
func TestRefusedBuiltins(t *testing.T) {
	packages := map[string]string{
		"sigstore":   "package sigstore\nimport rego.v1\nisCompliant if CALL\n",
		"signature":  "package signature\nimport rego.v1\nallow if CALL\n",
		"compliance": "# METADATA\n# custom: {predicateType: vuln}\npackage compliance\nimport rego.v1\ncompliant if CALL\n",
		"own":        "package hallmark.p\nimport rego.v1\ndeny contains \"x\" if CALL\n",
	}
	for dialect, text := range packages {
		for call, says := range map[string]string{
			`json.match_schema({}, {"$ref": "file:///etc/passwd"})[0]`:    "undefined function json.match_schema: policies may not call it, its $ref reads files",
			`json.verify_schema({"$ref": "file:///etc/passwd"})[0]`:       "undefined function json.verify_schema: policies may not call it, its $ref reads files",
			`http.send({"method": "get", "url": "x"})`:                    "undefined function http.send: policies may not call it, it reaches the network",
			`net.lookup_ip_addr("example.com")`:                           "undefined function net.lookup_ip_addr: policies may not call it, it reaches the network",
			`opa.runtime().env.PATH`:                                      "undefined function opa.runtime: policies may not call it, it reads the environment",
			`rand.intn("x", 2) == 1`:                                      "undefined function rand.intn: policies may not call it, it has another answer every time",
			`uuid.rfc4122("x")`:                                           "undefined function uuid.rfc4122",
			`io.jwt.encode_sign({}, {}, {})`:                              "undefined function io.jwt.encode_sign",
			`providers.aws.sign_req({}, {}, 1)`:                           "undefined function providers.aws.sign_req",
			`json.is_valid("x") with json.is_valid as json.match_schema`:  "var json is unsafe",
			`count([1]) with count as http.send`:                          "var http is unsafe",
			`count({x | x := json.match_schema({}, {"$ref": "f"})}) == 1`: "undefined function json.match_schema",
			`data.settings.strict`:                                        "it refers to data.settings.strict, which is not there",
			`not data.settings.strict`:                                    "it refers to data.settings.strict, which is not there",
		} {
			problems := Compile([]File{{Name: "p.rego", Text: strings.ReplaceAll(text, "CALL", call)}}, Setting{})[0].Problems()
			if len(problems) == 0 || !strings.Contains(problems[0], says) {
				t.Errorf("%s: %s: want %q, have %q", dialect, call, says, problems)
			}
		}
	}
	if why, ok := whyRefused("count"); !ok || why != "nobody has looked at what it does" {
		t.Errorf("what is in no list: %q, %t", why, ok)
	}
	if _, ok := whyRefused("own.function"); ok {
		t.Error("what is no built-in function")
	}
}

// A schema in METADATA is not read either: it could name a file as well.
func TestSchemasOfAnnotationsAreNotRead(t *testing.T) {
	text := "# METADATA\n# schemas:\n# - input: {\"$ref\": \"file:///dev/absent\"}\npackage hallmark.p\ndeny contains \"x\" if not input.scan.good\n"
	n := newNotary(t)
	e := Evidence{Now: today(), Verified: []verify.Verified{n.object(t, attest.TypeVuln, `{"good": true}`)}}
	if v := (Rules{Policies: load(t, text)}).Decide(t.Context(), e); v.Outcome != Pass {
		t.Errorf("%s %q", v.Outcome, messages(v.Results[0].Reasons))
	}
}

// The keywords that policies import stay imports that do nothing where the language
// has them itself.
func TestImportsOfKeywords(t *testing.T) {
	for _, text := range []string{
		"package hallmark.p\nimport rego.v1\nimport future.keywords.in\nimport future.keywords.if\ndeny contains \"x\" if not input.scan.good\n",
		"package hallmark.p\nimport future.keywords\ndeny contains $\"{input.scan.x}\" if not input.scan.good\n",
		"package sigstore\nimport future.keywords\nisCompliant if { every x in [1] { x == input.predicate.x } }\n",
	} {
		if problems := Compile([]File{{Name: "p.rego", Text: text}}, Setting{})[0].Problems(); len(problems) > 0 {
			t.Errorf("%s: %q", text, problems)
		}
	}
}
