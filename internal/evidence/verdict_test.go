package evidence_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/evidence"
)

// What the published form of the predicate demands is there, and a verdict that is
// not a pass says FAILED.
func TestVerdict(t *testing.T) {
	digest, err := name.NewDigest("registry.example/team/app@sha256:" + strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := attest.NewSubject(digest, "registry.example/team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	sum := "sha256:" + strings.Repeat("cd", 32)
	j := evidence.Judgement{
		Subject: subject, At: time.Date(2026, 11, 22, 13, 0, 0, 0, time.FixedZone("", 3600)), Version: "v1.0.0", Evidence: []string{sum},
		Checks: []evidence.Check{{Name: "p.rego", Digest: sum, Params: sum, Result: "deny"}, {Name: "severity-cutoff", Result: "pass"}},
	}
	const want = `{"verifier":{"id":"https://github.com/hallmark-ci/hallmark","version":{"hallmark":"v1.0.0"}},"timeVerified":"2026-11-22T12:00:00Z",` +
		`"resourceUri":"registry.example/team/app@sha256:AB","policy":{"uri":"https://github.com/hallmark-ci/hallmark/policies","digest":{"sha256":"POLICY"}},` +
		`"inputAttestations":[{"uri":"registry.example/team/app@sha256:CD","digest":{"sha256":"CD"}}],"verificationResult":"FAILED","verifiedLevels":["FAILED"],` +
		`"slsaVersion":"1.0","hallmark":{"policies":[{"name":"p.rego","digest":{"sha256":"CD"},"params":{"sha256":"CD"},"result":"deny"},{"name":"severity-cutoff","result":"pass"}]}}`
	denied, failedPolicy := verdict(t, j)
	plain := strings.NewReplacer(strings.Repeat("ab", 32), "AB", strings.Repeat("cd", 32), "CD", failedPolicy, "POLICY").Replace(denied)
	if plain != want {
		t.Errorf("want %s\nhave %s", want, plain)
	}

	j.Passed, j.Checks[0].Result = true, "pass"
	passed, samePolicy := verdict(t, j)
	if !strings.Contains(passed, `"verificationResult":"PASSED","verifiedLevels":["HALLMARK_POLICIES_PASSED"]`) {
		t.Error(passed)
	}
	if samePolicy != failedPolicy {
		t.Error("the policy's digest depends on what came of it")
	}
	j.Checks[0].Artifact = "oci://registry.example/team/policies@" + sum
	from, other := verdict(t, j)
	if !strings.Contains(from, `"artifact":{"uri":"oci://registry.example/team/policies@`+sum+`","digest":{"sha256":"`+strings.Repeat("cd", 32)+`"}}`) || other == samePolicy {
		t.Error(from)
	}
	j.Checks[0].Artifact = ""
	j.Checks[0].Params = ""
	if _, other := verdict(t, j); other == samePolicy {
		t.Error("the policy's digest does not depend on its parameters")
	}
}

// The earliest end of what the policies rest on is that of the whole, and says nothing of what
// was asked.
func TestVerdictSaysWhenItEnds(t *testing.T) {
	digest, err := name.NewDigest("registry.example/team/app@sha256:" + strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := attest.NewSubject(digest, "registry.example/team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 22, 13, 0, 0, 999, time.UTC)
	j := evidence.Judgement{Subject: subject, Checks: []evidence.Check{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	endless, asked := verdict(t, j)
	j.Checks[0].Until, j.Checks[1].Until = at.Add(time.Hour), at
	body, same := verdict(t, j)
	if strings.Contains(endless, "validUntil") || asked != same {
		t.Error(endless)
	}
	for _, want := range []string{
		`{"name":"a","result":"","validUntil":"2026-11-22T14:00:00Z"}`, `{"name":"c","result":""}`, `],"validUntil":"2026-11-22T13:00:00Z"}}`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("want %s in %s", want, body)
		}
	}
}

// verdict returns the predicate and the digest of its policy.
func verdict(t *testing.T, j evidence.Judgement) (body, policy string) {
	t.Helper()
	p, err := evidence.Verdict(j)
	if err != nil {
		t.Fatal(err)
	}
	var form struct {
		Policy struct{ Digest struct{ SHA256 string } }
	}
	if err := json.Unmarshal(p.Body, &form); err != nil || p.Type != attest.TypeVSA {
		t.Fatal(err, p.Type)
	}
	return string(p.Body), form.Policy.Digest.SHA256
}
