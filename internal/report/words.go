package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

const projectURL = "https://github.com/hallmark-ci/hallmark"

// outcome returns the verdict. A run that failed decided nothing, whatever it had
// come to by then.
func outcome(r pipeline.Result) policy.Outcome {
	if r.Failure != nil {
		return policy.Undecided
	}
	return r.Verdict.Outcome
}

// resolved reports whether the run came so far as to know the image's digest.
func resolved(r pipeline.Result) bool { return r.Subject.Hex() != "" }

// repository returns the image's repository, or what was asked for where the
// reference was not resolved.
func repository(r pipeline.Result) string {
	if resolved(r) {
		return r.Subject.Repository()
	}
	return line(r.Reference)
}

// pinned returns the image by its digest, or what was asked for.
func pinned(r pipeline.Result) string {
	if resolved(r) {
		return r.Subject.String()
	}
	return line(r.Reference)
}

// requested returns the reference as it was asked for.
func requested(r pipeline.Result) string {
	return line(cmp.Or(r.Subject.Requested(), r.Reference))
}

// headline says how the verdict came about, as a sentence beside it.
func headline(r pipeline.Result) string {
	switch {
	case r.Failure != nil:
		return "The job failed before there was a verdict. That is no pass."
	case len(r.Verdict.Results) == 0:
		return "Nothing was asked of the image: no policy and no severity cutoff is set."
	case r.Verdict.Outcome == policy.Undecided:
		return tally(r.Verdict.Results) + ". That is no pass."
	}
	return tally(r.Verdict.Results) + "."
}

// tally counts checks by their outcome, in words.
func tally(results []policy.Result) string {
	counts := map[policy.Outcome]int{}
	for _, c := range results {
		counts[c.Outcome]++
	}
	var parts []string
	for _, o := range []policy.Outcome{policy.Deny, policy.Undecided, policy.Pass} {
		if n := counts[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, map[policy.Outcome]string{
				policy.Deny: "denied", policy.Undecided: "undecided", policy.Pass: "passed",
			}[o]))
		}
	}
	noun := "checks"
	if len(results) == 1 {
		noun = "check"
	}
	return fmt.Sprintf("Of %d %s, %s", len(results), noun, strings.Join(parts, ", "))
}

// advisoryName is what an id must look like to become part of a link.
func advisoryName(id string) bool {
	foreign := func(c rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:._-", c)
	}
	return len(id) > 3 && len(id) <= 64 && !strings.ContainsFunc(id, foreign)
}

// advisoryURL returns the page of an advisory by its id; empty where nobody is
// known to publish under that name.
func advisoryURL(id string) string {
	if !advisoryName(id) {
		return ""
	}
	kind, _, _ := strings.Cut(id, "-")
	switch kind {
	case "CVE":
		return "https://nvd.nist.gov/vuln/detail/" + id
	case "GHSA":
		return "https://github.com/advisories/" + id
	case "GO":
		return "https://pkg.go.dev/vuln/" + id
	case "RHSA", "RHBA", "RHEA":
		return "https://access.redhat.com/errata/" + id
	case "ELSA":
		return "https://linux.oracle.com/errata/" + id + ".html"
	case "USN", "DSA", "DLA", "PYSEC", "RUSTSEC", "MAL", "OSV", "ALPINE", "BIT", "CGA", "MINI":
		return "https://osv.dev/vulnerability/" + id
	}
	return ""
}

// advisoryOf returns the page of a finding, by its id or by one of its aliases.
func advisoryOf(f finding.Finding) string {
	for _, id := range append([]string{f.ID}, f.Aliases...) {
		if url := advisoryURL(id); url != "" {
			return url
		}
	}
	return ""
}

// dayFormat is how days are written.
const dayFormat = "2006-01-02"

// databaseLine names the database, of which a scan that others made may say nothing.
func databaseLine(d finding.Database) string {
	if d.Schema == "" && d.Built.IsZero() {
		return "the scan does not say"
	}
	return fmt.Sprintf("%s, built %s UTC", d.Schema, shownTime(d.Built))
}

// scannedWords says when a scan was made and with what, as far as it tells.
func scannedWords(scan finding.Scan) string {
	var words string
	if !scan.Finished.IsZero() {
		words = fmt.Sprintf(" %s UTC", shownTime(scan.Finished))
	}
	if !scan.Database.Built.IsZero() {
		words += " with the vulnerability database " + databaseWords(scan.Database)
	}
	return words
}

// databaseWords names a database that says when it was built.
func databaseWords(d finding.Database) string {
	return strings.TrimSpace(fmt.Sprintf("%s of %s UTC", d.Schema, shownTime(d.Built)))
}

// suppressedWords counts what was found and does not count; nothing for none.
func suppressedWords(counts finding.SummaryCounts) string {
	switch n := counts.Raw.Total() - counts.Effective.Total(); n {
	case 0:
		return ""
	case 1:
		return "1 more is suppressed."
	default:
		return fmt.Sprintf("%d more are suppressed.", n)
	}
}

// objectionsFirst returns checks with those first that a person has to do something
// about: a table may end before the last.
func objectionsFirst(results []policy.Result) []policy.Result {
	rank := map[policy.Outcome]int{policy.Deny: 0, policy.Undecided: 1, policy.Pass: 2}
	return slices.SortedStableFunc(slices.Values(results), func(a, b policy.Result) int {
		return cmp.Compare(rank[a.Outcome], rank[b.Outcome])
	})
}
