package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// FuzzPolicy feeds any text as a policy: it must neither panic nor pass unless
// it is a policy, and what it says must be bounded and printable.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{
		"", "package sigstore", always, keyPolicy, notKeyPolicy, endless,
		"package sigstore\nimport rego.v1\nisCompliant contains {\"result\": false, \"error\": \"\u202e\"} if input\n",
		"# METADATA\n# custom:\n#   predicateType: custom\npackage sigstore\nisCompliant { true }",
		"package sigstore\nisCompliant.a.b = 1", "package hallmark.p\ndeny contains input.attestations.custom[_].predicate.Data",
		"# METADATA\n# custom:\n#   predicateType: custom\npackage compliance\ncompliant := true\nviolations contains input",
		"package signature\nallow = true", "# METADATA\n# custom:\n#   params: {a: {default: 1}}\npackage hallmark.p\nwarn contains {\"msg\": data.params.a}",
		"package hallmark.lib.x\nimport data.hallmark.lib.x", "# METADATA\n# custom: [1]\npackage hallmark.p", "package sigstore\nisCompliant[x] = y { x := 1; y := 2 } else = 3",
		"package sigstore\n{", "\xff\xfe", "package sigstore\nisCompliant = " + strings.Repeat("[", 200),
	} {
		f.Add(seed)
	}
	n := newNotary(f)
	evidence := Evidence{Verified: []verify.Verified{n.custom(f, `{"key":"test-attestation-2"}`)}, Now: today()}
	f.Fuzz(func(t *testing.T, text string) {
		policies := Compile([]File{{Name: "fuzz.rego", Text: text}}, Setting{})
		if len(policies) == 0 && strings.Contains(text, "hallmark") {
			return // a library
		}
		p := policies[0]
		verdict := Rules{Policies: []Policy{p}, Limit: 50 * time.Millisecond}.Decide(t.Context(), evidence)
		result := verdict.Results[0]
		if verdict.Outcome != result.Outcome {
			t.Errorf("verdict %s of one result %s", verdict.Outcome, result.Outcome)
		}
		if result.Outcome == Pass {
			if len(p.Problems()) > 0 || !strings.Contains(text, "package") {
				t.Errorf("what is no policy passes: %q", text)
			}
			return
		}
		if len(result.Reasons) == 0 || len(result.Reasons) > 2*(maxReasons+1) {
			t.Errorf("%s with %d reasons", result.Outcome, len(result.Reasons))
		}
		for _, reason := range append(messages(result.Reasons), result.Title) {
			checkPrintable(t, reason)
		}
	})
}

func checkPrintable(t *testing.T, s string) {
	t.Helper()
	unprintable := strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
	if !utf8.ValidString(s) || unprintable || utf8.RuneCountInString(s) > maxReasonLength+16 {
		t.Errorf("not a bounded, printable line: %q", s)
	}
}

