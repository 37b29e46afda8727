package policy

import (
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// A pass says when something ends that it rests on: a waiver, a suppression in the scan, the
// time for which the scan and its database are new enough. The first of these counts.
func TestAPassSaysWhenItEnds(t *testing.T) {
	n := newNotary(t)
	in := func(d time.Duration) *time.Time { at := today().Add(d); return &at }
	suppressed := func(until ...*time.Time) verify.Verified {
		scan := finding.Scan{Started: today(), Finished: today().Add(-time.Hour), Database: finding.Database{Built: today().Add(-2 * time.Hour)}}
		for _, at := range until {
			scan.Findings = append(scan.Findings, finding.Finding{
				ID: "CVE-1", Severity: finding.Critical, Package: finding.Package{Name: "a"}, FixedIn: []string{},
				SuppressedBy: &finding.Suppression{Source: "vex", Until: at},
			})
		}
		return n.scan(t, scan, nil)
	}
	reads := "package hallmark.p\ndeny contains \"x\" if not input.scan\n"
	sigstore := "# METADATA\n# custom:\n#   predicateType: vuln\npackage sigstore\nisCompliant { input.predicate.scanner }\n"
	denies := "package hallmark.p\ndeny contains \"x\" if input.attestations.custom\n"
	waive := func(string, Reason) *finding.Suppression {
		return &finding.Suppression{Until: in(5 * time.Hour), By: "ada"}
	}
	cutoff, err := finding.ParseCutoff("critical")
	must(t, err)

	for name, c := range map[string]struct {
		text     string
		rules    Rules
		verified verify.Verified
		want     *time.Time // nil: nothing ends
	}{
		"nothing ends":                      {text: reads, verified: suppressed(nil)},
		"a suppression":                     {text: reads, verified: suppressed(nil, in(9*time.Hour), in(3*time.Hour)), want: in(3 * time.Hour)},
		"a suppression, in another dialect": {text: sigstore, verified: suppressed(in(9 * time.Hour)), want: in(9 * time.Hour)},
		"it reads no scan":                  {text: "package hallmark.p\ndeny contains \"x\" if not input.image.digest\n", verified: suppressed(in(9 * time.Hour))},
		"a waiver":                          {text: denies, rules: Rules{Waive: waive}, verified: n.custom(t, "{}"), want: in(5 * time.Hour)},
		"the cutoff":                        {rules: Rules{Cutoff: cutoff}, verified: suppressed(in(4 * time.Hour)), want: in(4 * time.Hour)},
		"the scan's age":                    {rules: Rules{MaxScanAge: 10 * time.Hour}, verified: suppressed(), want: in(9 * time.Hour)},
		"the database's age":                {rules: Rules{MaxDatabaseAge: 10 * time.Hour}, verified: suppressed(), want: in(8 * time.Hour)},
		"a denial has no end":               {text: denies, verified: n.custom(t, "{}")},
	} {
		t.Run(name, func(t *testing.T) {
			if c.text != "" {
				c.rules.Policies = Compile([]File{{Name: "p.rego", Text: c.text}}, Setting{})
			}
			result := c.rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{c.verified}, Now: today()}).Results[0]
			if c.want == nil && !result.Until.IsZero() || c.want != nil && !result.Until.Equal(*c.want) {
				t.Errorf("want %v, have %v (%+v)", c.want, result.Until, result)
			}
		})
	}
}
