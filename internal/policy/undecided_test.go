package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// A policy can say itself that it could not find out: that is no pass, and no
// waiver takes it back; what it denies it denies all the same.
func TestAPolicyThatCouldNotDecide(t *testing.T) {
	n := newNotary(t)
	scanned := []verify.Verified{n.scan(t, cleaned(0), nil)}
	const unknown = "package hallmark.p\nundecided contains {\"msg\": \"nobody told\", \"id\": \"told\", \"fix\": \"ask\"} if input.scan\n"
	for _, c := range []struct {
		name    string
		policy  string
		outcome Outcome
		reasons []string
	}{
		{"it could not", unknown, Undecided, []string{"nobody told (fix: ask)"}},
		{"and denies", unknown + "deny contains \"bad\" if input.scan\n", Deny, []string{"bad", "nobody told (fix: ask)"}},
		{"it could", "package hallmark.p\nundecided contains \"x\" if not input.scan\n", Pass, nil},
		{"no text", "package hallmark.p\nundecided contains 1 if input.scan\n", Undecided, []string{"undecided holds something else than texts and {msg, id, severity, fix, resource}: it is neither a text nor an object"}},
		{"no set", "package hallmark.p\nundecided := input.scan\n", Undecided, []string{"p.rego:2: undecided is not a set: write undecided contains MESSAGE if { … }"}},
	} {
		r := Rules{Policies: load(t, c.policy)}.Decide(t.Context(), Evidence{Verified: scanned, Now: today()}).Results[0]
		if r.Outcome != c.outcome || !slices.Equal(sentences(r.Reasons), c.reasons) {
			t.Errorf("%s: want %s with %q, have %s with %q", c.name, c.outcome, c.reasons, r.Outcome, sentences(r.Reasons))
		}
	}
}

func TestPolicyThatIsNone(t *testing.T) {
	n := newNotary(t)
	attached := []verify.Verified{n.custom(t, `{"key":"test-attestation-2"}`)}
	for _, c := range []policyCase{
		{
			name: "empty file", policy: "",
			reasons: []string{"p.rego:0: rego_parse_error: empty module"},
		},
		{
			name: "does not parse", policy: "package sigstore\n\nisCompliant {\n",
			reasons: []string{"p.rego:4: rego_parse_error: unexpected eof token"},
		},
		{
			name: "version 1 without the import", policy: "package sigstore\n\nisCompliant if { true }\n",
			reasons: []string{
				"p.rego:3: rego_parse_error: var cannot be used for rule name (hint: `import future.keywords.if` for `p if { ... }` rules)",
			},
		},
		{
			name: "a newer language than the controller's", policy: "package sigstore\nimport rego.v2\nisCompliant if true\n",
			reasons: []string{
				"p.rego:2: rego_parse_error: invalid import, `rego.v2` is not supported by current capabilities",
			},
		},
		{
			name: "other package", policy: "package compliance\nisCompliant = true\n",
			reasons: []string{"p.rego:1: there is no rule compliant"},
		},
		{
			name: "package below", policy: "package sigstore.more\nisCompliant = true\n",
			reasons: []string{"p.rego:1: package sigstore.more is no policy's: use sigstore, signature, compliance, or hallmark.NAME (hallmark.lib.NAME for shared rules)"},
		},
		{
			name: "no dialect", policy: "package main\ndeny contains 1 if true\n",
			reasons: []string{"p.rego:1: package main is no policy's: use sigstore, signature, compliance, or hallmark.NAME (hallmark.lib.NAME for shared rules)"},
		},
		{
			name: "two dialects", policy: always + "package compliance\ncompliant = true\n",
			reasons: []string{
				"p.rego:3: rego_parse_error: unexpected package",
				"p.rego:3: a second package: a file holds one policy, in one dialect",
			},
		},
		{
			name: "a compliance policy that does not say what it is about", policy: "package compliance\ncompliant := true\n",
			reasons: []string{"p.rego:1: the METADATA has no custom.predicateType, which says what a compliance policy is about"},
		},
		{
			name: "deny is no set", policy: "package hallmark.p\ndeny := input.scan\n",
			reasons: []string{"p.rego:2: deny is not a set: write deny contains MESSAGE if { … }"},
		},
		{
			name: "a type that is none", policy: "package hallmark.p\ndeny contains \"x\" if input.attestations.vulm\n",
			reasons: []string{"p.rego: input.attestations has no key \"vulm\": types are there by the words that inspect shows, others by their URI"},
		},
		{
			name: "optional is none", policy: "# METADATA\n# custom:\n#   optional: [scam]\npackage hallmark.p\ndeny contains \"x\" if input.scan\n",
			reasons: []string{"p.rego: custom.optional: \"scam\" is neither sbom, scan, provenance, config, ci nor a predicate type"},
		},
		{
			name: "other rule", policy: "package sigstore\nallow = true\n",
			reasons: []string{"p.rego:1: there is no rule isCompliant"},
		},
		{
			name: "function", policy: "package sigstore\n\nisCompliant(x) { x }\n",
			reasons: []string{"p.rego:3: isCompliant is a function, not a rule"},
		},
		{
			name: "wants the network", policy: `package sigstore
isCompliant { http.send({"method": "get", "url": "http://127.0.0.1/"}).status_code == 200 }
isCompliant { count(net.lookup_ip_addr("localhost")) > 0 }
isCompliant { opa.runtime().env.HOME }
`,
			reasons: []string{
				"p.rego:2: rego_type_error: undefined function http.send: policies may not call it, it reaches the network",
				"p.rego:3: rego_type_error: undefined function net.lookup_ip_addr: policies may not call it, it reaches the network",
				"p.rego:4: rego_type_error: undefined function opa.runtime: policies may not call it, it reads the environment of the job",
			},
		},
		{
			name: "unknown type", policy: "# METADATA\n# custom:\n#   predicateType: customs\npackage sigstore\nisCompliant = true\n",
			reasons: []string{`p.rego:1: custom.predicateType: unknown predicate type "customs"`},
		},
		{
			name: "type that is no text", policy: "# METADATA\n# custom:\n#   predicateType: [custom]\npackage sigstore\nisCompliant = true\n",
			reasons: []string{"p.rego:1: custom.predicateType: it does not name a type: write a short name, such as vuln, or a URI"},
		},
		{
			name: "two types", policy: `# METADATA
# custom:
#   predicateType: custom

# METADATA
# scope: subpackages
# custom:
#   predicateType: vuln
package sigstore
isCompliant = true
`,
			reasons: []string{`p.rego:5: custom.predicateType: "https://cosign.sigstore.dev/attestation/vuln/v1" is not the "https://cosign.sigstore.dev/attestation/v1" from before`},
		},
	} {
		c.verified, c.outcome = attached, Undecided
		t.Run(c.name, func(t *testing.T) { c.run(t, n) })
	}
}

