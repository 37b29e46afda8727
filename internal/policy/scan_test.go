package policy

import (
	"slices"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// TestOwnScanDecides: another accepted signer, whose clock is ahead or who says
// so, must not speak in the place of the scan that was just made.
func TestOwnScanDecides(t *testing.T) {
	n, other := newNotary(t), newNotary(t)
	timeless := cleaned(0)
	timeless.Finished = time.Time{}
	stale := cleaned(0)
	stale.Database.Built = today().Add(-9 * day)

	clean, foul := n.scan(t, cleaned(0), nil), n.scan(t, dirty(), nil)
	aheadClean, aheadFoul := other.scan(t, cleaned(5*time.Minute), nil), dirty()
	aheadFoul.Finished = today().Add(5 * time.Minute)
	for _, c := range []struct {
		name    string
		own     []verify.Verified
		others  []verify.Verified
		outcome Outcome
		judged  int
	}{
		{"dirty, and a clean one ahead", []verify.Verified{foul}, []verify.Verified{aheadClean}, Deny, 1},
		{"old, and a young one ahead", []verify.Verified{n.scan(t, stale, nil)}, []verify.Verified{aheadClean}, Undecided, 1},
		{"without a time, and a clean one", []verify.Verified{n.scan(t, timeless, nil)}, []verify.Verified{aheadClean}, Undecided, 1},
		{"dirty and clean at once", []verify.Verified{foul, clean}, []verify.Verified{aheadClean}, Undecided, 2},
		{"no scan, so the newest decides", []verify.Verified{n.custom(t, "{}")}, []verify.Verified{clean, other.scan(t, aheadFoul, nil)}, Deny, 2},
		{"nothing, so the newest decides", nil, []verify.Verified{foul, aheadClean}, Pass, 2},
		{"clean, and a dirty one ahead", []verify.Verified{clean}, []verify.Verified{other.scan(t, aheadFoul, nil)}, Pass, 1},
		{"clean, and a broken one", []verify.Verified{clean}, []verify.Verified{other.object(t, attest.TypeVuln, `{"scanner":[]}`)}, Pass, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := Rules{Cutoff: cutoff(t, "high"), MaxDatabaseAge: 5 * day}
			verdict := rules.Decide(t.Context(), Evidence{Verified: slices.Concat(c.others, c.own), Own: c.own, Now: today()})
			if verdict.Outcome != c.outcome || len(verdict.Results) != 2 {
				t.Fatalf("want two results, %s; have %+v", c.outcome, verdict)
			}
			for _, result := range verdict.Results {
				if result.Considered != c.judged {
					t.Errorf("%s considered %d scans, want %d", result.Name, result.Considered, c.judged)
				}
			}
		})
	}
}

// TestDatabaseAgeOfScansThatAreOurs: without a cutoff, the age is asked of
// Hallmark's own scans, also of damaged ones, and not of what others attest.
func TestDatabaseAgeOfScansThatAreOurs(t *testing.T) {
	n := newNotary(t)
	old, timeless := cleaned(-time.Hour), cleaned(0)
	old.Database.Built = today().Add(-9 * day)
	timeless.Finished = time.Time{}
	others := n.object(t, attest.TypeVuln, foreign)
	without := func(part string) verify.Verified {
		return n.scan(t, cleaned(0), func(summary map[string]any) { delete(summary, part) })
	}
	for _, c := range []struct {
		name     string
		verified []verify.Verified
		outcome  Outcome
		judged   int // scans; 0: the rule does not apply
	}{
		{"an old one, and a newer one of others", []verify.Verified{n.scan(t, old, nil), others}, Undecided, 1},
		{"without a database", []verify.Verified{without("database"), others}, Undecided, 1},
		{"without counts", []verify.Verified{without("counts")}, Undecided, 1},
		{"without a time", []verify.Verified{n.scan(t, timeless, nil)}, Undecided, 1},
		{"none", nil, Pass, 0},
		{"another scanner's", []verify.Verified{others}, Pass, 0},
		{"another scanner's, without anything", []verify.Verified{n.object(t, attest.TypeVuln, `{"scanner":[]}`)}, Pass, 0},
		{"a young one, and another scanner's", []verify.Verified{n.scan(t, cleaned(0), nil), others}, Pass, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			verdict := Rules{MaxDatabaseAge: 5 * day}.Decide(t.Context(), Evidence{Verified: c.verified, Now: today()})
			judged := 0
			for _, result := range verdict.Results {
				judged += result.Considered
			}
			if verdict.Outcome != c.outcome || judged != c.judged {
				t.Errorf("want %s on %d scans, have %+v", c.outcome, c.judged, verdict)
			}
		})
	}
}
