package policy

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// buildPolicy is written as those are that read the statement.
const buildPolicy = `# METADATA
# title: Built from a signed commit
# custom:
#   description: Commits are signed, so that it is known who made them.
#   priority: 2
#   predicateType: https://slsa.dev/provenance/v1
#   relatedResources: [https://example.com/why]
#   tags: [SLSA, build]
#   complianceFrameworks: [ISO/IEC 27001]
package compliance

import rego.v1

default compliant := false

compliant if {
	input.predicateType == "https://slsa.dev/provenance/v1"
	input.predicate.buildDefinition.externalParameters.signature != ""
}
`

// levelPolicy is written as those are that read the predicate alone.
const levelPolicy = `# METADATA
# custom:
#   predicateType: https://slsa.dev/provenance/v1
package compliance

default compliant := false

compliant if count(violations) == 0

violations contains msg if {
	some name, value in input.buildDefinition.externalParameters
	value == ""
	msg := sprintf("%s is empty", [name])
}
`

const (
	signedBuild   = `{"buildDefinition":{"externalParameters":{"signature":"ssh","author":"ada"}}}`
	unsignedBuild = `{"buildDefinition":{"externalParameters":{"signature":"","author":""}}}`
)

func TestCompliancePolicies(t *testing.T) {
	n := newNotary(t)
	signed, unsigned := n.object(t, attest.TypeSLSA1, signedBuild), n.object(t, attest.TypeSLSA1, unsignedBuild)
	for _, c := range []policyCase{
		{
			name: "denies without violations", policy: buildPolicy, verified: []verify.Verified{unsigned}, outcome: Deny, considered: 1,
			reasons: []string{"compliant is false for the attestation of type slsaprovenance1 BY"},
		},
		{
			name: "denies with every violation", policy: levelPolicy, verified: []verify.Verified{unsigned}, outcome: Deny, considered: 1,
			reasons: []string{"author is empty", "signature is empty"},
		},
		{
			name: "of those whose time is unknown each counts", policy: levelPolicy, verified: []verify.Verified{signed, unsigned}, outcome: Deny, considered: 2,
			reasons: []string{"author is empty", "signature is empty"},
		},
		{
			name: "nothing of the type", policy: levelPolicy, verified: []verify.Verified{n.custom(t, "x")}, outcome: Undecided,
			reasons: []string{"no attestation of type slsaprovenance1 was verified: there is nothing to evaluate the policy on"},
		},
		{name: "reads the statement", policy: buildPolicy, verified: []verify.Verified{signed}, outcome: Pass, considered: 1},
		{name: "reads the predicate", policy: levelPolicy, verified: []verify.Verified{signed}, outcome: Pass, considered: 1},
		{
			name: "an inner statement is meant", policy: buildPolicy, outcome: Pass, considered: 1,
			verified: []verify.Verified{n.object(t, attest.TypeSLSA1, `{"predicateType":"https://slsa.dev/provenance/v1","predicate":`+signedBuild+`}`)},
		},
		{
			name: "an inner statement of another type is meant, too", policy: buildPolicy, outcome: Deny, considered: 1,
			verified: []verify.Verified{n.object(t, attest.TypeSLSA1, `{"predicateType":"https://example.com/other","predicate":`+signedBuild+`}`)},
			reasons:  []string{"compliant is false for the attestation of type slsaprovenance1 BY"},
		},
		{
			name: "fails", verified: []verify.Verified{signed}, outcome: Undecided, considered: 1,
			policy:  "# METADATA\n# custom:\n#   predicateType: slsaprovenance1\npackage compliance\ncompliant if json.unmarshal(input.predicateType)\n",
			reasons: []string{"the evaluation on the attestation of type slsaprovenance1 BY failed: p.rego:5: eval_builtin_error: json.unmarshal: invalid character 'h' looking for beginning of value"},
		},
		{
			name: "compliant is a text", verified: []verify.Verified{signed}, outcome: Undecided, considered: 1,
			policy:  "# METADATA\n# custom:\n#   predicateType: slsaprovenance1\npackage compliance\ncompliant := \"yes\"\n",
			reasons: []string{"compliant is not a boolean for the attestation of type slsaprovenance1 BY"},
		},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, n) })
	}
}

