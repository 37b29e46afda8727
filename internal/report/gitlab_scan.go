package report

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// gitLabSchema is the version of GitLab's security report format.
const gitLabSchema = "15.0.7"

type gitLabReport struct {
	Version         string                `json:"version"`
	Scan            gitLabScan            `json:"scan"`
	Vulnerabilities []gitLabVulnerability `json:"vulnerabilities"`
}

type gitLabScan struct {
	Analyzer  gitLabTool `json:"analyzer"`
	Scanner   gitLabTool `json:"scanner"`
	Type      string     `json:"type"`
	StartTime string     `json:"start_time"`
	EndTime   string     `json:"end_time"`
	Status    string     `json:"status"`
}

type gitLabTool struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	URL     string       `json:"url"`
	Vendor  gitLabVendor `json:"vendor"`
	Version string       `json:"version"`
}

type gitLabVendor struct {
	Name string `json:"name"`
}

type gitLabVulnerability struct {
	ID          string             `json:"id"`
	Name        string             `json:"name"`
	Description string             `json:"description"`
	Severity    string             `json:"severity"`
	Solution    string             `json:"solution,omitempty"`
	Identifiers []gitLabIdentifier `json:"identifiers"`
	Links       []gitLabLink       `json:"links,omitempty"`
	Location    gitLabLocation     `json:"location"`
}

type gitLabIdentifier struct {
	Type  string `json:"type"`
	Name  string `json:"name"`
	Value string `json:"value"`
	URL   string `json:"url,omitempty"`
}

type gitLabLink struct {
	URL string `json:"url"`
}

type gitLabLocation struct {
	Dependency struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
		Version string `json:"version"`
	} `json:"dependency"`
	OperatingSystem string `json:"operating_system"`
	Image           string `json:"image"`
}

// GitLabScan returns gl-container-scanning-report.json, in the format that GitLab's
// vulnerability report reads. It has the findings that count: GitLab has no word for
// one that is suppressed. Nil where nothing was scanned, as an empty report would
// close what an earlier one opened.
func GitLabScan(r pipeline.Result) ([]byte, error) {
	if r.Scan == nil {
		return nil, nil
	}
	r = cleaned(r)
	doc := gitLabReport{Version: gitLabSchema, Vulnerabilities: []gitLabVulnerability{}, Scan: gitLabScan{
		Analyzer: gitLabTool{"hallmark", "Hallmark", projectURL, gitLabVendor{"Hallmark"}, cmp.Or(r.Version, "unknown")},
		Scanner: gitLabTool{
			"grype", "Grype", "https://github.com/anchore/grype", gitLabVendor{"Anchore"}, cmp.Or(line(r.Scan.Scanner.Version), "unknown"),
		},
		Type: "container_scanning", StartTime: gitLabTime(r.Scan.Started), EndTime: gitLabTime(r.Scan.Finished), Status: "success",
	}}
	seen := map[string]int{}
	for _, f := range r.Scan.Findings {
		if f.Effective() {
			doc.Vulnerabilities = append(doc.Vulnerabilities, gitLabFinding(r, f, seen))
		}
	}
	return indented(fileGitLabScan, doc)
}

func gitLabTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

func gitLabFinding(r pipeline.Result, f finding.Finding, seen map[string]int) gitLabVulnerability {
	identity := strings.Join([]string{repository(r), f.ID, f.Package.Type, f.Package.Name, f.Package.Version, f.Package.PURL}, "\x00")
	seen[identity]++
	v := gitLabVulnerability{
		ID:          uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "%s\x00%d", identity, seen[identity])).String(),
		Name:        cut(escaped(f.ID+" in "+f.Package.Name), 255),
		Description: escaped(gitLabDescription(f)),
		Severity:    gitLabSeverity(f.Severity),
		Location:    gitLabPlace(r, f),
	}
	if f.Fixable() {
		v.Solution = cut(escaped(fmt.Sprintf("Upgrade %s to %s.", f.Package.Name, strings.Join(f.FixedIn, " or "))), 7000)
	}
	for _, id := range append([]string{f.ID}, f.Aliases...) {
		kind, _, _ := strings.Cut(strings.ToLower(id), "-")
		v.Identifiers = append(v.Identifiers, gitLabIdentifier{cmp.Or(kind, "unknown"), cmp.Or(id, "unknown"), cmp.Or(id, "unknown"), advisoryURL(id)})
		if url := advisoryURL(id); url != "" {
			v.Links = append(v.Links, gitLabLink{url})
		}
	}
	return v
}

// gitLabDescription is what is shown of a finding, before it is made Markdown.
func gitLabDescription(f finding.Finding) string {
	text := fmt.Sprintf("%s %s (%s), fixed in: %s.", f.Package.Name, f.Package.Version, cmp.Or(f.Package.PURL, f.Package.Type), fixedIn(f))
	if f.KEV != nil {
		text += " Known to be exploited (CISA KEV)."
	}
	if f.EPSS != nil {
		text += fmt.Sprintf(" EPSS %.3f.", f.EPSS.Score)
	}
	if len(f.Platforms) > 0 {
		text += " In " + strings.Join(f.Platforms, ", ") + "."
	}
	return text
}

func gitLabPlace(r pipeline.Result, f finding.Finding) gitLabLocation {
	at := gitLabLocation{OperatingSystem: cmp.Or(cut(strings.Replace(system(r), " ", ":", 1), 255), "unknown"), Image: repository(r) + ":" + tagOrDigest(r)}
	if strings.HasPrefix(tagOrDigest(r), "sha256:") {
		at.Image = pinned(r)
	}
	at.Dependency.Package.Name, at.Dependency.Version = f.Package.Name, f.Package.Version
	return at
}

// system returns the operating system of the image; of an index, of its first image
// that has one.
func system(r pipeline.Result) string {
	for _, p := range append([]pipeline.Result{r}, r.Platforms...) {
		if p.System != "" {
			return p.System
		}
	}
	return ""
}

func gitLabSeverity(s finding.Severity) string {
	switch s {
	case finding.Critical:
		return "Critical"
	case finding.High:
		return "High"
	case finding.Medium:
		return "Medium"
	case finding.Low:
		return "Low"
	case finding.Negligible:
		return "Info"
	case finding.Unknown:
	}
	return "Unknown"
}
