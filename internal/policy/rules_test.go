package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// dirty is a scan of today with one finding that is fixed, one that is not, one
// that is suppressed and one of unknown severity.
func dirty() finding.Scan {
	findings := []finding.Finding{
		{
			ID: "GHSA-xvch-5gv4-984h", Severity: finding.Critical, FixedIn: []string{"0.2.4", "1.2.6"},
			Package: finding.Package{Name: "minimist", Version: "1.2.0"},
		},
		{
			ID: "CVE-2024-1", Severity: finding.High, FixedIn: []string{},
			Package: finding.Package{Name: "openssl", Version: "3.0.1"},
		},
		{
			ID: "CVE-2024-2", Severity: finding.Critical, FixedIn: []string{"2"}, SuppressedBy: &finding.Suppression{Source: "vex"},
			Package: finding.Package{Name: "bash", Version: "1"},
		},
		{
			ID: "CVE-2024-3", Severity: finding.Unknown, FixedIn: []string{"2"},
			Package: finding.Package{Name: "bash", Version: "1"},
		},
	}
	return finding.Scan{
		Findings: findings, Started: today().Add(-time.Minute), Finished: today(),
		Database: finding.Database{Built: today().Add(-24 * time.Hour)},
	}
}

// cleaned returns dirty without its findings, finished later.
func cleaned(later time.Duration) finding.Scan {
	s := dirty()
	s.Findings = nil
	s.Finished = s.Finished.Add(later)
	return s
}

// foreign is the predicate of another scanner, of today.
const foreign = `{"scanner":{"result":{"SchemaVersion":2,"Results":[]}},"metadata":{"scanFinishedOn":"2026-11-22T12:00:00Z"}}`

func cutoff(t *testing.T, word string) finding.Cutoff {
	t.Helper()
	c, err := finding.ParseCutoff(word)
	must(t, err)
	return c
}

// firstFinding returns the first finding of an encoded summary, to damage it.
func firstFinding(summary map[string]any) map[string]any {
	return summary["findings"].([]any)[0].(map[string]any)
}

