package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// Policy Controller's own tester and hallmark's gate are asked the same of the
// same attestations. Whatever one lets through the other must let through, and
// the gate says besides whether a refusal is a denial (3) or could not be
// decided (4).
func TestGateAgreesWithPolicyController(t *testing.T) {
	p := newPlace(t, "")
	p.keys("cosign")
	p.keys("other")
	images := p.gateImages()

	for _, c := range append(exampleCases(), dialectCases()...) {
		t.Run(c.name, func(t *testing.T) {
			p := p.in(t)
			image := images[c.image]
			controller, gate := p.controller(c.policy, image), p.gate(c.policy, image)

			if (controller.code == 0) != (gate.code == 0) {
				t.Errorf("they disagree: the controller exits %d, the gate %d", controller.code, gate.code)
			}
			if gate.code != c.want {
				t.Errorf("the gate exits %d, want %d", gate.code, c.want)
			}
			if t.Failed() {
				t.Logf("controller:\n%s%s\ngate:\n%s%s", controller.stdout, controller.stderr, gate.stdout, gate.stderr)
			}
		})
	}
}

type gateCase struct {
	name   string
	image  string // which attestations it has: see gateImages
	policy string
	want   int // exit code of the gate
}

// gateImages makes an image for each set of attestations that policies are
// tried on.
func (p *place) gateImages() map[string]string {
	p.t.Helper()
	first := p.file("first.json", `{"key":"test-attestation-1"}`)
	second := p.file("second.json", `{"key":"test-attestation-2"}`)
	approval := p.file("approval.json", `{"by":"the release team","count":9007199254740992}`)

	images := map[string]string{}
	for _, name := range []string{"both", "first", "second", "foreign", "approval", "none"} {
		images[name] = p.bare(name)
	}
	p.cosignAttest("cosign.key", "custom", first, images["both"])
	p.cosignAttest("cosign.key", "custom", second, images["both"])
	p.cosignAttest("cosign.key", "custom", first, images["first"])
	p.must("hallmark", "attest", images["second"], "--key", "cosign.key", "--predicate", "custom="+second)
	p.cosignAttest("other.key", "custom", second, images["foreign"])
	p.must("hallmark", "attest", images["approval"], "--key", "cosign.key", "--predicate", typeOfOurOwn+"="+approval)
	return images
}

// in is the same place in another test.
func (p *place) in(t *testing.T) *place {
	inner := *p
	inner.t = t
	return &inner
}

// typeOf returns the predicate type that a policy's metadata names.
func typeOf(policy string) string {
	_, rest, _ := strings.Cut(policy, "predicateType: ")
	predicateType, _, _ := strings.Cut(rest, "\n")
	return predicateType
}

// controller asks Policy Controller's tester.
func (p *place) controller(policy, image string) outcome {
	p.t.Helper()
	indent := func(text, by string) string {
		return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
	}
	p.file("cip.yaml", fmt.Sprintf(`apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata:
  name: gate
spec:
  images:
  - glob: "**"
  authorities:
  - name: key
    key:
      data: |
%s
    attestations:
    - name: attested
      predicateType: %s
      policy:
        type: rego
        data: |
%s
`, indent(string(p.read("cosign.pub")), "        "), typeOf(policy), indent(policy, "          ")))
	return p.run("tester", "-policy", "cip.yaml", "-image", image, "-log-level", "error")
}

// gate asks hallmark.
func (p *place) gate(policy, image string) outcome {
	p.t.Helper()
	return p.run("hallmark", "gate", image, "--key", "cosign.pub", "--policy", p.file("gate.rego", policy))
}

// about puts the metadata that says which type a policy is about, and the
// package, before its rules.
func about(predicateType, rules string) string {
	return "# METADATA\n# title: gate\n# custom:\n#   predicateType: " + predicateType + "\npackage sigstore\n" + rules
}

// The cluster reads the scan through cosign's own form of the predicate, which
// drops what it does not know. What policies need must have survived that.
func TestGateAgreesWithPolicyControllerOnTheScan(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	p.keys("cosign")
	p.must("hallmark", "run", pinned.String(), "--key", "cosign.key", "--vuln-db", database, "--vuln-db-max-age", anyAge)

	for _, predicateType := range []string{"vuln", typeVuln} {
		for rule, want := range map[string]int{
			`input.predicate.scanner.result.counts.effective.critical == 0`:                          3,
			`input.predicate.scanner.result.counts.effective.critical > 0`:                           0,
			`input.predicate.scanner.result.findings[_].package.name == "minimist"`:                  0,
			`input.predicate.scanner.result.database.built > "2020-01-01"`:                           0,
			`input.predicate.scanner.db.version != ""; input.predicate.scanner.version == "0.120.1"`: 0,
			`time.parse_rfc3339_ns(input.predicate.metadata.scanFinishedOn) > 0`:                     0,
		} {
			policy := about(predicateType, "default isCompliant = false\nisCompliant { "+rule+" }\n")
			controller, gate := p.controller(policy, pinned.String()), p.gate(policy, pinned.String())
			if (controller.code == 0) != (gate.code == 0) || gate.code != want {
				t.Errorf("%s: %s: the controller exits %d, the gate %d, want %d\n%s%s%s", predicateType, rule,
					controller.code, gate.code, want, controller.stdout, gate.stdout, gate.stderr)
			}
		}
	}
}

