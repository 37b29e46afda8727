package policy

import (
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

func TestPolicyThatDenies(t *testing.T) {
	n := newNotary(t)
	one := []verify.Verified{n.custom(t, `{"key":"test-attestation-1"}`)}
	for _, c := range []policyCase{
		{
			name: "false", verified: one, policy: keyPolicy, considered: 1,
			reasons: []string{"isCompliant is false for the attestation of type custom BY"},
		},
		{
			name: "the only one is the one excluded", policy: notKeyPolicy, considered: 1,
			verified: []verify.Verified{n.custom(t, `{"key":"test-attestation-2"}`)},
			reasons:  []string{"isCompliant is false for the attestation of type custom BY"},
		},
		{
			name: "every type is tried", policy: keyPolicy, considered: 2,
			verified: append([]verify.Verified{n.object(t, attest.TypeSPDX, `{"Data":"{}"}`)}, one...),
			reasons: []string{
				"isCompliant is false for the attestation of type spdx BY",
				"isCompliant is false for the attestation of type custom BY",
			},
		},
		{
			name: "empty set", verified: one, considered: 1,
			policy:  "package sigstore\nisCompliant[r] { input.predicate.nothing; r := {\"result\": true} }\n",
			reasons: []string{"isCompliant is an empty set for the attestation of type custom BY"},
		},
		{
			name: "several errors, once each, on several attestations", considered: 2,
			verified: []verify.Verified{n.custom(t, `{"missing":["b","a"]}`), n.custom(t, `{"missing":["c","b"]}`)},
			policy: `package sigstore
import rego.v1
isCompliant contains {"result": false, "error": sprintf("%s is missing", [m])} if {
	some m in json.unmarshal(input.predicate.Data).missing
}
`,
			reasons: []string{"a is missing", "b is missing", "c is missing"},
		},
		{
			name: "satisfied, with a warning", verified: one, considered: 1,
			policy:  `package sigstore` + "\n" + `isCompliant = [{"result": false, "error": "no"}, {"result": true, "warning": "soon no more"}]`,
			reasons: []string{"the policy is satisfied but warns, which the Policy Controller rejects: soon no more"},
		},
		{
			name: "a warning without an error", verified: one, considered: 1,
			policy: `package sigstore` + "\n" + `isCompliant = {{"result": false, "warning": "look"}, {"error": ""}}`,
			reasons: []string{
				"isCompliant is false for the attestation of type custom BY",
				"isCompliant is false for the attestation of type custom BY, with the warning: look",
			},
		},
		{
			name: "text that would disturb a terminal", verified: one, considered: 1,
			policy:  `package sigstore` + "\n" + `isCompliant = {{"result": false, "error": " a\u001b[31m\nb\u202ec\u0000 "}}`,
			reasons: []string{`a[31m bc`},
		},
	} {
		c.outcome = Deny
		t.Run(c.name, func(t *testing.T) { c.run(t, n); c.agrees(t) })
	}
}

func TestPolicyThatPasses(t *testing.T) {
	n := newNotary(t)
	first, second := n.custom(t, `{"key":"test-attestation-1"}`), n.custom(t, `{"key":"test-attestation-2"}`)
	for _, c := range []policyCase{
		{name: "the second of two matches", verified: []verify.Verified{first, second}, policy: keyPolicy, considered: 2},
		{name: "the first of two matches", verified: []verify.Verified{second, first}, policy: keyPolicy, considered: 1},
		{name: "the negation matches the other", verified: []verify.Verified{second, first}, policy: notKeyPolicy, considered: 2},
		{
			name: "another one is undefined", verified: []verify.Verified{first, second}, considered: 2,
			policy: "package sigstore\nisCompliant { json.unmarshal(input.predicate.Data).key == \"test-attestation-2\" }\n",
		},
		{
			name: "another one fails", verified: []verify.Verified{n.custom(t, "not JSON"), second}, considered: 2,
			policy: keyPolicy,
		},
		{
			name: "of its type only", verified: []verify.Verified{first, n.object(t, "https://spdx.dev/Document/v2.3", `{}`)}, considered: 1,
			policy: "# METADATA\n# title: t\n# custom:\n#   predicateType: spdx\npackage sigstore\nisCompliant { input.predicate }\n",
		},
		{
			name: "one true beats every failure", verified: []verify.Verified{first}, considered: 1,
			policy: `package sigstore` + "\n" + `isCompliant = {{"result": false, "error": "no"}, {"result": true}}`,
		},
		{
			name: "future keywords", verified: []verify.Verified{first}, considered: 1,
			policy: "package sigstore\nimport future.keywords.if\nimport future.keywords.in\nisCompliant if { some s in input.subject; s.digest.sha256 }\n",
		},
		{
			name: "all future keywords", verified: []verify.Verified{first}, considered: 1,
			policy: "package sigstore\nimport future.keywords\nisCompliant if every s in input.subject { s.digest.sha256 }\n",
		},
		{
			name: "version 1 by import", verified: []verify.Verified{first}, considered: 1,
			policy: "package sigstore\nimport rego.v1\ndefault isCompliant := false\nisCompliant if input._type == \"https://in-toto.io/Statement/v0.1\"\n",
		},
		{
			name:     "numbers as they were signed",
			verified: []verify.Verified{n.object(t, attest.TypeRelease, `{"id":12345678901234567891}`)}, considered: 1,
			policy: "package sigstore\nisCompliant { input.predicate.id == 12345678901234567891 }\n",
		},
	} {
		c.outcome = Pass
		t.Run(c.name, func(t *testing.T) { c.run(t, n); c.agrees(t) })
	}
}

// A policy's clock is that of the evidence, where the Policy Controller has the
// wall clock: on any other day it would say something else.
func TestTheClockIsTheEvidences(t *testing.T) {
	n := newNotary(t)
	policyCase{
		name: "the clock", verified: []verify.Verified{n.custom(t, `{}`)}, considered: 1, outcome: Pass,
		policy: "package sigstore\nisCompliant { time.date(time.now_ns()) == [2026, 11, 22] }\n",
	}.run(t, n)
}
