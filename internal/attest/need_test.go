package attest_test

import (
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

func TestTypesOfOneNeed(t *testing.T) {
	for want, types := range map[attest.Need][]string{
		attest.NeedProvenance: {
			attest.TypeSLSA1, attest.TypeSLSA02, "https://slsa.dev/provenance/v0.1", "https://slsa.dev/provenance/v1.1",
			"https://slsa.dev/provenance", "https://slsa.dev/provenance/v1/", "HTTPS://SLSA.dev/provenance/v1",
			"http://slsa.dev:443//provenance/./v1?x#y", "https://slsa.dev/%70rovenance/v1", "https://slsa.dev/%2570rovenance/v1",
			"https://in-toto.io/Provenance/v0.1",
		},
		attest.NeedSBOM: {
			attest.TypeCycloneDX, attest.TypeSPDX, "https://spdx.dev/Document/v2.3", "https://cyclonedx.org/bom/v1.6",
			"https://cyclonedx.org/schema", "https://syft.dev/bom", "https://spdx.org/rdf/3.0.1", "https://spdx.github.io/spdx-spec/v2.3",
		},
		attest.NeedScan: {
			attest.TypeVuln, attest.TypeVulns, "https://in-toto.io/attestation/vulns/v0.1", "https://in-toto.io/attestation/vulns",
			"https://cosign.sigstore.dev/attestation/vuln/v2",
		},
		attest.NeedVerdict: {
			attest.TypeVSA, "https://slsa.dev/verification_summary/v0.2", "https://slsa.dev/verification_summary/v1/",
			"https://slsa.dev/verification%5Fsummary/v1",
		},
		attest.NeedSARIF: {attest.TypeSARIF, "https://json.schemastore.org/sarif-2.1.0.json"},
		attest.NeedVEX:   {attest.TypeOpenVEX, "https://openvex.dev/ns/v0.2.0", "https://cyclonedx.org/vex"},
		"in-toto.io/attestation/test-result": {
			attest.TypeTestResult, attest.TypeTestResult + "/", "HTTPS://in-toto.io/attestation/test-result/v0.1", "https://in-toto.io/attestation/test-result/v1.0-rc.1",
		},
		"hallmark-ci.github.io/approval":  {attest.TypeApproval, "https://hallmark-ci.github.io/approval/v2"},
		"cosign.sigstore.dev/attestation": {attest.TypeCustom},
		"example.com/review":              {"https://example.com/review/v1", "https://example.com/review/2"},
	} {
		for _, uri := range types {
			if got := attest.NeedOf(uri); got != want {
				t.Errorf("%s is of the need %q, want %q", uri, got, want)
			}
		}
	}
	for _, uri := range []string{"https://slsa.dev/provenances/v1", "https://example.com/slsa.dev/provenance/v1", "https://notslsa.dev/provenance/v1", "https://cyclonedx.org/vex"} {
		if got := attest.NeedOf(uri); got == attest.NeedProvenance || got == attest.NeedSBOM {
			t.Errorf("%s is of the need %q", uri, got)
		}
	}
}

// Every short name is of a need, and what policies read for a need is of it.
func TestNeedsAndTheirTypes(t *testing.T) {
	for _, k := range attest.Shorthands() {
		if attest.NeedOf(k.URI) == "" {
			t.Errorf("%s is of no need", k.Name)
		}
	}
	for _, n := range []attest.Need{attest.NeedSBOM, attest.NeedScan, attest.NeedProvenance, attest.NeedVerdict} {
		if len(n.Types()) == 0 {
			t.Errorf("%s has no types", n)
		}
		for _, uri := range n.Types() {
			if attest.NeedOf(uri) != n {
				t.Errorf("%s is of the need %s, want %s", uri, attest.NeedOf(uri), n)
			}
		}
	}
}

func FuzzNormalizeURI(f *testing.F) {
	for _, seed := range []string{attest.TypeVSA, "http://a:b@[::1]:80/%2e%2e/%", "://", "%25252525"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		if once := attest.NormalizeURI(uri); len(once) > len(uri)*4+1 {
			t.Errorf("%q became %q", uri, once)
		}
	})
}
