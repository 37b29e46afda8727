package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// qualityEntries bounds the report: a merge request shows all of it, as one list.
const qualityEntries = 1000

type qualityEntry struct {
	Description string          `json:"description"`
	CheckName   string          `json:"check_name"`
	Fingerprint string          `json:"fingerprint"`
	Severity    string          `json:"severity"` // info, minor, major, critical, blocker
	Location    qualityLocation `json:"location"`
}

type qualityLocation struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
	} `json:"lines"`
}

// GitLabQuality returns gl-code-quality-report.json: what the checks object to, then
// the findings that count, the worst first. GitLab shows it in the merge request on
// every tier.
func GitLabQuality(r pipeline.Result) ([]byte, error) {
	r = cleaned(r)
	q := quality{result: r, entries: []qualityEntry{}, seen: map[string]int{}}
	if r.Failure != nil {
		q.add("hallmark", "Hallmark failed before there was a verdict: "+r.Failure.Error(), "blocker", "failed")
	}
	for _, c := range r.Verdict.Results {
		switch {
		case c.Outcome == policy.Pass:
			continue
		case c.Name == policy.SeverityCutoff && c.Outcome == policy.Deny: // its reasons are the findings, which follow
			c.Reasons = []policy.Reason{{Message: c.Title + ": not so"}}
		}
		for _, reason := range c.Reasons {
			q.add(c.Name, fmt.Sprintf("%s: %s", c.Outcome, reason), qualityOf(c, reason), c.Platform, reason.ID, reason.Resource, reason.Message)
		}
	}
	if r.Scan != nil {
		for _, f := range r.Scan.Findings {
			if f.Effective() {
				q.add(f.ID, strings.TrimSuffix(findingSentence(f), ","), qualitySeverity(f.Severity), f.Package.Type, f.Package.Name)
			}
		}
	}
	if q.more > 0 {
		q.append("hallmark", fmt.Sprintf("%d more, the least severe, are in %s and %s.", q.more, fileScan, fileVerdict), "info", "more")
	}
	return indented(fileGitLabQuality, q.entries)
}

// quality collects entries.
type quality struct {
	result  pipeline.Result
	entries []qualityEntry
	seen    map[string]int
	more    int
}

func (q *quality) add(check, text, severity string, identity ...string) {
	if len(q.entries) == qualityEntries {
		q.more++
		return
	}
	q.append(check, text, severity, identity...)
}

// append adds an entry. GitLab compares branches by fingerprints, so they are not of
// the image's digest; the second of the same gets a number.
func (q *quality) append(check, text, severity string, identity ...string) {
	key := strings.Join(append([]string{repository(q.result), check}, identity...), "\x00")
	q.seen[key]++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, q.seen[key]))
	e := qualityEntry{Description: text, CheckName: check, Fingerprint: hex.EncodeToString(sum[:16]), Severity: severity}
	e.Location.Path, e.Location.Lines.Begin = repository(q.result), 1
	q.entries = append(q.entries, e)
}

func qualityOf(c policy.Result, reason policy.Reason) string {
	switch checkLevel(c, reason) {
	case "note":
		return "minor"
	case "warning":
		return "major"
	}
	return "blocker"
}

func qualitySeverity(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return "blocker"
	case finding.High:
		return "critical"
	case finding.Medium, finding.Unknown:
		return "major"
	case finding.Low:
		return "minor"
	case finding.Negligible:
	}
	return "info"
}