// exampleCases is the example "test-attestation-2" and its negation: any one
// attestation that satisfies the policy is enough.
func exampleCases() []gateCase {
	wanted := about(typeCustom, `
default isCompliant = false
isCompliant {
	data := json.unmarshal(input.predicate.Data)
	data.key == "test-attestation-2"
}
`)
	unwanted := about(typeCustom, `
default isCompliant = false
isCompliant {
	data := json.unmarshal(input.predicate.Data)
	data.key != "test-attestation-2"
}
`)
	return []gateCase{
		{"example, nothing attached", "none", wanted, 4},
		{"example, signed by another key", "foreign", wanted, 4},
		{"example, another type attached", "approval", wanted, 4},
		{"example, only the other attached", "first", wanted, 3},
		{"example, one of two matches", "both", wanted, 0},
		{"example, only it attached", "second", wanted, 0},
		{"negation, only it attached", "second", unwanted, 3},
		{"negation, one of two matches", "both", unwanted, 0},
		{"negation, only the other attached", "first", unwanted, 0},
		{"negation, nothing attached", "none", unwanted, 4},
	}
}

// dialectCases is what a policy may be written like, and what may come of it.
func dialectCases() []gateCase {
	custom := func(rules string) string { return about(typeCustom, rules) }
	return []gateCase{
		{"not Rego", "first", custom(`isCompliant { `), 4},
		{"version 1 without an import", "first", custom(`isCompliant if { true }`), 4},
		{"a function that does not exist", "first", custom(`isCompliant { no_such_function(1) }`), 4},
		{"undefined", "first", custom(`isCompliant { input.predicate.nothing }`), 4},
		{"another rule", "first", custom(`allow { true }`), 4},
		{"another package", "first", strings.Replace(custom(`isCompliant { true }`), "package sigstore", "package signature", 1), 4},
		{"a string", "first", custom(`isCompliant = "yes"`), 4},
		{"a number", "first", custom(`isCompliant = 1`), 4},
		{"one object", "first", custom(`isCompliant = {"result": true}`), 4},
		{"two values", "first", custom("isCompliant = true { true }\nisCompliant = false { true }"), 4},
		{"false", "first", custom(`isCompliant = false`), 3},
		{"an empty set", "first", custom(`isCompliant[r] { false; r := {"result": true} }`), 3},
		{"a set, refusing with errors", "first", custom(`isCompliant[r] { e := ["one", "two"][_]; r := {"result": false, "error": e} }`), 3},
		{"a set, passing with a warning", "first", custom(`isCompliant[r] { r := {"result": true, "warning": "hm"} }`), 3},
		{"a set, refusing with a warning", "first", custom(`isCompliant[r] { r := {"result": false, "warning": "hm"} }`), 3},

		{"true", "first", custom(`isCompliant = true`), 0},
		{"a set, passing", "first", custom(`isCompliant[r] { r := {"result": true} }`), 0},
		{
			"a set, passing beside an error", "first",
			custom(`isCompliant[r] { r := {"result": false, "error": "no"} } { r := {"result": true} }`), 0,
		},
		{"an array, passing", "first", custom(`isCompliant = [{"result": true}]`), 0},
		{"an array, passing beside an error", "first", custom(`isCompliant = [{"result": false, "error": "no"}, {"result": true}]`), 0},
		{
			"an array, a warning before a pass", "first",
			custom(`isCompliant = [{"result": true, "warning": "hm"}, {"result": true}]`), 3,
		},
		{
			"an array, a pass before a warning", "first",
			custom(`isCompliant = [{"result": true}, {"result": true, "warning": "hm"}]`), 0,
		},
		{"import of the future", "first", custom("import future.keywords.if\nisCompliant if { true }"), 0},
		{"import of version 1", "first", custom("import rego.v1\nisCompliant if { true }"), 0},
		{
			"the whole statement is the input", "first",
			custom(`isCompliant { input._type == "https://in-toto.io/Statement/v0.1"; input.predicateType == "` + typeCustom + `"; count(input.subject) == 1 }`), 0,
		},
		{
			"a type by its URI, the predicate an object", "approval",
			about(typeOfOurOwn, `isCompliant { input.predicate.by == "the release team" }`), 0,
		},
		// Of larger ones the controller rounds the last digits away, the gate keeps them.
		{"a number of 53 bits", "approval", about(typeOfOurOwn, `isCompliant { input.predicate.count == 9007199254740992 }`), 0},
	}
}