func TestScanThatCannotBeRead(t *testing.T) {
	n := newNotary(t)
	const by = "the attestation of type vuln BY "
	const shape = by + "is the newest scan and not one of Hallmark's, which severity-cutoff and vuln-db-max-age need (scan the image again): "
	damaged := func(edit func(summary map[string]any)) []verify.Verified {
		return []verify.Verified{n.scan(t, dirty(), edit)}
	}
	timeless, future := dirty(), dirty()
	timeless.Finished, future.Finished = time.Time{}, today().Add(10*time.Minute+time.Second)
	for _, c := range []struct {
		name     string
		verified []verify.Verified
		reason   string
	}{
		{"none", nil, "no scan attestation (type vuln) was verified"},
		{"another type", []verify.Verified{n.custom(t, "{}")}, "no scan attestation (type vuln) was verified"},
		{"no object", []verify.Verified{n.object(t, attest.TypeVuln, `{"scanner":[]}`)}, by + "could not be decoded: the field scanner must not be of type array"},
		{"no time", []verify.Verified{n.scan(t, timeless, nil)}, by + "does not say when the scan finished (metadata.scanFinishedOn)"},
		{"from the future", []verify.Verified{n.scan(t, future, nil)}, by + "says that the scan finishes in the future, at 2026-11-22T12:10:01Z"},
		{
			"no result",
			[]verify.Verified{n.object(t, attest.TypeVuln, `{"metadata":{"scanFinishedOn":"2026-11-22T00:00:00Z"}}`)},
			shape + "scanner.result is missing",
		},
		{
			"another scanner's result",
			[]verify.Verified{n.object(t, attest.TypeVuln, foreign)},
			shape + "scanner.result.counts lacks critical",
		},
		{"no counts", damaged(func(s map[string]any) { delete(s, "counts") }), shape + "scanner.result.counts lacks critical"},
		{
			"a count missing", damaged(func(s map[string]any) { delete(s["counts"].(map[string]any)["effective"].(map[string]any), "low") }),
			shape + "scanner.result.counts lacks low",
		},
		{
			"a count that is wrong", damaged(func(s map[string]any) { s["counts"].(map[string]any)["effective"].(map[string]any)["critical"] = 0 }),
			shape + "scanner.result.counts are not those of its findings",
		},
		{"no findings", damaged(func(s map[string]any) { delete(s, "findings") }), shape + "scanner.result.findings is missing"},
		{"findings null", damaged(func(s map[string]any) { s["findings"] = nil }), shape + "scanner.result.findings is missing"},
		{"a finding left out", damaged(func(s map[string]any) { s["findings"] = s["findings"].([]any)[1:] }), shape + "scanner.result.counts are not those of its findings"},
		{"no severity", damaged(func(s map[string]any) { delete(firstFinding(s), "severity") }), shape + "scanner.result.findings[0].severity is missing"},
		{"an unknown severity", damaged(func(s map[string]any) { firstFinding(s)["severity"] = "Severe" }), shape + `decoding scanner.result: decoding a severity: "Severe" is none`},
		{"no id", damaged(func(s map[string]any) { delete(firstFinding(s), "id") }), shape + "scanner.result.findings[0].id is missing"},
		{"an empty id", damaged(func(s map[string]any) { firstFinding(s)["id"] = "" }), shape + "scanner.result.findings[0] names no vulnerability or no package"},
		{"no package", damaged(func(s map[string]any) { delete(firstFinding(s), "package") }), shape + "scanner.result.findings[0].package is missing"},
		{"no fixed versions", damaged(func(s map[string]any) { firstFinding(s)["fixedIn"] = nil }), shape + "scanner.result.findings[0].fixedIn is missing"},
		{"suppressed by nobody", damaged(func(s map[string]any) { firstFinding(s)["suppressedBy"] = map[string]any{} }), shape + "scanner.result.findings[0] is suppressed by nobody"},
		{"no database", damaged(func(s map[string]any) { delete(s, "database") }), shape + "scanner.result.database.built is missing"},
		{
			"two newest",
			[]verify.Verified{n.scan(t, dirty(), nil), n.scan(t, cleaned(0), nil)},
			"two different scans both finished at 2026-11-22T12:00:00Z: none is the newest",
		},
		{
			"a clean one beside one without a time",
			[]verify.Verified{n.scan(t, cleaned(time.Minute), nil), n.scan(t, timeless, nil)},
			by + "does not say when the scan finished (metadata.scanFinishedOn)",
		},
		{
			"a newer one of another scanner",
			[]verify.Verified{n.scan(t, cleaned(-time.Hour), nil), n.object(t, attest.TypeVuln, foreign)},
			shape + "scanner.result.counts lacks critical",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := Rules{Cutoff: cutoff(t, "high"), MaxDatabaseAge: 5 * day}
			verdict := rules.Decide(t.Context(), Evidence{Verified: c.verified, Now: today()})
			if verdict.Outcome != Undecided || len(verdict.Results) != 2 {
				t.Fatalf("want two results, undecided; have %+v", verdict)
			}
			want := []string{strings.ReplaceAll(c.reason, "BY", "signed by "+n.signer)}
			for _, result := range verdict.Results {
				if result.Outcome != Undecided || !slices.Equal(messages(result.Reasons), want) {
					t.Errorf("%s:\nwant %q\nhave %q (%s)", result.Name, want, messages(result.Reasons), result.Outcome)
				}
			}
		})
	}
}