func TestPolicyThatCannotDecide(t *testing.T) {
	n := newNotary(t)
	one := []verify.Verified{n.custom(t, `{"key":"test-attestation-1"}`)}
	for _, c := range []policyCase{
		{
			name: "nothing verified", policy: keyPolicy,
			reasons: []string{"no attestation was verified: there is nothing to evaluate the policy on"},
		},
		{
			name: "nothing of the type", verified: one,
			policy:  "# METADATA\n# custom:\n#   predicateType: cyclonedx\npackage sigstore\nisCompliant = true\n",
			reasons: []string{"no attestation of type cyclonedx was verified: there is nothing to evaluate the policy on"},
		},
		{
			name: "undefined", verified: one, considered: 1,
			policy:  "package sigstore\nisCompliant { input.predicate.nothing }\n",
			reasons: []string{"isCompliant is undefined for the attestation of type custom BY"},
		},
		{
			name: "a function that fails", considered: 1,
			verified: []verify.Verified{n.custom(t, "not JSON")},
			policy:   keyPolicy,
			reasons: []string{"the evaluation on the attestation of type custom BY failed: p.rego:7: eval_builtin_error: " +
				"json.unmarshal: invalid character 'o' in literal null (expecting 'u')"},
		},
		{
			name: "a function that fails behind not", considered: 1, stricter: true,
			verified: []verify.Verified{n.custom(t, "not JSON")},
			policy:   "package sigstore\nisCompliant { not bad }\nbad { json.unmarshal(input.predicate.Data).bad }\n",
			reasons: []string{"the evaluation on the attestation of type custom BY failed: p.rego:3: eval_builtin_error: " +
				"json.unmarshal: invalid character 'o' in literal null (expecting 'u')"},
		},
		{
			name: "contradicts itself", verified: one, considered: 1,
			policy:  "package sigstore\nisCompliant = true { input._type }\nisCompliant = false { input.subject }\n",
			reasons: []string{"the evaluation on the attestation of type custom BY failed: p.rego:3: eval_conflict_error: rule data.sigstore.isCompliant produced conflicting values: true at p.rego:2 false at p.rego:3"},
		},
		{
			name: "an object", verified: one, considered: 1,
			policy:  `package sigstore` + "\n" + `isCompliant = {"result": true}`,
			reasons: []string{"isCompliant is neither a boolean nor a set of {result, error, warning} for the attestation of type custom BY"},
		},
		{
			name: "a text", verified: one, considered: 1,
			policy:  `package sigstore` + "\n" + `isCompliant = "true"`,
			reasons: []string{"isCompliant is neither a boolean nor a set of {result, error, warning} for the attestation of type custom BY"},
		},
		{
			name: "a set of texts", verified: one, considered: 1,
			policy:  `package sigstore` + "\n" + `isCompliant = {"true"}`,
			reasons: []string{"isCompliant holds something else than {result, error, warning} for the attestation of type custom BY: it is not an object"},
		},
		{
			name: "a result that is a text", verified: one, considered: 1,
			policy:  `package sigstore` + "\n" + `isCompliant = [{"result": "true"}, {"result": true}]`,
			reasons: []string{"isCompliant holds something else than {result, error, warning} for the attestation of type custom BY: the field result must not be of type string"},
		},
		{
			name: "denies one and does not know about the other", considered: 2,
			verified: []verify.Verified{n.custom(t, `{}`), n.object(t, attest.TypeRelease, `{"name":"x"}`)},
			policy:   "package sigstore\nisCompliant = false { input.predicate.name }\n",
			reasons: []string{
				"isCompliant is undefined for the attestation of type custom BY",
				"isCompliant is false for the attestation of type release BY",
			},
		},
	} {
		c.outcome = Undecided
		t.Run(c.name, func(t *testing.T) { c.run(t, n); c.agrees(t) })
	}
}

