package waiver

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Suppression returns the waiver that takes a finding back, nil if none does at
// that time. Of several, the one that holds longest.
func (f File) Suppression(found finding.Finding, s attest.Subject, now time.Time) *finding.Suppression {
	var longest *Entry
	for i, e := range f.entries {
		if e.about(s) && e.covers(found) && now.Before(e.until) && (longest == nil || e.until.After(longest.until)) {
			longest = &f.entries[i]
		}
	}
	if longest == nil {
		return nil
	}
	until := longest.until
	return &finding.Suppression{
		Source: "waiver", Reason: plain.Line(longest.Reason, maxText), By: plain.Line(longest.Approver, maxText), Until: &until, Document: f.digest,
	}
}

// Violation returns the waiver that takes a violation of a policy back, nil if
// none does at that time. id and resource are the violation's own, and may be
// empty: then only a waiver of the policy for any package is for it.
func (f File) Violation(policy, id, resource string, s attest.Subject, now time.Time) *finding.Suppression {
	for _, e := range f.entries {
		if e.forgives(policy, id, resource) && e.about(s) && now.Before(e.until) {
			until := e.until
			return &finding.Suppression{
				Source: "waiver", Reason: plain.Line(e.Reason, maxText), By: plain.Line(e.Approver, maxText), Until: &until, Document: f.digest,
			}
		}
	}
	return nil
}

// forgives reports whether a waiver is for a violation of a policy.
func (e Entry) forgives(policy, id, resource string) bool {
	named := e.Policy != "" && (e.Policy == policy || e.Policy == shortName(policy) || e.Policy == id)
	named = named || e.Vulnerability != "" && strings.EqualFold(e.Vulnerability, id)
	name, version, _ := strings.Cut(resource, " ")
	return named && matchesAny(e.pkg, name, name+"@"+version, resource)
}

// shortName returns a policy's name without its folder, its ending and the mark of
// one that ships.
func shortName(policy string) string {
	return strings.TrimPrefix(strings.TrimSuffix(path.Base(policy), ".rego"), "hallmark:")
}

// Ended returns a sentence for each waiver for an image that no longer counts, and
// names it by its line.
func (f File) Ended(s attest.Subject, now time.Time) []string {
	var out []string
	for _, e := range f.entries {
		if e.about(s) && !now.Before(e.until) {
			out = append(out, fmt.Sprintf("the waiver of %s by %s ended on %s and no longer counts (%s:%d)",
				e.what(), plain.Line(e.Approver, maxText), e.until.Add(-time.Nanosecond).Format(time.DateOnly), plain.Line(f.name, maxText), e.line))
		}
	}
	return out
}
