package evidence

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// readSARIFScan reads a scan from SARIF, which knows no packages: a finding is in what its location names, unless its
// tool is known to write the package elsewhere.
func readSARIFScan(content []byte) (ScanFile, error) {
	var d struct {
		Version string
		Runs    []sarifRun
	}
	if err := json.Unmarshal(content, &d); err != nil {
		return ScanFile{}, fmt.Errorf("it is no SARIF: %s", plain.Line(err.Error(), maxQuoted))
	}
	switch {
	case d.Version != "2.1.0":
		return ScanFile{}, fmt.Errorf("version is %q: it must be 2.1.0", plain.Line(d.Version, maxQuoted))
	case len(d.Runs) != 1:
		return ScanFile{}, fault.Undecidedf("it has %d runs: a scan is one", len(d.Runs))
	case d.Runs[0].Tool.Driver.Name == "":
		return ScanFile{}, errors.New("runs[0].tool.driver.name is missing, which says who made it")
	}
	run := d.Runs[0]
	if err := run.looked(); err != nil {
		return ScanFile{}, err
	}
	driver, texts := run.Tool.Driver, newSARIFTexts()
	s := ScanFile{Scan: finding.Scan{
		Scanner: finding.Scanner{
			URI:     cmp.Or(driver.InformationURI, driver.Name),
			Version: cmp.Or(driver.SemanticVersion, driver.Version),
		},
		Findings: []finding.Finding{}, Unread: slices.Concat(run.gaps(), driver.looksElsewhere()),
	}}
	if len(run.Invocations) > 0 {
		s.Finished = instant(run.Invocations[0].EndTimeUTC)
		s.Started = s.Finished
	}
	for _, result := range run.Results {
		switch rule, level := driver.ruleOf(result); result.meaning() {
		case isFailure:
			s.Findings = append(s.Findings, driver.finding(result, rule, level, texts))
		case isUndecided:
			gap := finding.Gap{What: rule.ID, Why: "the scanner did not decide it: its result is of the kind " + result.Kind}
			s.Unread = append(s.Unread, gap)
		case isNothing:
		}
		if len(s.Unread) > maxFindings {
			return ScanFile{}, fmt.Errorf("it has more than %d results that are not decided, which is the limit", maxFindings)
		}
	}
	return s, nil
}

// looksElsewhere returns a gap if all the rules of trivy are about something else than packages.
func (d sarifDriver) looksElsewhere() []finding.Gap {
	ofPackages := func(r sarifRule) bool { return strings.Contains(r.Name, "Vulnerability") }
	if !strings.EqualFold(d.Name, "trivy") || len(d.Rules) == 0 || slices.ContainsFunc(d.Rules, ofPackages) {
		return nil
	}
	return []finding.Gap{{What: "packages", Why: "trivy's report has no rule about any: it found none, or did not look"}}
}

func (d sarifDriver) finding(result sarifResult, rule sarifRule, level string, texts sarifTexts) finding.Finding {
	f := finding.Finding{ID: rule.ID, Severity: severityOf(rule, level), Package: finding.Package{Name: result.place()}}
	if strings.EqualFold(d.Name, "trivy") {
		texts.ofTrivy(&f, result)
	} else {
		texts.ofGrype(&f, result, rule)
	}
	if result.suppressed() {
		f.SuppressedBy = &finding.Suppression{Source: "database", Reason: "suppressed in the report"}
	}
	return f
}

// sarifTexts reads advisories and packages of the texts that tools write them into.
type sarifTexts struct{ installed, found, described, advisory *regexp.Regexp }

func newSARIFTexts() sarifTexts {
	return sarifTexts{
		installed: regexp.MustCompile(`^Package: (\S+)\nInstalled Version: (\S*)\n`),
		found:     regexp.MustCompile(` in (\S+) package: (.+), version (\S*) was found `),
		described: regexp.MustCompile(`^(\S+) \S+ vulnerability for (.+) package$`),
		advisory:  regexp.MustCompile(`(?i)^(CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3})-(.+)$`),
	}
}

func (t sarifTexts) ofTrivy(f *finding.Finding, result sarifResult) {
	if parts := t.installed.FindStringSubmatch(result.Message.Text); parts != nil {
		f.Package.Name, f.Package.Version = parts[1], parts[2]
	}
}

// ofGrype takes the rules of grype apart: it has one for each advisory and package (GHSA-p6mc-m468-83gw-lodash), and
// both in the rule's description.
func (t sarifTexts) ofGrype(f *finding.Finding, result sarifResult, rule sarifRule) {
	id, name, ok := t.advisoryOf(rule)
	if !ok {
		return
	}
	f.ID = id
	parts := t.found.FindStringSubmatch(result.Message.Text)
	if parts == nil || parts[2] != name {
		return
	}
	f.Package = finding.Package{Name: name, Version: parts[3], Type: parts[1]}
	for _, purl := range rule.purls() {
		bare, _, _ := strings.Cut(purl, "?")
		if unescaped, err := url.PathUnescape(bare); err == nil && strings.HasSuffix(unescaped, "@"+parts[3]) {
			f.Package.PURL = purl // of several versions of a package, the rule has that of one
		}
	}
}

// advisoryOf takes a rule of the form ADVISORY-PACKAGE apart.
func (t sarifTexts) advisoryOf(rule sarifRule) (id, name string, ok bool) {
	described := t.described.FindStringSubmatch(rule.ShortDescription.Text)
	if described != nil && rule.ID == described[1]+"-"+described[2] {
		return described[1], described[2], true
	}
	parts := t.advisory.FindStringSubmatch(rule.ID)
	if parts == nil {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// severityOf returns the severity by the score that GitHub reads, else by the level.
func severityOf(rule sarifRule, level string) finding.Severity {
	if score, err := strconv.ParseFloat(rule.score(), 64); err == nil {
		switch {
		case score >= 9:
			return finding.Critical
		case score >= 7:
			return finding.High
		case score >= 4:
			return finding.Medium
		case score > 0:
			return finding.Low
		}
	}
	switch level {
	case "error":
		return finding.High
	case "warning":
		return finding.Medium
	case "note":
		return finding.Low
	}
	return finding.Unknown
}