// Of a type that says when it was made, the newest decides: an older one that is
// clean says nothing.
func TestTheNewestDecidesACompliancePolicy(t *testing.T) {
	n := newNotary(t)
	const clean = "# METADATA\n# custom:\n#   predicateType: vuln\npackage compliance\ncompliant if input.scanner.result.counts.effective.critical == 0\ncompliant := false if input.scanner.result.counts.effective.critical > 0\n"
	old, dirtyNow := cleaned(0), dirty()
	old.Finished = dirtyNow.Finished.Add(-time.Hour)
	c := policyCase{policy: clean, outcome: Deny, considered: 1, reasons: []string{"compliant is false for the attestation of type vuln BY"}}
	c.verified = []verify.Verified{n.scan(t, old, nil), n.scan(t, dirtyNow, nil)}
	c.run(t, n)
	old.Finished = dirtyNow.Finished.Add(time.Hour)
	c = policyCase{policy: clean, outcome: Pass, considered: 1}
	c.verified = []verify.Verified{n.scan(t, old, nil), n.scan(t, dirtyNow, nil)}
	c.run(t, n)
}

func TestComplianceMetadata(t *testing.T) {
	n := newNotary(t)
	verdict := Rules{Policies: load(t, buildPolicy)}.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.object(t, attest.TypeSLSA1, signedBuild)}, Now: today()})
	r := verdict.Results[0]
	if r.Title != "Built from a signed commit" || r.Description != "Commits are signed, so that it is known who made them." || r.Dialect != Compliance ||
		!slices.Equal(r.Controls, []Control{{Framework: "ISO/IEC 27001"}}) {
		t.Errorf("%+v", r)
	}
}

// cosign wants every attestation of the type to be allowed.
func TestCosignPolicies(t *testing.T) {
	n := newNotary(t)
	const allow = "package signature\n\ndefault allow = false\n\nallow { json.unmarshal(input.predicate.Data).key == \"good\" }\n"
	good, bad := n.custom(t, `{"key":"good"}`), n.custom(t, `{"key":"bad"}`)
	for _, c := range []policyCase{
		{
			name: "one of two is not allowed", policy: allow, verified: []verify.Verified{good, bad}, outcome: Deny, considered: 2,
			reasons: []string{"allow is false for the attestation of type custom BY"},
		},
		{
			name: "nothing of the type", policy: allow, verified: []verify.Verified{n.object(t, attest.TypeSPDX, "{}")}, outcome: Undecided,
			reasons: []string{"no attestation of type custom was verified: there is nothing to evaluate the policy on"},
		},
		{
			name: "undefined", policy: "package signature\nallow { input.never }\n", verified: []verify.Verified{good}, outcome: Undecided, considered: 1,
			reasons: []string{"allow is undefined for the attestation of type custom BY"},
		},
		{
			name: "not a boolean", policy: "package signature\nallow = 1\n", verified: []verify.Verified{good}, outcome: Undecided, considered: 1,
			reasons: []string{"allow is not a boolean for the attestation of type custom BY"},
		},
		{name: "all are allowed", policy: allow, verified: []verify.Verified{good, n.custom(t, `{"key":"good","n":2}`)}, outcome: Pass, considered: 2},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, n) })
	}
}

// joinedPolicy reads two attestations at once.
const joinedPolicy = `# METADATA
# title: Scanned by who built
# custom:
#   severity: high
#   fix: scan in the job that builds
#   controls:
#     - {framework: house rules, control: "7"}
package hallmark.same_hands

deny contains {"msg": msg, "resource": input.image.digest} if {
	builder := input.attestations.slsaprovenance1[0].predicate.by
	input.scan.scanner.uri != builder
	msg := sprintf("built by %s, scanned by %s", [builder, input.scan.scanner.uri])
}

warn contains "not deployed from main" if input.ci.branch != "main"
`

