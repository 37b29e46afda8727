package report_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with the file testdata/<name>.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if string(got) != string(want) {
		t.Errorf("%s:\n got:\n%s\nwant:\n%s", path, got, want)
	}
}

// notary signs with a key that is the same on every run, as golden files need.
type notary struct {
	signer signature.Signer
	trust  verify.Trust
}

func newNotary(t *testing.T, seed byte) notary {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	signer, err := signature.LoadDefaultSigner(private, options.WithED25519ph())
	must(t, err)
	trust, err := verify.TrustKeys(private.Public())
	must(t, err)
	return notary{signer: dsse.WrapSigner(signer, attest.PayloadType), trust: trust}
}

// attests returns the verified attestation of a predicate.
func (n notary) attests(t *testing.T, predicateType, body string) verify.Verified {
	t.Helper()
	st := attest.NewStatement(subject(t), attest.Predicate{Type: predicateType, Body: json.RawMessage(body)})
	payload, err := st.Encode()
	must(t, err)
	raw, err := n.signer.SignMessage(bytes.NewReader(payload))
	must(t, err)
	envelope, err := attest.ParseEnvelope(raw)
	must(t, err)
	v, err := verify.Verify(envelope, subject(t), n.trust)
	must(t, err)
	return v
}

func subject(t *testing.T) attest.Subject {
	t.Helper()
	digest, err := name.NewDigest("registry.example/team/app@sha256:" + strings.Repeat("0123456789abcdef", 4))
	must(t, err)
	s, err := attest.NewSubject(digest, "registry.example/team/app:1.4")
	must(t, err)
	return s
}

// denied is the result of a run that found something.
func denied(t *testing.T) pipeline.Result {
	t.Helper()
	us, them := newNotary(t, 1), newNotary(t, 2)
	own := []verify.Verified{
		us.attests(t, attest.TypeCycloneDX, `{"bomFormat":"CycloneDX"}`),
		us.attests(t, attest.TypeVuln, `{"scanner":{}}`),
		us.attests(t, "https://example.com/review/v1", `{"says":"<approved>"}`),
	}
	return pipeline.Result{
		Version:    "v1.2.3",
		Again:      pipeline.Again{Trust: []string{"--key=cosign.pub"}, Gate: []string{"--severity-cutoff=high", "--policy=policies"}},
		Reference:  "registry.example/team/app:1.4",
		Subject:    subject(t),
		System:     "debian 12",
		Packages:   packages(),
		Ecosystems: []catalog.Ecosystem{{Name: "deb", Packages: 88}, {Name: "go-module", Packages: 3}, {Name: "npm", Packages: 121}},
		SBOMs: []pipeline.Document{
			{Format: catalog.CycloneDX, Content: []byte(`{"bomFormat":"CycloneDX"}` + "\n")},
			{Format: catalog.SPDX, Content: []byte(`{"spdxVersion":"SPDX-2.3"}` + "\n")},
		},
		Scan: &finding.Scan{
			Findings: findings(), Finished: noon().Add(time.Hour),
			Database: finding.Database{Schema: "v6.1.10", Built: noon(), Source: "vulnerability.db"},
		},
		ScanBody: []byte(`{"scanner":{}}`),
		Attached: own,
		Examination: pipeline.Examination{
			Verified: append([]verify.Verified{them.attests(t, attest.TypeSLSA1, `{}`)}, own...),
			Rejected: []pipeline.Rejection{{
				Digest: "sha256:" + strings.Repeat("ab", 32), ClaimedType: attest.TypeVuln, Reason: errors.New("not signed by a trusted signer"),
			}},
		},
		Pushed:  true,
		Verdict: policy.Verdict{Outcome: policy.Deny, Results: checks()},
		Notes:   []string{"registry.example/team/app:1.4 moved during the run and now names sha256:" + strings.Repeat("cd", 32) + ", which was not examined"},
	}
}

// passed is the result of a run that asked for little and pushed nothing.
func passed(t *testing.T) pipeline.Result {
	t.Helper()
	own := newNotary(t, 1).attests(t, attest.TypeCycloneDX, `{}`)
	return pipeline.Result{
		Subject:     subject(t),
		Scan:        &finding.Scan{},
		Attached:    []verify.Verified{own},
		Examination: pipeline.Examination{Verified: []verify.Verified{own}},
		Verdict:     policy.Verdict{Outcome: policy.Pass},
	}
}

