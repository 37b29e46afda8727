package report

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// sarifResults bounds the results of a run: GitHub shows no more of one.
const sarifResults = 5000

// SARIF returns results.sarif: a run for what the scan found, and one for what the
// checks object to. They are two so that a job without a scan does not close the
// alerts that an earlier one opened: code scanning keeps alerts by the run's id,
// in which the repository of the image is, too.
func SARIF(r pipeline.Result) ([]byte, error) {
	r = cleaned(r)
	doc := sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{}}
	if r.Scan != nil {
		doc.Runs = append(doc.Runs, sarifFindings(r))
	}
	doc.Runs = append(doc.Runs, sarifChecks(r))
	return indented(fileSARIF, doc)
}

// sarifBuilder collects rules and the results that break them.
type sarifBuilder struct {
	result  pipeline.Result
	uri     string
	run     sarifRun
	rules   map[string]int // id → index
	seen    map[string]int // fingerprint → how often
	leftOut int
}

func newSARIF(r pipeline.Result, id string) *sarifBuilder {
	return &sarifBuilder{
		result: r, uri: artifactURI(repository(r)), rules: map[string]int{}, seen: map[string]int{},
		run: sarifRun{
			Tool:              sarifTool{sarifDriver{Name: "Hallmark", Version: numbered(r.Version), InformationURI: projectURL, Rules: []sarifRule{}}},
			AutomationDetails: sarifID{"hallmark/" + id + "/" + artifactURI(repository(r)) + "/"},
			Invocations:       []sarifInvocation{{ExecutionSuccessful: r.Failure == nil}},
			ColumnKind:        "utf16CodeUnits",
			Results:           []sarifResult{},
			Properties:        map[string]any{"image": pinned(r), "verdict": outcome(r).String()},
		},
	}
}

// numbered returns a version that begins with its number; empty for one without.
func numbered(version string) string {
	version = strings.TrimPrefix(version, "v")
	if version == "" || version[0] < '0' || version[0] > '9' {
		return ""
	}
	return version
}

// artifactURI is the repository as the relative URI that code scanning demands:
// without tag and digest, so that an alert outlives them, and with the colon of a
// port escaped, before which all would be a scheme.
func artifactURI(repository string) string {
	parts := strings.Split(strings.Trim(repository, "/"), "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.PathEscape(part), ":", "%3A")
	}
	if joined := strings.Join(parts, "/"); joined != "" {
		return joined
	}
	return "image"
}

// rule returns the index of a rule, which build makes if it is new.
func (b *sarifBuilder) rule(id string, build func() sarifRule) int {
	if i, ok := b.rules[id]; ok {
		return i
	}
	rules := &b.run.Tool.Driver.Rules
	*rules = append(*rules, build())
	b.rules[id] = len(*rules) - 1
	return b.rules[id]
}

// full reports whether no more results may be added, and counts those left out.
func (b *sarifBuilder) full() bool {
	if len(b.run.Results) < sarifResults {
		return false
	}
	b.leftOut++
	return true
}

// add appends a result at the image. The fingerprint is of what identity names and
// does not change with the image's digest; the second of the same gets a number.
func (b *sarifBuilder) add(res sarifResult, logical sarifLogical, identity ...string) {
	sum := sha256.Sum256([]byte(strings.Join(append([]string{repository(b.result)}, identity...), "\x00")))
	mark := hex.EncodeToString(sum[:16])
	b.seen[mark]++
	res.Fingerprints = map[string]string{"primaryLocationLineHash": fmt.Sprintf("%s:%d", mark, b.seen[mark])}
	res.Locations = []sarifLocation{{
		Physical: sarifPhysical{Artifact: sarifURI{b.uri}, Region: sarifRegion{1, 1, 1, 1}},
		Logical:  []sarifLogical{logical},
		Message:  &sarifText{Text: pinned(b.result)},
	}}
	b.run.Results = append(b.run.Results, res)
}

// done returns the run, which says what was left out and what failed.
func (b *sarifBuilder) done(where string) sarifRun {
	call := &b.run.Invocations[0]
	if b.leftOut > 0 {
		call.Notifications = append(call.Notifications, sarifNotification{"warning", sarifText{Text: fmt.Sprintf(
			"%d more results are left out here, the least severe ones: a run holds %d. All are in %s.", b.leftOut, sarifResults, where)}})
	}
	if b.result.Failure != nil {
		call.Notifications = append(call.Notifications, sarifNotification{"error", sarifText{Text: b.result.Failure.Error()}})
	}
	return b.run
}

