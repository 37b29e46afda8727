package e2e_test

import (
	"strings"
	"testing"
)

// What hallmark compiles for the cluster is given to Policy Controller's tester as
// it is, and has to come to what the gate comes to. Where it must differ, the case
// says why.
func TestCompiledPoliciesDecideAsTheGate(t *testing.T) {
	p := newPlace(t, "")
	p.keys("cosign")
	p.keys("other")
	images := p.gateImages()

	cases := compiledCases()
	for _, c := range append(exampleCases(), dialectCases()...) {
		cases = append(cases, compiledCase{gateCase: c})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := p.in(t)
			gate := p.gate(c.policy, images[c.image])
			if gate.code != c.want {
				t.Errorf("the gate exits %d, want %d\n%s%s", gate.code, c.want, gate.stdout, gate.stderr)
			}
			cluster := p.compiled(images[c.image], "gate.rego")
			if agree := (cluster.code == 0) == (gate.code == 0); agree != (c.differs == "") {
				t.Errorf("the cluster exits %d, the gate %d; they differ because: %q\n%s%s", cluster.code, gate.code, c.differs, cluster.stdout, cluster.stderr)
			}
			for _, words := range c.says {
				if !strings.Contains(cluster.stdout+cluster.stderr, words) {
					t.Errorf("want %q in what the cluster says:\n%s%s", words, cluster.stdout, cluster.stderr)
				}
			}
		})
	}
}

// compiled compiles a policy and asks the tester. What is not compiled lets nothing
// in.
func (p *place) compiled(image, policy string, flags ...string) outcome {
	p.t.Helper()
	command := append([]string{"policy", "compile", policy, "--key", "cosign.pub", "-o", "compiled.yaml"}, flags...)
	if got := p.run("hallmark", command...); got.code != 0 {
		return got
	}
	return p.run("tester", "-policy", "compiled.yaml", "-image", image, "-log-level", "error")
}

type compiledCase struct {
	gateCase
	says    []string // in the cluster
	differs string   // why the cluster decides otherwise
}

