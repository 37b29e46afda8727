package evidence

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// trivyDocument is what trivy writes
// (https://trivy.dev/latest/docs/configuration/reporting/#json).
type trivyDocument struct {
	SchemaVersion int
	CreatedAt     string
	ArtifactType  string
	Trivy         struct{ Version string }
	Metadata      struct {
		OS struct{ Family string }
	}
	Results []trivyResult
}

type trivyResult struct {
	Class, Type     string
	Vulnerabilities []trivyFinding
	Modified        []struct {
		Type, Status, Statement string
		Finding                 trivyFinding
	} `json:"ExperimentalModifiedFindings"`
}

type trivyFinding struct {
	VulnerabilityID, PkgName, InstalledVersion, FixedVersion, Status, Severity string
	PkgIdentifier                                                              struct{ PURL string }
	VendorIDs                                                                  []string
}

// Trivy's classes of results that are about packages.
const (
	classSystem   = "os-pkgs"
	classLanguage = "lang-pkgs"
)

// trivyClass is a kind of packages.
type trivyClass struct {
	name, what string
	types      []string // of packages, as syft has them, that both programs know
}

func trivyClasses() []trivyClass {
	return []trivyClass{
		{classSystem, "packages of the operating system", []string{"apk", "deb", "rpm"}},
		{classLanguage, "packages of programming languages", []string{"gem", "go-module", "java-archive", "npm", "python"}},
	}
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
	s := ScanFile{classes: []string{}, Scan: finding.Scan{
		Scanner:  finding.Scanner{URI: "pkg:golang/github.com/aquasecurity/trivy", Version: d.Trivy.Version},
		Findings: []finding.Finding{}, Started: at, Finished: at,
	}}
	if d.Trivy.Version != "" {
		s.Scanner.URI += "@v" + strings.TrimPrefix(d.Trivy.Version, "v")
	}
	for _, result := range d.Results {
		if result.class() != "" {
			s.classes = append(s.classes, result.class())
		}
		found, err := result.findings()
		if err != nil {
			return ScanFile{}, err
		}
		s.Findings = append(s.Findings, found...)
	}
	return s, d.looked(&s)
}

// class returns the class of packages that a result is about, or nothing. A result
// with vulnerabilities is about packages, whatever it is called.
func (r trivyResult) class() string {
	systems := []string{"alpine", "debian", "ubuntu", "redhat", "rocky", "alma", "amazon", "oracle"}
	switch {
	case r.Class == classSystem || r.Class == classLanguage:
		return r.Class
	case len(r.Vulnerabilities) > 0 && slices.Contains(systems, r.Type):
		return classSystem
	case len(r.Vulnerabilities) > 0:
		return classLanguage
	}
	return ""
}

// looked returns an error if the report says that trivy did not look at the packages
// of an image. Where it may have, and says nothing of them, that is a gap: trivy leaves
// out what it has no result about.
func (d trivyDocument) looked(s *ScanFile) error {
	if of := d.ArtifactType; of != "" && !slices.Contains([]string{"container_image", "cyclonedx", "spdx"}, of) {
		err := fault.Undecidedf("it is a scan of a %s, and not of an image", plain.Line(of, maxQuoted))
		return fault.WithHint(err, "give that of trivy image")
	}
	switch {
	case len(s.classes) == 0 && len(d.Results) > 0:
		err := fault.Undecidedf("it has no result about packages: trivy looked for something else")
		return fault.WithHint(err, "run trivy image with --scanners vuln")
	case len(s.classes) == 0:
		s.Unread = append(s.Unread, finding.Gap{
			What: "packages", Why: "trivy's report has no result about any: it found none, or did not look",
		})
	case d.Metadata.OS.Family != "" && !slices.Contains(s.classes, classSystem):
		s.Unread = append(s.Unread, finding.Gap{
			What: "packages of the operating system",
			Why:  "trivy found the system " + d.Metadata.OS.Family + " and has no result about its packages",
		})
	}
	return nil
}

// findings returns the vulnerabilities of a result, and those that trivy was told not
// to show.
func (r trivyResult) findings() ([]finding.Finding, error) {
	var found []finding.Finding
	for _, v := range r.Vulnerabilities {
		f, err := v.finding(r.Type)
		if err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	for _, m := range r.Modified {
		if m.Type != "vulnerability" {
			continue
		}
		f, err := m.Finding.finding(r.Type)
		if err != nil {
			return nil, err
		}
		reason := plain.Line(strings.Trim(m.Status+": "+m.Statement, ": "), maxField)
		f.SuppressedBy = &finding.Suppression{Source: "database", Reason: reason}
		found = append(found, f)
	}
	return found, nil
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