// FuzzSummary feeds any JSON as scanner.result: what is accepted must say of
// itself what is in it, and be accepted again when it is written anew.
func FuzzSummary(f *testing.F) {
	valid, err := json.Marshal(dirty().Summary())
	must(f, err)
	f.Add(valid)
	empty, err := json.Marshal(finding.Scan{}.Summary())
	must(f, err)
	f.Add(empty)
	for _, seed := range []string{"", "null", "{}", "[]", `{"findings":[{}]}`, `{"counts":{"raw":{"critical":-1}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, result []byte) {
		summary, err := decodeSummary(result)
		if err != nil {
			return
		}
		raw, effective := finding.Count(summary.Findings)
		if raw != summary.Counts.Raw || effective != summary.Counts.Effective || raw.Total() != len(summary.Findings) {
			t.Errorf("accepted counts %+v of other findings", summary.Counts)
		}
		for i := range summary.Findings {
			checkPrintable(t, clean(sentence(summary.Findings[i])))
			if summary.Findings[i].FixedIn == nil {
				t.Errorf("accepted a finding without fixed versions: %+v", summary.Findings[i])
			}
		}
		again, err := json.Marshal(summary)
		if err != nil {
			return // a time that JSON cannot hold
		}
		if _, err := decodeSummary(again); err != nil {
			t.Errorf("written anew it is refused: %v", err)
		}
	})
}

// FuzzCompiled feeds any text as a policy for the cluster: what is compiled must be a
// module that the controller's own parser takes, in Rego v0, and whose functions it
// has, those that look outside left out.
func FuzzCompiled(f *testing.F) {
	head := "# METADATA\n# custom:\n#   predicateType: vuln\n"
	for _, seed := range []string{
		head + "package sigstore\nisCompliant { input.predicate.scanner }", head + "package signature\ndefault allow = false\nallow { input.predicate }",
		head + "package compliance\ncompliant if input.scanner\nviolations contains x if some x in [1, \"two\"]",
		"package hallmark.p\nf(x) := y if { y := x + 1 }\ndeny contains sprintf(\"%v\", [f(input.scan.a)]) if every x in input.scan.b { x.c != 1 }",
		"# METADATA\n# custom:\n#   params: {m: {default: {a: [1, null]}}}\npackage hallmark.p\ndeny contains {\"msg\": data.params.m.a[_]} if not input.sbom.x",
		"package hallmark.p\nimport input.scan as if_\ndeny contains \"`\" if { data := if_.x; data == \"\\u0000\" } else := false",
		"package hallmark.p\ndeny contains x if { walk(input.scan, [_, x]); http.send({\"url\": x}) }",
	} {
		f.Add(seed)
	}
	cluster := Cluster{Globs: []string{"**"}, Authorities: []Authority{{KMS: "awskms:///alias/a"}}, Verifier: "https://verifier.example"}
	f.Fuzz(func(t *testing.T, text string) {
		policies := Compile([]File{{Name: "fuzz.rego", Text: text}}, Setting{})
		resources, err := Resources(policies, cluster)
		if err != nil {
			return
		}
		for _, r := range resources {
			for _, module := range modulesOf(t, r.YAML) {
				if err := checkController(module); err != nil {
					t.Errorf("the controller refuses %s\n%v", module, err)
				}
			}
		}
	})
}

// modulesOf returns the Rego in a resource, as the cluster decodes it.
func modulesOf(t *testing.T, resource []byte) []string {
	t.Helper()
	var document struct {
		Spec struct {
			Authorities []struct {
				Attestations []struct {
					Policy struct{ Data string }
				}
			}
		}
	}
	must(t, yaml.Unmarshal(resource, &document))
	var modules []string
	for _, authority := range document.Spec.Authorities {
		for _, a := range authority.Attestations {
			modules = append(modules, a.Policy.Data)
		}
	}
	if len(modules) == 0 {
		t.Fatalf("there is no module in %s", resource)
	}
	return modules
}

// FuzzMetadata feeds any YAML as a policy's METADATA: it is read or refused with its
// line, and what it says is printable.
func FuzzMetadata(f *testing.F) {
	for _, seed := range []string{
		"title: x", "custom: {predicateType: vuln}", "custom: {params: {a: {default: [1, {b: null}]}}}", "custom: {controls: [{framework: f, control: c}]}",
		"custom: {optional: [sbom, custom]}", "custom:\n  complianceFrameworks: [a]\n  severity: high", "custom: {params: 1}", "title: \"\\u202e\\a\"", "&a [*a]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		commented := "# METADATA\n# " + strings.ReplaceAll(text, "\n", "\n# ") + "\npackage hallmark.p\ndeny contains \"x\" if input.scan\n"
		p := Compile([]File{{Name: "fuzz.rego", Text: commented}}, Setting{})[0]
		for _, problem := range p.Problems() {
			checkPrintable(t, problem)
		}
		for _, shown := range []string{p.meta.title, p.meta.description, p.meta.severity, p.meta.fix} {
			checkPrintable(t, shown)
		}
		for _, c := range p.meta.controls {
			checkPrintable(t, c.Framework+c.ID)
		}
	})
}

// FuzzParams feeds any text as parameters: what is accepted is accepted again as it
// travels with a set of policies, and comes to the same.
func FuzzParams(f *testing.F) {
	for _, seed := range []string{"", "a: 1", "p: {a: 1}", "p: {\"a\": [1.5, \"x\", null, {\"b\": true}]}", "p:\n  a: &x [1]\n  b: *x", "1: {2: 3}", "p: {a: 2026-01-01}", "p: {a: .inf}", "p: {a: !!binary aGk=}", "p: {a: 0x10}", "\ufeffp: {}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		params, err := ParseParams("params.yaml", []byte(text))
		if err != nil {
			return
		}
		first, err := FormatData(params)
		if err != nil {
			return
		}
		again, err := ParseData("data.json", first)
		if err != nil {
			t.Fatalf("%s: %v", first, err)
		}
		if second, err := FormatData(again); err != nil || string(second) != string(first) {
			t.Errorf("%s came to %s, %v", first, second, err)
		}
	})
}
