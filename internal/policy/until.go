package policy

import (
	"encoding/json"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// earliest returns the first of the times that are set; zero: none is.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// endOfWaivers returns when the first of the waivers ends; zero: there are none.
func endOfWaivers(waived []Waived) time.Time {
	var first time.Time
	for _, w := range waived {
		first = earliest(first, w.Until)
	}
	return first
}

// endOfSuppressions returns when the first suppression ends that still holds at a
// time; zero: none of them ends.
func endOfSuppressions(findings []finding.Finding, now time.Time) time.Time {
	var first time.Time
	for _, f := range findings {
		if !f.EffectiveAt(now) && f.SuppressedBy.Until != nil {
			first = earliest(first, *f.SuppressedBy.Until)
		}
	}
	return first
}

// endOfScans returns when the first suppression in the scans ends, of which the policies
// that are shown them do not know. What is no scan of Hallmark's has none.
func endOfScans(scans []verify.Verified, now time.Time) time.Time {
	var first time.Time
	for _, v := range scans {
		var p finding.Predicate
		var summary finding.Summary
		if json.Unmarshal(v.Statement().Predicate, &p) == nil && json.Unmarshal(p.Scanner.Result, &summary) == nil {
			first = earliest(first, endOfSuppressions(summary.Findings, now))
		}
	}
	return first
}

// scanEnds tells when the first suppression in a scan ends. The scans are decoded once,
// when the first policy that reads them passes.
type scanEnds struct {
	scans []verify.Verified
	now   time.Time
	end   *time.Time
}

func newScanEnds(e Evidence) *scanEnds { return &scanEnds{scans: scansOf(e.Verified), now: e.Now} }

// of returns when an outcome ends that rests on waivers and, if the scans were read, on
// what suppresses their findings.
func (s *scanEnds) of(waived []Waived, reads func(predicateType string) bool) time.Time {
	until := endOfWaivers(waived)
	if !reads(attest.TypeVuln) {
		return until
	}
	if s.end == nil {
		end := endOfScans(s.scans, s.now)
		s.end = &end
	}
	return earliest(until, *s.end)
}
