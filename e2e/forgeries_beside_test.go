package e2e_test

import (
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

const (
	typeProvenance   = "https://slsa.dev/provenance/v1"
	typeProvenance02 = "https://slsa.dev/provenance/v0.2"
)

// builtPolicy asks which builder built the image, in the words of both versions of
// SLSA provenance.
const builtPolicy = `package PACKAGE

default RULE = false

RULE {
	input.predicate.builder.id == "https://builder.example"
}

RULE {
	input.predicate.runDetails.builder.id == "https://builder.example"
}
`

// builtHere asks the same of the newest provenance, whichever version that has.
const builtHere = `package hallmark.built

deny contains "built elsewhere" if not "https://builder.example" in {
	object.get(input.provenance, ["builder", "id"], ""),
	object.get(input.provenance, ["runDetails", "builder", "id"], ""),
}
`

// passedPolicy asks for a verdict in Hallmark's name that is a pass.
const passedPolicy = `package PACKAGE

default RULE = false

RULE {
	input.predicate.verifier.id == "https://github.com/hallmark-ci/hallmark"
	input.predicate.verificationResult == "PASSED"
}
`

// ourVerdict is a pass in the name of Hallmark's verifier, about whatever is brought
// it.
const ourVerdict = `{"verifier":{"id":"https://github.com/hallmark-ci/hallmark"},"timeVerified":"2026-11-22T12:00:00Z","resourceUri":"image",` +
	`"policy":{"uri":"https://example.com/policy"},"verificationResult":"PASSED","verifiedLevels":["SLSA_BUILD_LEVEL_1"],"slsaVersion":"1.0"}`

// besideForgeries are evidence that is brought beside what Hallmark makes.
func besideForgeries() []forgery {
	builtElsewhere := `{"buildDefinition":{"buildType":"https://example.com/b","externalParameters":{}},` +
		`"runDetails":{"builder":{"id":"https://laptop.example"},"metadata":{"finishedOn":"2026-11-22T12:00:00Z"}}}`
	brought := `{"builder":{"id":"https://builder.example"},"buildType":"https://example.com/b"}`
	return []forgery{
		{name: "provenance of an earlier version, which says no time, beside provenance of another builder", form: "att", code: 4, ask: askBuilder, attach: func(f forging, form, image string) {
			var both [][]byte
			for uri, predicate := range map[string]string{typeProvenance: builtElsewhere, typeProvenance02: brought} {
				both = append(both, f.encode(form, f.sign(f.signer, world.PayloadType, statement(image, uri, predicate))))
			}
			f.attach(form, image, both...)
		}},
		{name: "a verdict in Hallmark's own name, which `hallmark attest` is asked for", form: "att", code: 4, ask: askVerdict, attach: func(f forging, _, image string) {
			f.must("hallmark", "keygen", "--output-key-prefix", f.unique())
			f.file("verdict.json", ourVerdict)
			got := f.run("hallmark", "attest", image, "--predicate", "vsa=verdict.json", "--key", f.unique()+".key")
			if got.code != 2 || !strings.Contains(got.stderr, "in the name of Hallmark's own verifier") {
				f.t.Errorf("exit %d, want 2\n%s", got.code, got.stderr)
			}
		}},
		{name: "the same, signed with the accepted key by another tool: who holds the key is believed", form: "att", believed: true, ask: askVerdict, attach: func(f forging, form, image string) {
			f.attach(form, image, f.encode(form, f.sign(f.signer, world.PayloadType, statement(image, typeVerdict, ourVerdict))))
		}},
		{name: "a verdict in Hallmark's own name, by another key", form: "att", code: 4, ask: askVerdict, attach: func(f forging, form, image string) {
			f.attach(form, image, f.encode(form, f.sign(f.stranger, world.PayloadType, statement(image, typeVerdict, ourVerdict))))
		}},
	}
}

func askBuilder(tool string) string {
	if tool == "hallmark" {
		return "hallmark gate IMAGE --key cosign.pub --policy built.rego"
	}
	return askOthers(tool, "built", typeProvenance02)
}

func askVerdict(tool string) string {
	if tool == "hallmark" {
		return "hallmark verify IMAGE --type vsa --key cosign.pub"
	}
	return askOthers(tool, "passed", typeVerdict)
}

func askOthers(tool, policy, predicateType string) string {
	if tool == "tester" {
		return fmt.Sprintf("tester -image IMAGE -log-level error -policy %s.yaml", policy)
	}
	return fmt.Sprintf("cosign verify-attestation IMAGE --type %s --key cosign.pub --insecure-ignore-tlog --policy %s-signature.rego", predicateType, policy)
}

// besidePolicies writes what these are judged by.
func (f forging) besidePolicies(key string) {
	f.t.Helper()
	f.file("built.rego", builtHere)
	for name, asked := range map[string]struct{ policy, predicateType string }{
		"built": {builtPolicy, typeProvenance02}, "passed": {passedPolicy, typeVerdict}, "made": {madePolicy, typeCycloneDX},
	} {
		f.file(name+"-signature.rego", regoOf(asked.policy, "signature", "allow"))
		f.file(name+".yaml", inlined(key, asked.predicateType, regoOf(asked.policy, "sigstore", "isCompliant")))
	}
}