func TestJoinedPolicies(t *testing.T) {
	n := newNotary(t)
	built, scanned := n.object(t, attest.TypeSLSA1, `{"by":"robot"}`), n.scan(t, cleaned(0), nil)
	for _, c := range []struct {
		name     string
		verified []verify.Verified
		ci       string
		outcome  Outcome
		reasons  []string
		warnings []string
	}{
		{
			"evidence is missing",
			[]verify.Verified{built},
			`{"branch":"main"}`, Undecided,
			[]string{"no attestation of type vuln was verified, and the policy reads it"},
			nil,
		},
		{"no CI job", []verify.Verified{built, scanned}, "", Deny, []string{
			"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef: built by robot, scanned by (fix: scan in the job that builds)",
			"this is no CI job, and the policy reads what one says",
		}, nil},
		{"denies and warns", []verify.Verified{built, scanned}, `{"branch":"dev"}`, Deny, []string{
			"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef: built by robot, scanned by (fix: scan in the job that builds)",
		}, []string{"not deployed from main (fix: scan in the job that builds)"}},
		{"passes", []verify.Verified{n.object(t, attest.TypeSLSA1, `{"by":""}`), scanned}, `{"branch":"main"}`, Pass, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Evidence{Verified: c.verified, Now: today(), Image: Image{Digest: n.subject.Digest().DigestStr()}}
			if c.ci != "" {
				e.CI = json.RawMessage(c.ci)
			}
			r := Rules{Policies: load(t, joinedPolicy)}.Decide(t.Context(), e).Results[0]
			if r.Outcome != c.outcome || !slices.Equal(sentences(r.Reasons), c.reasons) || !slices.Equal(sentences(r.Warnings), c.warnings) {
				t.Errorf("want %s with %q and %q\nhave %s with %q and %q", c.outcome, c.reasons, c.warnings, r.Outcome, sentences(r.Reasons), sentences(r.Warnings))
			}
			if r.Dialect != Hallmark || r.Severity != "high" || !slices.Equal(r.Controls, []Control{{"house rules", "7"}}) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A statement's other keys must not pass for what only verification can say.
func TestAStatementCannotNameItsSigner(t *testing.T) {
	n := newNotary(t)
	const claims = "package hallmark.p\n\ndeny contains a.signer if some a in input.attestations.custom\n\ndeny contains a.time if some a in input.attestations.custom\n"
	statement := attest.NewStatement(n.subject, attest.Predicate{Type: attest.TypeCustom, Body: json.RawMessage(`{"Data":"x"}`)})
	verified, signer := n.raw(t, statement, `"signer":"root","time":"2000-01-01T00:00:00Z"`)
	r := Rules{Policies: load(t, claims)}.Decide(t.Context(), Evidence{Verified: []verify.Verified{verified}, Now: today()}).Results[0]
	if !slices.Equal(messages(r.Reasons), []string{signer}) {
		t.Errorf("%q", messages(r.Reasons))
	}
}

func TestParameters(t *testing.T) {
	n := newNotary(t)
	const bounded = `# METADATA
# custom:
#   params:
#     max: {default: 1, description: how many}
package hallmark.p

deny contains "too many" if input.scan.scanner.result.counts.effective.critical > data.params.max

deny contains "too old" if data.params.age < 0
`
	for _, c := range []struct {
		name    string
		params  map[string]any
		outcome Outcome
		reasons []string
	}{
		{"one has no value", nil, Undecided, []string{"the parameter age has no value: set it with policy-data"}},
		{"over the default", map[string]any{"age": 1, "max": 0}, Deny, []string{"too many"}},
		{"the default", map[string]any{"age": 1}, Pass, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			policies := Compile([]File{{Name: "p.rego", Text: bounded}}, Setting{Params: Params{"p": c.params}})
			r := Rules{Policies: policies}.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.scan(t, dirty(), nil)}, Now: today()}).Results[0]
			if r.Outcome != c.outcome || !slices.Equal(messages(r.Reasons), c.reasons) {
				t.Errorf("%s with %q", r.Outcome, messages(r.Reasons))
			}
		})
	}
	policies := Compile([]File{{Name: "p.rego", Text: bounded}}, Setting{})
	if err := CheckParams(policies, Setting{Params: Params{"p": {"age": 1, "mx": 2}}}); err == nil || err.Error() != `policy-data sets "mx" of p, which the policy does not read` {
		t.Error(err)
	}
}

func TestSharedRules(t *testing.T) {
	n := newNotary(t)
	policies := Compile([]File{
		{Name: "lib.rego", Text: "package hallmark.lib.scans\n\ncritical := input.scan.scanner.result.counts.effective.critical\n"},
		{Name: "p.rego", Text: "package hallmark.p\n\nimport data.hallmark.lib.scans\n\ndeny contains \"critical\" if scans.critical > 0\n"},
	}, Setting{})
	if len(policies) != 1 {
		t.Fatalf("%d policies", len(policies))
	}
	rules := Rules{Policies: policies}
	if v := rules.Decide(t.Context(), Evidence{Now: today()}); v.Outcome != Undecided {
		t.Errorf("without the scan that the library reads: %s", v.Outcome)
	}
	if v := rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.scan(t, dirty(), nil)}, Now: today()}); v.Outcome != Deny {
		t.Errorf("with a dirty scan: %s, %q", v.Outcome, messages(v.Results[0].Reasons))
	}
}

func sentences(all []Reason) []string {
	var out []string
	for _, r := range all {
		out = append(out, r.String())
	}
	return out
}