// checks are policies of every dialect and outcome, and a built-in rule.
func checks() []policy.Result {
	until := time.Date(2027, time.March, 31, 0, 0, 0, 0, time.UTC)
	return []policy.Result{
		{
			Name: "reviewed.rego", Title: "Somebody has approved", Outcome: policy.Pass, Dialect: policy.Sigstore, Considered: 1,
			PredicateType: "https://example.com/review/v1", Controls: []policy.Control{{Framework: "SLSA", ID: "Source L3"}},
			Warnings: []policy.Reason{{Message: "the review is 80 days old", Resource: "review"}},
		},
		{
			Name: "signed-off.rego", Outcome: policy.Undecided, Dialect: policy.Cosign,
			Controls: []policy.Control{{Framework: "NIST SSDF", ID: "PS.2.1"}},
			Reasons:  []policy.Reason{{Message: "no attestation of type https://example.com/signoff/v1 is there"}},
		},
		{
			Name: "licences.rego", Title: "No licence that we may not ship", Description: "Legal has a list.", Dialect: policy.Hallmark,
			Severity: "medium", Outcome: policy.Deny, Controls: []policy.Control{{Framework: "NIST SSDF", ID: "PO.1.3"}, {Framework: "SLSA", ID: "Source L3"}},
			Reasons: []policy.Reason{{Message: "AGPL-3.0-only may not be shipped", ID: "LIC-1", Severity: "high", Resource: "pkg:npm/left@1", Fix: "use another package"}},
			Waived: []policy.Waived{{
				Reason: policy.Reason{Message: "SSPL-1.0 may not be shipped", ID: "LIC-2", Resource: "pkg:npm/right@2"},
				Why:    "only in the test image", By: "legal@example.com", Until: until, Document: "sha256:" + strings.Repeat("ef", 32),
			}},
		},
		{
			Name: policy.SeverityCutoff, Title: "no finding of severity high or worse", Outcome: policy.Deny, Considered: 1,
			Reasons: []policy.Reason{
				{Message: "critical CVE-2026-0001 in openssl 3.0.9-1, fixed in 3.0.11-1"},
				{Message: "high CVE-2026-0002 in lodash 4.17.15, fixed in 4.17.21"},
				{Message: "three"},
				{Message: "four"},
				{Message: "five"},
				{Message: "six"},
				{Message: "seven"},
			},
		},
	}
}

func packages() []catalog.Package {
	return []catalog.Package{
		{Name: "bash", Version: "5.2", Type: "deb", PURL: "pkg:deb/debian/bash@5.2", Licences: []string{"GPL-3.0-or-later"}},
		{Name: "lodash", Version: "4.17.15", Type: "npm", PURL: "pkg:npm/lodash@4.17.15", Licences: []string{"MIT"}},
		{Name: "openssl", Version: "3.0.9-1", Type: "deb", PURL: "pkg:deb/debian/openssl@3.0.9-1", Licences: []string{"Apache-2.0", "OpenSSL"}},
		{Name: "unlicensed", Version: "", Type: "binary"},
	}
}

func findings() []finding.Finding {
	f := func(id string, s finding.Severity, name, version string, fixed ...string) finding.Finding {
		return finding.Finding{ID: id, Severity: s, Package: finding.Package{Name: name, Version: version, Type: "deb"}, FixedIn: fixed}
	}
	out := []finding.Finding{
		f("CVE-2026-0001", finding.Critical, "openssl", "3.0.9-1", "3.0.11-1"),
		f("GHSA-aaaa-bbbb-cccc", finding.High, "lodash", "4.17.15", "4.17.21", "5.0.0"),
		f("CVE-2026-0003", finding.High, "a-package-with-a-name-that-is-rather-long-for-a-table-of-eighty-columns", "1:2.3.4+really5.6.7-8ubuntu9~10"),
	}
	for i := range 10 {
		out = append(out, f("CVE-2025-000"+string(rune('0'+i)), finding.Medium, "tar", "1.34"))
	}
	added := noon().Add(-240 * time.Hour)
	out[0].KEV, out[0].EPSS = &finding.KEV{CVE: "CVE-2026-0001", DateAdded: &added}, &finding.EPSS{Score: 0.91, Percentile: 0.99}
	out[1].Aliases = []string{"CVE-2026-0002"}
	until := time.Date(2027, time.January, 31, 0, 0, 0, 0, time.UTC)
	waived := f("CVE-2026-0006", finding.High, "curl", "7.88.1", "8.0.0")
	waived.SuppressedBy = &finding.Suppression{
		Source: "waiver", Reason: "the flag is never set", By: "security@example.com", Until: &until, Document: "sha256:" + strings.Repeat("ef", 32),
	}
	suppressed := f("CVE-2026-0004", finding.Critical, "bash", "5.2")
	suppressed.SuppressedBy = &finding.Suppression{Source: "database", Reason: "not affected"}
	return append(out, suppressed, waived, f("CVE-2026-0005", finding.Unknown, "base-files", "12.4"))
}

func noon() time.Time { return time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