func sarifFindings(r pipeline.Result) sarifRun {
	b := newSARIF(r, "vulnerabilities")
	call := &b.run.Invocations[0]
	call.StartTimeUTC, call.EndTimeUTC = sarifTime(r.Scan.Started), sarifTime(r.Scan.Finished)
	call.ExecutionSuccessful = true // the scan is whole, whatever failed after it
	b.run.Properties["database"] = r.Scan.Database
	for _, f := range worstFirst(r.Scan.Findings) {
		if b.full() {
			continue
		}
		index := b.rule(f.ID, func() sarifRule { return findingRule(f) })
		b.add(sarifResult{
			RuleID: f.ID, RuleIndex: index, Level: sarifSeverity(f.Severity),
			Message:      sarifText{Text: findingSentence(f) + " of " + pinned(r)},
			Suppressions: suppressions(f.SuppressedBy),
			Properties:   findingProperties(f),
		}, sarifLogical{Name: f.Package.Name, FullyQualifiedName: f.Package.Name + " " + f.Package.Version, Kind: "module"},
			f.ID, f.Package.Type, f.Package.Name)
	}
	return b.done(fileScan)
}

// worstFirst returns the findings that count before those that are suppressed, each
// in their order.
func worstFirst(findings []finding.Finding) []finding.Finding {
	var count, suppressed []finding.Finding
	for _, f := range findings {
		if f.Effective() {
			count = append(count, f)
		} else {
			suppressed = append(suppressed, f)
		}
	}
	return append(count, suppressed...)
}

// findingSentence says what a finding is in and what fixes it.
func findingSentence(f finding.Finding) string {
	fix := "no fix is known"
	if f.Fixable() {
		fix = "fixed in " + strings.Join(f.FixedIn, ", ")
	}
	return fmt.Sprintf("%s (%s) in %s %s, %s,", f.ID, f.Severity, f.Package.Name, f.Package.Version, fix)
}

// findingRule is the rule of a vulnerability. The first finding is the worst of it.
func findingRule(f finding.Finding) sarifRule {
	about := fmt.Sprintf("%s in %s", f.ID, f.Package.Name)
	help := fmt.Sprintf("Vulnerability %s\nSeverity: %s\nPackage: %s\nFixed version: %s", f.ID, f.Severity, f.Package.Name, fixedIn(f))
	table := fmt.Sprintf("| severity | package | fixed in |\n|---|---|---|\n| %s | %s | %s |", f.Severity, cell(f.Package.Name), cell(fixedIn(f)))
	link := advisoryOf(f)
	heading := "**" + cell(f.ID) + "**"
	if link != "" {
		help += "\nAdvisory: " + link
		heading = fmt.Sprintf("**[%s](%s)**", cell(f.ID), link)
	}
	properties := map[string]any{"tags": []string{"vulnerability", "security", f.Severity.String()}, "precision": "very-high"}
	if score := securitySeverity(f.Severity); score != "" {
		properties["security-severity"] = score
	}
	if f.KEV != nil {
		help += "\nKnown to be exploited (CISA KEV)."
		table += "\n\nKnown to be exploited (CISA KEV)."
		properties["tags"] = append(properties["tags"].([]string), "known-exploited")
	}
	return sarifRule{
		ID: f.ID, Name: "Vulnerability", HelpURI: link,
		ShortDescription:     sarifText{Text: about},
		FullDescription:      sarifText{Text: fmt.Sprintf("%s, fixed in: %s.", about, fixedIn(f))},
		Help:                 sarifText{Text: help, Markdown: heading + "\n\n" + table},
		DefaultConfiguration: sarifLevel{sarifSeverity(f.Severity)},
		Properties:           properties,
	}
}

func findingProperties(f finding.Finding) map[string]any {
	p := map[string]any{
		"severity": f.Severity.String(), "package": f.Package.Name, "version": f.Package.Version,
		"type": f.Package.Type, "purl": f.Package.PURL, "fixedIn": f.FixedIn, "fixState": f.FixState,
	}
	if len(f.Platforms) > 0 {
		p["platforms"] = f.Platforms
	}
	if f.EPSS != nil {
		p["epss"] = f.EPSS.Score
	}
	return p
}

func suppressions(s *finding.Suppression) []sarifSuppression {
	if s == nil {
		return nil
	}
	properties := map[string]any{"source": s.Source}
	if s.By != "" {
		properties["by"] = s.By
	}
	if s.Until != nil {
		properties["until"] = s.Until.UTC().Format(time.RFC3339)
	}
	if s.Document != "" {
		properties["document"] = s.Document
	}
	return []sarifSuppression{{Kind: "external", Status: "accepted", Justification: s.Reason, Properties: properties}}
}

func sarifSeverity(s finding.Severity) string {
	switch s {
	case finding.Critical, finding.High:
		return "error"
	case finding.Low, finding.Negligible:
		return "note"
	case finding.Medium, finding.Unknown:
	}
	return "warning"
}

// securitySeverity is a score within the bounds by which code scanning makes a
// word of it again. Of an unknown severity nothing is claimed.
func securitySeverity(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return "9.5"
	case finding.High:
		return "8.0"
	case finding.Medium:
		return "5.5"
	case finding.Low:
		return "2.5"
	case finding.Negligible:
		return "0.5"
	case finding.Unknown:
	}
	return ""
}

func sarifTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
