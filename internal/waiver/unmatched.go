package waiver

import (
	"fmt"
	"slices"
	"time"

	"github.com/agnivade/levenshtein"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxUnmatched bounds how many waivers are named that matched nothing.
const maxUnmatched = 20

// Judged is a policy that was judged, and the violations of it, waived ones included.
type Judged struct {
	Policy     string
	Violations []Violation
	More       bool // there may be more of them
}

// Violation is one violation of a policy, as Violation of File is asked for it.
type Violation struct{ ID, Resource string }

// Case is what waivers were applied to.
type Case struct {
	Subjects []attest.Subject  // names of the images
	Scanned  bool              // there is a scan, of which these are the findings
	Findings []finding.Finding // of all images
	Judged   []Judged          // none: no policy was judged
}

// Unmatched returns a sentence for each waiver for these images that still holds and is for nothing that was found or
// violated, and what comes nearest to it. Waivers for policies are left out where no policy was judged, and those for
// vulnerabilities where there is no scan.
func (f File) Unmatched(c Case, now time.Time) []string {
	search := finding.NewSearch(c.Findings)
	var out []string
	more := 0
	for _, e := range f.entries {
		holds := now.Before(e.until) && slices.ContainsFunc(c.Subjects, e.about)
		if !holds || e.Policy == "" && !c.Scanned || e.Policy != "" && len(c.Judged) == 0 || e.matched(c) {
			continue
		}
		if len(out) == maxUnmatched {
			more++
			continue
		}
		sentence := fmt.Sprintf("the waiver of %s by %s matched nothing (%s:%d)",
			e.what(), plain.Line(e.Approver, maxText), plain.Line(f.name, maxText), e.line)
		if near := e.near(c, search); near != "" {
			sentence += ": " + near
		}
		out = append(out, plain.Line(sentence, 2*maxText))
	}
	if more > 0 {
		rest := plain.Count(more, "more waiver")
		out = append(out, fmt.Sprintf("%s of %s matched nothing", rest, plain.Line(f.name, maxText)))
	}
	return out
}

// matched reports whether a waiver is for anything.
func (e Entry) matched(c Case) bool {
	if e.Vulnerability != "" && slices.ContainsFunc(c.Findings, e.covers) {
		return true
	}
	return slices.ContainsFunc(c.Judged, func(j Judged) bool {
		forgiven := func(v Violation) bool { return e.forgives(j.Policy, v.ID, v.Resource) }
		return j.More && e.Policy != "" || slices.ContainsFunc(j.Violations, forgiven)
	})
}

// near says what comes nearest to a waiver that matched nothing.
func (e Entry) near(c Case, search *finding.Search) string {
	if e.Vulnerability != "" {
		return plain.Line(search.Near(e.Vulnerability), maxText)
	}
	var names []string
	for _, j := range c.Judged {
		if j.Policy == e.Policy || shortName(j.Policy) == e.Policy {
			return "the policy denied nothing that it is for"
		}
		names = append(names, shortName(j.Policy))
		for _, v := range j.Violations {
			if v.ID == e.Policy {
				return fmt.Sprintf("%s denied %s", shortName(j.Policy), plain.Line(v.Resource, maxText))
			}
			names = append(names, v.ID)
		}
	}
	best, least := "", 3
	for _, name := range names {
		if len(name) > maxText || name == "" {
			continue
		}
		if d := levenshtein.ComputeDistance(name, e.Policy[:min(len(e.Policy), maxText)]); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return "no policy and no violation has that name"
	}
	return "did you mean " + plain.Line(best, maxText) + "?"
}
