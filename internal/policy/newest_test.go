package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Of two different attestations of one need, nothing but their digests tells which
// is the newer where their times are equal, or one of them says none. Such a policy
// is undecided, whatever it would have said of either.
func TestATieOfTimeIsUndecided(t *testing.T) {
	provenance := func(builder, finished string) string {
		return fmt.Sprintf(`{"buildDefinition":{},"runDetails":{"builder":{"id":%q},"metadata":{"finishedOn":%q}}}`, builder, finished)
	}
	const (
		trusted = "package hallmark.p\ndeny contains \"not ours\" if input.provenance.runDetails.builder.id != \"ours\"\n"
		noBuild = "package hallmark.p\ndeny contains \"no\" if not input.provenance\n"
		older   = `{"builder":{"id":"ours"},"metadata":{"buildFinishedOn":"2026-11-22T12:00:00Z"}}`
		noon    = "2026-11-22T12:00:00Z"
	)
	a, b := newNotary(t), newNotary(t)
	b.subject = a.subject
	tie := "differ, and nothing says which is the newest"
	for _, c := range []struct {
		name, policy string
		there        []verify.Verified
		outcome      Outcome
		says         string
	}{
		{"of one time", trusted, []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), b.object(t, attest.TypeSLSA1, provenance("theirs", noon)),
		}, Undecided, tie},
		{"of one time, and both would pass", trusted, []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), b.object(t, attest.TypeSLSA1, provenance("ours", "2026-11-22T12:00:00.000Z")),
		}, Undecided, tie},
		{"one without a time", trusted, []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), b.object(t, attest.TypeSLSA1, provenance("theirs", "")),
		}, Undecided, tie},
		{"of another version, which says no time here", trusted, []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), a.object(t, attest.TypeSLSA02, older),
		}, Undecided, tie},
		{"none is denied where a tie hides it", noBuild, []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), a.object(t, attest.TypeSLSA02, older),
		}, Undecided, tie},
		{"the same, twice", trusted, []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), b.object(t, attest.TypeSLSA1, provenance("ours", noon)),
		}, Pass, ""},
		{"an older one", trusted, []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), b.object(t, attest.TypeSLSA1, provenance("theirs", "2026-11-22T11:59:59Z")),
		}, Pass, ""},
		{"a newer one", trusted, []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), b.object(t, attest.TypeSLSA1, provenance("theirs", "2026-11-22T12:00:01Z")),
		}, Deny, "not ours"},
		{"a policy that looks at all of them", "package hallmark.p\ndeny contains \"not ours\" if {\n\tsome p in input.attestations.slsaprovenance1\n" +
			"\tp.predicate.runDetails.builder.id == \"theirs\"\n}\n", []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), b.object(t, attest.TypeSLSA1, provenance("theirs", noon)),
		}, Deny, "not ours"},
		{"a policy that takes the first of a list", "package hallmark.p\ndeny contains \"bad\" if input.attestations.openvex[0].predicate.bad\n", []verify.Verified{
			a.object(t, attest.TypeOpenVEX, `{"bad":false}`), a.object(t, attest.TypeOpenVEX, `{"bad":true}`),
		}, Undecided, tie},
		{"a policy that gives its input another name", "package hallmark.p\nall := input\ndeny contains \"no\" if all.provenance.builder == \"x\"\n", []verify.Verified{
			a.object(t, attest.TypeSLSA1, provenance("ours", noon)), b.object(t, attest.TypeSLSA1, provenance("theirs", noon)),
		}, Undecided, tie},
	} {
		r := Rules{Policies: load(t, c.policy)}.Decide(t.Context(), Evidence{Verified: c.there, Now: today()}).Results[0]
		said := strings.Join(sentences(r.Reasons), "; ")
		if r.Outcome != c.outcome || !strings.Contains(said, c.says) {
			t.Errorf("%s: want %s with %q, have %s with %q", c.name, c.outcome, c.says, r.Outcome, said)
		}
	}
}

// An image can have an SBOM in each format. A policy that reads either must pass
// with both; two of one format are a tie.
func TestAnSBOMInEachFormatIsNoTie(t *testing.T) {
	n := newNotary(t)
	const policy = "package hallmark.p\nnames contains c.name if some c in input.sbom.components\n" +
		"names contains p.name if some p in input.sbom.packages\ndeny contains name if some name in names\n"
	cycloneDX := func(name string) verify.Verified {
		return n.object(t, attest.TypeCycloneDX, fmt.Sprintf(`{"bomFormat":"CycloneDX","components":[{"name":%q}]}`, name))
	}
	spdx := n.object(t, attest.TypeSPDX, `{"spdxVersion":"SPDX-2.3","packages":[{"name":"b"}]}`)
	for _, c := range []struct {
		there   []verify.Verified
		outcome Outcome
		reasons []string
	}{
		{[]verify.Verified{cycloneDX("a"), spdx}, Deny, []string{"a", "b"}},
		{[]verify.Verified{spdx, cycloneDX("a")}, Deny, []string{"a", "b"}},
		{[]verify.Verified{cycloneDX("a"), cycloneDX("a"), spdx}, Deny, []string{"a", "b"}},
	} {
		r := Rules{Policies: load(t, policy)}.Decide(t.Context(), Evidence{Verified: c.there, Now: today()}).Results[0]
		if said := sentences(r.Reasons); r.Outcome != c.outcome || !slices.Equal(said, c.reasons) {
			t.Errorf("%s with %q", r.Outcome, said)
		}
	}
	r := Rules{Policies: load(t, policy)}.Decide(t.Context(), Evidence{Verified: []verify.Verified{cycloneDX("a"), cycloneDX("b")}, Now: today()}).Results[0]
	if r.Outcome != Undecided {
		t.Errorf("two of one format: %s", r.Outcome)
	}
}