func TestSeverityCutoff(t *testing.T) {
	n := newNotary(t)
	const minimist = "critical GHSA-xvch-5gv4-984h in minimist 1.2.0, fixed in 0.2.4, 1.2.6"
	const openssl = "high CVE-2024-1 in openssl 3.0.1, no fix is known"
	const unknown = "1 finding of unknown severity was not judged"
	vague := cleaned(0)
	for range 3 {
		vague.Findings = append(vague.Findings, dirty().Findings[3])
	}
	suppressed := dirty().Findings[3]
	suppressed.SuppressedBy = &finding.Suppression{Source: "vex"}
	vague.Findings = append(vague.Findings, suppressed)
	now := []finding.Scan{dirty()}
	for _, c := range []struct {
		name      string
		cutoff    string
		onlyFixed bool
		scans     []finding.Scan
		outcome   Outcome
		reasons   []string
	}{
		{"at the cutoff", "high", false, now, Deny, []string{minimist, openssl, unknown}},
		{"with a fix only", "high", true, now, Deny, []string{minimist, unknown}},
		{"above the cutoff", "critical", false, now, Deny, []string{minimist, unknown}},
		{"unknown is below negligible", "negligible", false, now, Deny, []string{minimist, openssl, unknown}},
		{"only unknown ones", "negligible", false, []finding.Scan{vague}, Pass, []string{"3 findings of unknown severity were not judged"}},
		{"the newest is dirty", "high", true, []finding.Scan{dirty(), cleaned(-time.Hour)}, Deny, []string{minimist, unknown}},
		{"the newest is clean", "high", false, []finding.Scan{dirty(), cleaned(time.Minute)}, Pass, nil},
		{"the newest is clean, among older ones of one time", "high", false, []finding.Scan{dirty(), cleaned(0), cleaned(10 * time.Minute)}, Pass, nil},
		{"the same scan twice", "high", false, []finding.Scan{cleaned(0), cleaned(0)}, Pass, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var verified []verify.Verified
			for _, s := range c.scans {
				verified = append(verified, n.scan(t, s, nil))
			}
			rules := Rules{Cutoff: cutoff(t, c.cutoff), OnlyFixed: c.onlyFixed}
			verdict := rules.Decide(t.Context(), Evidence{Verified: verified, Now: today()})
			if len(verdict.Results) != 1 || verdict.Results[0].Name != SeverityCutoff {
				t.Fatalf("want one result of the cutoff, have %+v", verdict.Results)
			}
			result := verdict.Results[0]
			if verdict.Outcome != c.outcome || result.Outcome != c.outcome || !slices.Equal(messages(result.Reasons), c.reasons) {
				t.Errorf("want %s with %q\nhave %s with %q", c.outcome, c.reasons, result.Outcome, messages(result.Reasons))
			}
			if result.Considered != len(c.scans) || result.PredicateType != attest.TypeVuln {
				t.Errorf("considered %d of type %s", result.Considered, result.PredicateType)
			}
		})
	}
}

func TestSeverityCutoffIsBoundedAndPrintable(t *testing.T) {
	n := newNotary(t)
	s := dirty()
	s.Findings = s.Findings[3:]
	for i := range 30 {
		s.Findings = append(s.Findings, finding.Finding{
			ID: fmt.Sprintf("CVE-%02d", i), Severity: finding.High, FixedIn: []string{"1", "2", "3", "4", "5", "6", "7"},
			Package: finding.Package{Name: "evil\n::error::", Version: "\x1b[2J"},
		})
	}
	rules := Rules{Cutoff: cutoff(t, "high")}
	got := messages(rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.scan(t, s, nil)}, Now: today()}).Results[0].Reasons)
	last := []string{"and 10 more", "1 finding of unknown severity was not judged"}
	if len(got) != maxListed+2 || !slices.Equal(got[maxListed:], last) {
		t.Fatalf("want %d findings and %q, have %q", maxListed, last, got)
	}
	if want := `high CVE-00 in evil ::error:: [2J, fixed in 1, 2, 3, 4, 5 and 2 more`; got[0] != want {
		t.Errorf("want %q, have %q", want, got[0])
	}
}

func TestDatabaseAge(t *testing.T) {
	n := newNotary(t)
	for _, c := range []struct {
		name    string
		built   time.Time
		max     time.Duration
		outcome Outcome
		reasons []string
	}{
		{"unknown", time.Time{}, 5 * day, Undecided, []string{"the scan does not say when its vulnerability database was built"}},
		{"in the future", today().Add(11 * time.Minute), 5 * day, Undecided, []string{"the vulnerability database was built in the future, at 2026-11-22T12:11:00Z"}},
		{"days too old", today().Add(-9 * day), 5 * day, Undecided, []string{"the vulnerability database is 9 days old, allowed are 5 days (vuln-db-max-age)"}},
		{"a moment too old", today().Add(-5*day - time.Second), 5 * day, Undecided, []string{"the vulnerability database is 5 days 1 hour old, allowed are 5 days (vuln-db-max-age)"}},
		{"minutes too old", today().Add(-31 * time.Minute), 30 * time.Minute, Undecided, []string{"the vulnerability database is 31m0s old, allowed are 30m0s (vuln-db-max-age)"}},
		{"just young enough", today().Add(-5 * day), 5 * day, Pass, nil},
		{"another clock", today().Add(10 * time.Minute), 5 * day, Pass, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := cleaned(0)
			s.Database.Built = c.built
			rules := Rules{MaxDatabaseAge: c.max}
			verdict := rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.scan(t, s, nil)}, Now: today()})
			if len(verdict.Results) != 1 || verdict.Results[0].Name != DatabaseAge {
				t.Fatalf("want one result of the age, have %+v", verdict.Results)
			}
			if result := verdict.Results[0]; result.Outcome != c.outcome || !slices.Equal(messages(result.Reasons), c.reasons) {
				t.Errorf("want %s with %q\nhave %s with %q", c.outcome, c.reasons, result.Outcome, messages(result.Reasons))
			}
		})
	}
}

