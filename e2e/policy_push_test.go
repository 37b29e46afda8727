package e2e_test

import (
	"strings"
	"testing"
)

// A set of policies is signed as an image is: stock cosign verifies what policy push
// signed, and the gate takes what cosign signed.
func TestCosignVerifiesPushedPolicies(t *testing.T) {
	p := newPlace(t, "")
	p.keys("cosign")
	p.keys("other")
	image := p.bare("app")
	p.file("custom.json", `{"approved":true}`)
	p.must("hallmark", "attest", image, "--key", "cosign.key", "--predicate", "custom=custom.json")
	p.file("approved.rego", "# METADATA\n# custom:\n#   predicateType: custom\npackage sigstore\n"+
		"isCompliant { json.unmarshal(input.predicate.Data).approved }\n")

	pushed := p.must("hallmark", "policy", "push", "approved.rego", "oci://"+p.host+"/team/policies:v1", "--key", "cosign.key")
	set, _, _ := strings.Cut(pushed, "\n")
	if got := p.run("cosign", "verify", "--key", "other.pub", "--insecure-ignore-tlog", set); got.code == 0 {
		t.Error("cosign accepts the policies for a key that did not sign them")
	}
	for _, reference := range []string{set, p.host + "/team/policies:v1"} {
		p.must("cosign", "verify", "--key", "cosign.pub", "--insecure-ignore-tlog", reference)
	}

	gate := func(key string) outcome {
		return p.run("hallmark", "gate", image, "--key", "cosign.pub", "--policy", "oci://"+set, "--policy-key", key)
	}
	if got := gate("other.pub"); got.code != 4 {
		t.Errorf("policies that other did not sign: exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	p.must("cosign", "sign", "--key", "other.key", "--tlog-upload=false", "--yes", set)
	for _, key := range []string{"cosign.pub", "other.pub"} {
		if got := gate(key); got.code != 0 {
			t.Errorf("policies signed for %s: exit %d\n%s%s", key, got.code, got.stdout, got.stderr)
		}
	}
}

// Waivers that cosign signed are taken, and those that somebody changed since are not.
func TestWaiversSignedByCosign(t *testing.T) {
	p := newPlace(t, "")
	p.keys("cosign")
	image := p.bare("app")
	p.file("custom.json", `{"approved":false}`)
	p.must("hallmark", "attest", image, "--key", "cosign.key", "--predicate", "custom=custom.json")
	p.file("approved.rego", "package hallmark.approved\n\ndeny contains \"not approved\" if {\n\tsome a in input.attestations.custom\n\tjson.unmarshal(a.predicate.Data).approved == false\n}\n")
	waivers := "waivers:\n  - {policy: approved, reason: on its way, approver: ada, until: 2999-12-31}\n"
	p.file("waivers.yaml", waivers)
	p.must("cosign", "sign-blob", "--key", "cosign.key", "--tlog-upload=false", "--yes", "--output-signature", "waivers.yaml.sig", "waivers.yaml")

	gate := func() outcome {
		return p.run("hallmark", "gate", image, "--key", "cosign.pub", "--policy", "approved.rego", "--waivers", "waivers.yaml", "--waivers-key", "cosign.pub")
	}
	if got := gate(); got.code != 0 {
		t.Errorf("signed waivers: exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	p.file("waivers.yaml", strings.ReplaceAll(waivers, "ada", "eve"))
	if got := gate(); got.code != 4 {
		t.Errorf("changed waivers: exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}
