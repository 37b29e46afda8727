package evidence

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// trivyDocument is what trivy writes
// (https://trivy.dev/latest/docs/configuration/reporting/#json).
type trivyDocument struct {
	SchemaVersion int
	CreatedAt     string
	Trivy         struct{ Version string }
	Metadata      struct{ RepoDigests []string }
	Results       []struct {
		Type            string
		Vulnerabilities []trivyFinding
	}
}

type trivyFinding struct {
	VulnerabilityID, PkgName, InstalledVersion, FixedVersion, Status, Severity string
	PkgIdentifier                                                              struct{ PURL string }
	VendorIDs                                                                  []string
}

func readTrivy(content []byte) (ScanFile, error) {
	var d trivyDocument
	if err := json.Unmarshal(content, &d); err != nil {
		return ScanFile{}, fmt.Errorf("it is not as trivy writes it: %s", plain.Line(err.Error(), maxQuoted))
	}
	if d.SchemaVersion != 2 {
		return ScanFile{}, fmt.Errorf("SchemaVersion is %d: it must be 2", d.SchemaVersion)
	}
	at := instant(d.CreatedAt)
	s := ScanFile{Images: digests(d.Metadata.RepoDigests...), Scan: finding.Scan{
		Scanner:  finding.Scanner{URI: "pkg:golang/github.com/aquasecurity/trivy", Version: d.Trivy.Version},
		Findings: []finding.Finding{}, Started: at, Finished: at,
	}}
	if d.Trivy.Version != "" {
		s.Scan.Scanner.URI += "@v" + strings.TrimPrefix(d.Trivy.Version, "v")
	}
	for _, result := range d.Results {
		for _, v := range result.Vulnerabilities {
			f, err := v.finding(result.Type)
			if err != nil {
				return ScanFile{}, err
			}
			s.Scan.Findings = append(s.Scan.Findings, f)
		}
	}
	return s, nil
}

func (v trivyFinding) finding(of string) (finding.Finding, error) {
	worth, err := severity(v.VulnerabilityID, v.Severity)
	if err != nil {
		return finding.Finding{}, err
	}
	kind := of
	if rest, ok := strings.CutPrefix(v.PkgIdentifier.PURL, "pkg:"); ok {
		kind, _, _ = strings.Cut(rest, "/")
	}
	f := finding.Finding{
		ID: v.VulnerabilityID, Aliases: v.VendorIDs, Severity: worth, FixState: trivyState(v.Status),
		Package: finding.Package{Name: v.PkgName, Version: v.InstalledVersion, Type: kind, PURL: v.PkgIdentifier.PURL},
	}
	for fixed := range strings.SplitSeq(v.FixedVersion, ",") {
		f.FixedIn = append(f.FixedIn, strings.TrimSpace(fixed))
	}
	return f, nil
}

func trivyState(status string) string {
	switch status {
	case "fixed":
		return "fixed"
	case "affected", "fix_deferred", "under_investigation":
		return "not-fixed"
	case "will_not_fix", "end_of_life":
		return "wont-fix"
	}
	return "unknown"
}

type sarifScan struct {
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name, Version, SemanticVersion, InformationURI string
				Rules                                          []sarifScanRule
			}
		}
		Invocations []struct{ EndTimeUTC string }
		Results     []sarifScanResult
	}
}

type sarifScanResult struct {
	sarifResult
	Locations []struct {
		LogicalLocations []struct{ Name, FullyQualifiedName string }
		PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
	}
}

// place returns what a result names as its location, the last one of several.
func (r sarifScanResult) place() string {
	place := ""
	for _, l := range r.Locations {
		place = l.PhysicalLocation.ArtifactLocation.URI
		for _, logical := range l.LogicalLocations {
			place = cmp.Or(logical.FullyQualifiedName, logical.Name, place)
		}
	}
	return place
}

type sarifScanRule struct {
	sarifRule
	Properties struct {
		Score string `json:"security-severity"`
	}
}

// readSARIFScan reads a scan from SARIF, which knows no packages: a finding is in
// what its location names.
func readSARIFScan(content []byte) (ScanFile, error) {
	var d sarifScan
	if err := json.Unmarshal(content, &d); err != nil {
		return ScanFile{}, fmt.Errorf("it is no SARIF: %s", plain.Line(err.Error(), maxQuoted))
	}
	switch {
	case d.Version != "2.1.0":
		return ScanFile{}, fmt.Errorf("version is %q: it must be 2.1.0", plain.Line(d.Version, maxQuoted))
	case len(d.Runs) != 1:
		return ScanFile{}, fmt.Errorf("it has %d runs: a scan is one", len(d.Runs))
	case d.Runs[0].Tool.Driver.Name == "":
		return ScanFile{}, errors.New("runs[0].tool.driver.name is missing, which says who made it")
	}
	run := d.Runs[0]
	driver := run.Tool.Driver
	s := ScanFile{Scan: finding.Scan{
		Scanner: finding.Scanner{URI: cmp.Or(driver.InformationURI, driver.Name), Version: cmp.Or(driver.SemanticVersion, driver.Version)}, Findings: []finding.Finding{},
	}}
	if len(run.Invocations) > 0 {
		s.Scan.Finished = instant(run.Invocations[0].EndTimeUTC)
		s.Scan.Started = s.Scan.Finished
	}
	of := sarifRun{}
	for _, rule := range driver.Rules {
		of.Tool.Driver.Rules = append(of.Tool.Driver.Rules, rule.sarifRule)
	}
	for _, result := range run.Results {
		id, level := of.ruleOf(result.sarifResult)
		if result.Kind != "" && result.Kind != "fail" {
			continue
		}
		f := finding.Finding{ID: id, Severity: severityOf(driver.Rules, id, level), Package: finding.Package{Name: result.place()}}
		if result.suppressed() {
			f.SuppressedBy = &finding.Suppression{Source: "database", Reason: "suppressed in the report"}
		}
		s.Scan.Findings = append(s.Scan.Findings, f)
	}
	return s, nil
}

// severityOf returns the severity by the score that GitHub reads, else by the level.
func severityOf(rules []sarifScanRule, id, level string) finding.Severity {
	for _, r := range rules {
		score, err := strconv.ParseFloat(r.Properties.Score, 64)
		if r.ID != id || err != nil {
			continue
		}
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