// A policy that looks for what only one format of SBOMs has is given that one,
// whichever was attested last, and cannot decide without it.
func TestAPolicyIsGivenTheSBOMThatItReads(t *testing.T) {
	n := newNotary(t)
	cycloneDX := n.object(t, attest.TypeCycloneDX, `{"bomFormat":"CycloneDX","components":[{"name":"left-pad"}]}`)
	spdx := n.object(t, attest.TypeSPDX, `{"spdxVersion":"SPDX-2.3","packages":[{"name":"left-pad"}]}`)
	components := `deny contains c.name if some c in input.sbom.components`
	packages := `deny contains p.name if some p in input.sbom.packages`
	tests := []struct {
		name, rules string
		verified    []verify.Verified
		want        Outcome
		reason      string
	}{
		{"components, in both orders", components, []verify.Verified{cycloneDX, spdx}, Deny, "left-pad"},
		{"components, the other way", components, []verify.Verified{spdx, cycloneDX}, Deny, "left-pad"},
		{"packages", packages, []verify.Verified{cycloneDX, spdx}, Deny, "left-pad"},
		{"components of SPDX alone", components, []verify.Verified{spdx}, Undecided, "no attestation of type cyclonedx was verified, and the policy reads it"},
		{"packages of CycloneDX alone", packages, []verify.Verified{cycloneDX}, Undecided, "no attestation of type spdx was verified, and the policy reads it"},
		{"components by another name", "deny contains c.name if {\n\tbom := input.sbom\n\tsome c in bom.components\n}", []verify.Verified{spdx}, Undecided, "no attestation of type cyclonedx was verified, and the policy reads it"},
		{"components of an argument", "deny contains n if some n in names(input.sbom)\n\nnames(bom) := {c.name | some c in bom.components}", []verify.Verified{cycloneDX, spdx}, Deny, "left-pad"},
		{"either", components + "\n" + packages, []verify.Verified{spdx}, Deny, "left-pad"},
		{"neither", `deny contains "none" if not input.sbom`, nil, Deny, "none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := Evidence{Verified: test.verified, Now: today(), Image: Image{Digest: n.subject.Digest().DigestStr()}}
			r := Rules{Policies: load(t, "package hallmark.listed\n\n"+test.rules+"\n")}.Decide(t.Context(), e).Results[0]
			if r.Outcome != test.want || len(r.Reasons) == 0 || !strings.Contains(sentences(r.Reasons)[0], test.reason) {
				t.Errorf("%s with %q, want %s with %q", r.Outcome, sentences(r.Reasons), test.want, test.reason)
			}
		})
	}
}