// compiledCases are those of the other dialects.
func compiledCases() []compiledCase {
	own := func(rules string) string { return "package hallmark.p\n" + rules + "\n" }
	read := "data := json.unmarshal(input.attestations.custom[0].predicate.Data)\n"
	cosign := func(rules string) string { return "package signature\n" + rules + "\n" }
	compliance := func(rules string) string {
		return "# METADATA\n# custom:\n#   predicateType: " + typeOfOurOwn + "\npackage compliance\n" + rules + "\n"
	}
	const anyOne = "any one attestation of the type is enough there"
	return []compiledCase{
		{gateCase: gateCase{"own, nothing denies", "first", own(`deny contains "x" if not input.attestations.custom`), 0}},
		{gateCase: gateCase{"own, nothing attached", "none", own(`deny contains "x" if input.attestations.custom[0].predicate.bad`), 4}},
		{gateCase: gateCase{"own, by another signer", "foreign", own(`deny contains "x" if input.attestations.custom[0].predicate.bad`), 4}},
		{gateCase: gateCase{"own, another type", "approval", own(`deny contains "x" if input.attestations.custom[0].predicate.bad`), 4}},
		{gateCase: gateCase{"own, a text", "first", own(`deny contains "surely not" if input.attestations.custom`), 3}, says: []string{"surely not"}},
		{gateCase: gateCase{"own, every text", "first", own(`deny contains x if { input.attestations.custom; some x in ["one", "two", "three"] }`), 3}, says: []string{"one; three; two"}},
		{
			gateCase: gateCase{"own, an object", "first", own(`deny contains {"msg": "bad", "id": "ID-1", "resource": "libx", "fix": "update it"} if input.attestations.custom`), 3},
			says:     []string{"ID-1: libx: bad (fix: update it)"},
		},
		{gateCase: gateCase{"own, a number", "first", own(`deny contains 1 if input.attestations.custom`), 4}, says: []string{"something else than texts"}},
		{gateCase: gateCase{"own, an object without msg", "first", own(`deny contains {"id": "x"} if input.attestations.custom`), 4}, says: []string{"something else than texts"}},
		{gateCase: gateCase{"own, an object with more", "first", own(`deny contains {"msg": "x", "more": "y"} if input.attestations.custom`), 4}, says: []string{"something else than texts"}},
		{gateCase: gateCase{"own, only warnings", "first", own(`warn contains "hm" if input.attestations.custom`), 0}},
		{gateCase: gateCase{"own, a built-in function that fails", "first", own(`deny contains "x" if to_number(input.attestations.custom[0].predicate.Data) > 1`), 4}, says: []string{"eval_conflict_error"}},
		{gateCase: gateCase{"own, Data is a string of JSON", "second", own(`deny contains "x" if {` + "\n" + strings.Replace(read, "data :=", "d :=", 1) + `d.key != "test-attestation-2" }`), 0}},
		{gateCase: gateCase{"own, Data says no", "first", own(`deny contains d.key if {` + "\n" + strings.Replace(read, "data :=", "d :=", 1) + `d.key != "test-attestation-2" }`), 3}, says: []string{"test-attestation-1"}},
		{gateCase: gateCase{"own, Data is no object", "first", own(`deny contains "x" if input.attestations.custom[0].predicate.Data.key`), 0}},
		{
			gateCase: gateCase{"own, one of two is bad", "both", own(`deny contains "x" if {` + "\nsome a in input.attestations.custom\n" + `json.unmarshal(a.predicate.Data).key == "test-attestation-1" }`), 3},
			differs:  anyOne,
		},
		{gateCase: gateCase{"own, a type by its URI", "approval", own(`deny contains "x" if input.attestations["` + typeOfOurOwn + `"][0].predicate.by != "the release team"`), 0}},
		{gateCase: gateCase{"own, a number of 53 bits", "approval", own(`deny contains "x" if input.attestations["` + typeOfOurOwn + `"][0].predicate.count != 9007199254740992`), 0}},
		{gateCase: gateCase{"own, a function and a helper", "first", own("f(x) := x + 1\nbad if f(1) == 2\n" + `deny contains "x" if { input.attestations.custom; bad }`), 3}},
		{gateCase: gateCase{"own, the time", "first", own(`deny contains "x" if { input.attestations.custom; time.parse_rfc3339_ns(input.now) < 1 }`), 0}},
		{gateCase: gateCase{"own, the digest", "first", own(`deny contains input.image.digest if input.attestations.custom`), 3}, says: []string{"sha256:"}},
		{gateCase: gateCase{"own, a verdict that is not attested", "first", own(`deny contains "x" if { input.attestations.custom; input.image.name == "" }`), 0}, differs: "no verdict is attested"},

		{gateCase: gateCase{"cosign, allowed", "second", cosign(`allow { json.unmarshal(input.predicate.Data).key == "test-attestation-2" }`), 0}},
		{gateCase: gateCase{"cosign, not allowed", "first", cosign("default allow = false\n" + `allow { json.unmarshal(input.predicate.Data).key == "test-attestation-2" }`), 3}, says: []string{"allow is not true"}},
		{gateCase: gateCase{"cosign, undefined", "first", cosign(`allow { input.nothing }`), 4}, says: []string{"allow is undefined"}},
		{gateCase: gateCase{"cosign, no boolean", "first", cosign(`allow = "yes"`), 4}},
		{gateCase: gateCase{"cosign, one of two", "both", cosign("default allow = false\n" + `allow { json.unmarshal(input.predicate.Data).key == "test-attestation-2" }`), 3}, differs: anyOne},
		{gateCase: gateCase{"cosign, nothing attached", "none", cosign(`allow = true`), 4}},

		{gateCase: gateCase{"compliance, by the predicate", "approval", compliance(`compliant if input.by == "the release team"`), 0}},
		{gateCase: gateCase{"compliance, by the statement", "approval", compliance(`compliant if input.predicate.by == "the release team"`), 0}},
		{
			gateCase: gateCase{"compliance, violations", "approval", compliance("default compliant := false\n" + `violations contains x if some x in ["one", "two"]`), 3},
			says:     []string{"one; two"},
		},
		{gateCase: gateCase{"compliance, undefined", "approval", compliance(`compliant if input.nothing`), 4}},
		{gateCase: gateCase{"compliance, no boolean", "approval", compliance(`compliant := 1`), 4}},
	}
}
