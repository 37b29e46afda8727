package policy

import (
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// Names of the built-in rules, as results carry them.
const (
	SeverityCutoff = "severity-cutoff"
	DatabaseAge    = "database-age"
	ScanAge        = "scan-age"
)

const (
	maxListed   = 20 // findings that are named; the rest is counted
	maxVersions = 5  // fixed versions that are named for each
)

const day = 24 * time.Hour

// decideScan evaluates the built-in rules that apply, on the newest scan, or on
// this run's own.
func (r Rules) decideScan(e Evidence) []Result {
	scans := e.scans()
	cutoff := r.Cutoff.Set()
	if !cutoff {
		scans = shaped(scans)
	}
	if !cutoff && len(scans) == 0 {
		return nil
	}
	newest, err := newestScan(scans, e.Now)
	var results []Result
	add := func(name, title string, decide func() answer) {
		var a answer
		if err != nil {
			a = undecided("%v", err)
		} else {
			a = decide()
		}
		results = append(results, Result{
			Name: name, Title: title, PredicateType: attest.TypeVuln,
			Outcome: a.outcome, Reasons: a.reasons.list(), Waived: a.waived, Until: a.until, Considered: len(scans),
		})
	}
	if cutoff {
		add(SeverityCutoff, r.cutoffTitle(), func() answer { return r.decideCutoff(newest.summary, e.Now) })
	}
	if r.MaxDatabaseAge > 0 {
		title := fmt.Sprintf("the vulnerability database is at most %s old", span(r.MaxDatabaseAge))
		add(DatabaseAge, title, func() answer { return r.decideAge(newest.summary.Database.Built, e.Now) })
	}
	if r.MaxScanAge > 0 {
		title := fmt.Sprintf("the scan is at most %s old", span(r.MaxScanAge))
		add(ScanAge, title, func() answer { return r.decideScanAge(newest.finished, e.Now) })
	}
	return results
}

func (r Rules) cutoffTitle() string {
	if r.OnlyFixed {
		return fmt.Sprintf("no finding of severity %s or worse that has a fix", r.Cutoff)
	}
	return fmt.Sprintf("no finding of severity %s or worse", r.Cutoff)
}

// decideCutoff denies for each finding at or above the cutoff that nothing
// suppressed, and names the worst. Where nothing is denied and something was not read, it
// is undecided. Whatever it comes to, it says how many
// findings no cutoff can reach.
func (r Rules) decideCutoff(summary finding.Summary, now time.Time) answer {
	finding.Sort(summary.Findings)
	named := reasons{limit: maxListed}
	var waived []Waived
	for _, f := range summary.Findings {
		if !f.EffectiveAt(now) || !r.Cutoff.Reached(f.Severity) || r.OnlyFixed && !f.Fixable() {
			continue
		}
		reason := Reason{Message: sentence(f), ID: f.ID, Severity: f.Severity.String(), Resource: f.Package.Name + " " + f.Package.Version}
		w := r.waiver(SeverityCutoff, reason)
		if w == nil {
			named.take(reason)
		} else if len(waived) < maxReasons {
			waived = append(waived, *w)
		}
	}
	outcome := r.weighUnread(&named, summary.Unread)
	if unknown := summary.Counts.Effective.Unknown; unknown == 1 {
		named.end("1 finding of unknown severity was not judged")
	} else if unknown > 1 {
		named.end(fmt.Sprintf("%d findings of unknown severity were not judged", unknown))
	}
	return answer{outcome, named, waived, earliest(endOfWaivers(waived), endOfSuppressions(summary.Findings, now))}
}

// weighUnread returns what findings that are denied, and what was not read, come to, and
// adds the latter to the reasons.
func (r Rules) weighUnread(denied *reasons, unread []finding.Gap) Outcome {
	why := r.AllowUnread.objection(unread)
	switch {
	case denied.some():
		for _, reason := range why.list() {
			denied.end(reason.String())
		}
		return Deny
	case why.some():
		denied.addAll(why)
		return Undecided
	case len(unread) > 0:
		denied.end(fmt.Sprintf("%s not read, as allow-unread permits", wasWere(len(unread))))
	}
	return Pass
}

// ended says which waiver no longer takes a finding back.
func ended(f finding.Finding) string {
	if f.Effective() || f.SuppressedBy.Until == nil {
		return ""
	}
	return fmt.Sprintf("; the %s by %s ended on %s", f.SuppressedBy.Source, f.SuppressedBy.By, f.SuppressedBy.Until.UTC().Format(time.DateOnly))
}

// sentence says what a finding is in and what fixes it.
func sentence(f finding.Finding) string {
	fix := "no fix is known"
	if f.Fixable() {
		versions := f.FixedIn[:min(len(f.FixedIn), maxVersions)]
		fix = "fixed in " + strings.Join(versions, ", ")
		if more := len(f.FixedIn) - len(versions); more > 0 {
			fix += fmt.Sprintf(" and %d more", more)
		}
	}
	return fmt.Sprintf("%s %s in %s %s, %s%s", f.Severity, f.ID, f.Package.Name, f.Package.Version, fix, ended(f))
}

// decideAge is undecided about a scan whose database is older than allowed, or
// does not say how old it is: what was published since is not known.
func (r Rules) decideAge(built, now time.Time) answer {
	age := now.Sub(built)
	switch {
	case built.IsZero():
		return undecided("the scan does not say when its vulnerability database was built")
	case age < -clockSkew:
		return undecided("the vulnerability database was built in the future, at %s", built.UTC().Format(time.RFC3339))
	case age > r.MaxDatabaseAge:
		return undecided("the vulnerability database is %s old, allowed are %s (vuln-db-max-age)", span(roundUp(age)), span(r.MaxDatabaseAge))
	}
	return answer{outcome: Pass, until: built.Add(r.MaxDatabaseAge)}
}

// decideScanAge is undecided about a scan that finished too long ago: what it says
// of the image is no longer known to hold.
func (r Rules) decideScanAge(finished, now time.Time) answer {
	if age := now.Sub(finished); age > r.MaxScanAge {
		return undecided("the scan is %s old, allowed are %s (max-scan-age): scan the image again", span(roundUp(age)), span(r.MaxScanAge))
	}
	return answer{outcome: Pass, until: finished.Add(r.MaxScanAge)}
}

// roundUp returns the next whole hour, so that an age that is over a limit also
// reads so; ages below an hour keep their seconds.
func roundUp(d time.Duration) time.Duration {
	unit := time.Hour
	if d < time.Hour {
		unit = time.Second
	}
	if rest := d % unit; rest > 0 {
		d += unit - rest
	}
	return d
}

// span writes a duration in days and hours, or as Go does where it is not made
// of whole hours.
func span(d time.Duration) string {
	days, hours := int(d/day), int(d%day/time.Hour)
	switch {
	case d <= 0 || d%time.Hour != 0:
		return d.String()
	case hours == 0:
		return plural(days, "day")
	case days == 0:
		return plural(hours, "hour")
	}
	return plural(days, "day") + " " + plural(hours, "hour")
}

func wasWere(n int) string {
	if n == 1 {
		return "1 thing was"
	}
	return fmt.Sprintf("%d things were", n)
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
