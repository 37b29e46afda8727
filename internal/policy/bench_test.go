package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// The time per attestation and policy is to stay the same, however many there are.
func BenchmarkDecide(b *testing.B) {
	n := newNotary(b)
	text := func(i int) string {
		return fmt.Sprintf("# METADATA\n# custom:\n#   predicateType: https://example.com/%d\npackage sigstore\n\nimport rego.v1\n\nisCompliant if input.predicate.by\n", i)
	}
	var policies []Policy
	for i := range 50 {
		policies = append(policies, load(b, text(i))...)
	}
	for _, size := range []int{125, 250, 500, 1000} {
		var all []verify.Verified
		for i := range size {
			all = append(all, n.object(b, fmt.Sprintf("https://example.com/%d", i), `{"by":"the release team"}`))
		}
		b.Run(fmt.Sprintf("attestations=%d/policies=50", size), func(b *testing.B) { decide(b, policies, all) })
	}
}

// The time per byte of an SBOM is to stay the same.
func BenchmarkDecideOnAnSBOM(b *testing.B) {
	n := newNotary(b)
	policies := load(b, "# METADATA\n# custom:\n#   predicateType: cyclonedx\npackage sigstore\n\nimport rego.v1\n\n"+
		"isCompliant if count([c | some c in input.predicate.components; c.purl]) > 10\n")
	for _, megabytes := range []int{4, 8, 15} {
		var components []string
		for i := range megabytes << 20 / 100 {
			components = append(components, fmt.Sprintf(`{"type":"library","name":"package-%d","version":"1.0.%d","purl":"pkg:npm/package-%d@1.0.%d"}`, i, i, i, i))
		}
		sbom := n.object(b, attest.TypeCycloneDX, `{"bomFormat":"CycloneDX","components":[`+strings.Join(components, ",")+`]}`)
		b.Run(fmt.Sprintf("MB=%d", megabytes), func(b *testing.B) { decide(b, policies, []verify.Verified{sbom}) })
	}
}

func decide(b *testing.B, policies []Policy, all []verify.Verified) {
	b.Helper()
	b.ReportAllocs()
	for b.Loop() {
		v := Rules{Policies: policies}.Decide(b.Context(), Evidence{Verified: all, Now: today()})
		if v.Outcome != Pass {
			b.Fatalf("%s: %+v", v.Outcome, v.Results[0])
		}
	}
}