func TestCutoffAndAgeAreBothReported(t *testing.T) {
	n := newNotary(t)
	s := dirty()
	s.Database.Built = today().Add(-9 * day)
	rules := Rules{Cutoff: cutoff(t, "critical"), MaxDatabaseAge: 5 * day, OnlyFixed: true}
	verdict := rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.scan(t, s, nil)}, Now: today()})
	var got []string
	for _, r := range verdict.Results {
		got = append(got, fmt.Sprintf("%s %s: %s", r.Outcome, r.Name, r.Title))
	}
	want := []string{
		"deny severity-cutoff: no finding of severity critical or worse that has a fix",
		"undecided database-age: the vulnerability database is at most 5 days old",
	}
	if verdict.Outcome != Deny || !slices.Equal(got, want) {
		t.Errorf("want deny of %q, have %s of %q", want, verdict.Outcome, got)
	}
}

// A waiver's end is checked again when the gate decides, not only when the scan
// was made; and one without an end suppresses nothing.
func TestAWaiverThatHasEndedSince(t *testing.T) {
	n := newNotary(t)
	s := dirty()
	until := today().Add(time.Hour)
	s.Findings[0].SuppressedBy = &finding.Suppression{Source: "waiver", Reason: "not reached", By: "ada", Until: &until}
	rules := Rules{Cutoff: cutoff(t, "critical")}
	verified := []verify.Verified{n.scan(t, s, nil)}
	if v := rules.Decide(t.Context(), Evidence{Verified: verified, Now: until.Add(-time.Second)}); v.Outcome != Pass {
		t.Errorf("before its end: %s %q", v.Outcome, messages(v.Results[0].Reasons))
	}
	v := rules.Decide(t.Context(), Evidence{Verified: verified, Now: until})
	want := []string{
		"critical GHSA-xvch-5gv4-984h in minimist 1.2.0, fixed in 0.2.4, 1.2.6; the waiver by ada ended on 2026-11-22",
		"1 finding of unknown severity was not judged",
	}
	if v.Outcome != Deny || !slices.Equal(messages(v.Results[0].Reasons), want) {
		t.Errorf("after its end: %s %q", v.Outcome, messages(v.Results[0].Reasons))
	}
	s.Findings[0].SuppressedBy.Until = nil
	v = rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.scan(t, s, nil)}, Now: today()})
	if v.Outcome != Undecided {
		t.Errorf("without an end: %s", v.Outcome)
	}
}

// Violations are waived one by one; a policy passes when none is left.
func TestWaivedViolations(t *testing.T) {
	n := newNotary(t)
	const two = `package hallmark.p

deny contains {"msg": "first", "id": "P-1"} if input.scan

deny contains {"msg": "second", "id": "P-2"} if input.scan
`
	until := today().Add(time.Hour)
	waive := func(ids ...string) func(string, Reason) *finding.Suppression {
		return func(_ string, r Reason) *finding.Suppression {
			if slices.Contains(ids, r.ID) {
				return &finding.Suppression{Source: "waiver", Reason: "why", By: "ada", Until: &until}
			}
			return nil
		}
	}
	evidence := Evidence{Verified: []verify.Verified{n.scan(t, dirty(), nil)}, Now: today()}
	for _, c := range []struct {
		name    string
		policy  string
		cutoff  string
		ids     []string
		outcome Outcome
		left    int
		waived  int
	}{
		{"one of two", two, "none", []string{"P-1"}, Deny, 1, 1},
		{"both", two, "none", []string{"P-1", "P-2"}, Pass, 0, 2},
		{"a finding at the cutoff", "", "critical", []string{"GHSA-xvch-5gv4-984h"}, Pass, 1, 1}, // what no cutoff judges is told all the same
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := Rules{Waive: waive(c.ids...), Cutoff: cutoff(t, c.cutoff)}
			if c.policy != "" {
				rules.Policies = load(t, c.policy)
			}
			r := rules.Decide(t.Context(), evidence).Results[0]
			if r.Outcome != c.outcome || len(r.Reasons) != c.left || len(r.Waived) != c.waived {
				t.Errorf("%s, %q, waived %+v", r.Outcome, messages(r.Reasons), r.Waived)
			}
		})
	}
}
