package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// The policies that the documentation shows, each on what it is to refuse and
// on what it is to let through.
func TestExamples(t *testing.T) {
	n := newNotary(t)
	scan := func(age time.Duration, severity finding.Severity) verify.Verified {
		return n.scan(t, finding.Scan{
			Findings: []finding.Finding{{ID: "GHSA-1", Aliases: []string{}, Severity: severity, FixedIn: []string{}, FixState: "unknown"}},
			Started:  today().Add(-age - time.Minute), Finished: today().Add(-age),
		}, nil)
	}
	sbom := func(body string) verify.Verified { return n.object(t, attest.TypeCycloneDX, body) }
	approval := func(text string) verify.Verified { return n.custom(t, text) }

	for _, c := range []struct {
		file     string
		evidence verify.Verified
		want     Outcome
		reason   string
	}{
		{"no-critical.rego", scan(time.Hour, finding.Critical), Deny, "1 critical: update to the versions that fix them"},
		{"no-critical.rego", scan(time.Hour, finding.High), Pass, ""},
		{"sbom-present.rego", sbom(`{"components": []}`), Deny, "isCompliant is false for the attestation of type cyclonedx signed by " + n.signer},
		{"sbom-present.rego", sbom(`{"components": [{"name": "a"}]}`), Pass, ""},
		{"scanned-today.rego", scan(25*time.Hour, finding.Low), Deny, "the scan is older than a day: scan again"},
		{"scanned-today.rego", scan(-25*time.Hour, finding.Low), Deny, "isCompliant is an empty set for the attestation of type vuln signed by " + n.signer},
		{"scanned-today.rego", scan(23*time.Hour, finding.Low), Pass, ""},
		{"approved.rego", approval(`{"author": "eve", "approvedBy": ["eve", "bob"]}`), Deny, "1 approvals by others than the author, needed are 2"},
		{"approved.rego", approval(`not JSON`), Undecided, ""},
		{"approved.rego", approval(`{"author": "eve", "approvedBy": ["ada", "bob"]}`), Pass, ""},
	} {
		t.Run(c.file+" "+c.want.String(), func(t *testing.T) {
			policies, err := Load([]string{filepath.Join("..", "..", "examples", "policies", c.file)}, Setting{})
			must(t, err)
			verdict := Rules{Policies: policies}.Decide(t.Context(), Evidence{Verified: []verify.Verified{c.evidence}, Now: today()})
			if verdict.Outcome != c.want {
				t.Fatalf("outcome = %v, want %v: %v", verdict.Outcome, c.want, verdict.Results)
			}
			if c.reason != "" && verdict.Results[0].Reasons[0].Message != c.reason {
				t.Errorf("reason = %q, want %q", verdict.Results[0].Reasons[0], c.reason)
			}
		})
	}
}

// The policy by which the documentation teaches its own dialect.
func TestTheDocumentedPolicy(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "policies.md"))
	must(t, err)
	_, rest, _ := strings.Cut(string(page), "```rego\n")
	text, _, _ := strings.Cut(rest, "```")
	rules := Rules{Policies: Compile([]File{{Name: "no_banned.rego", Text: text}}, Setting{})}
	n := newNotary(t)
	for _, c := range []struct {
		sbom   string
		want   Outcome
		reason string
	}{
		{"", Undecided, "no attestation of type cyclonedx was verified, and the policy reads it"},
		{`{}`, Deny, "the SBOM has no list of components (fix: use the successor that the list of packages names)"},
		{`{"components":[{"name":"left-pad"}]}`, Deny, "left-pad was given up (fix: use the successor that the list of packages names)"},
		{`{"components":[{"name":"zlib"}]}`, Pass, ""},
	} {
		e := Evidence{Now: today()}
		if c.sbom != "" {
			e.Verified = []verify.Verified{n.object(t, attest.TypeCycloneDX, c.sbom)}
		}
		r := rules.Decide(t.Context(), e).Results[0]
		if have := strings.Join(sentences(r.Reasons), "\n"); r.Outcome != c.want || have != c.reason {
			t.Errorf("%s: %s, %q", c.sbom, r.Outcome, have)
		}
	}
}
