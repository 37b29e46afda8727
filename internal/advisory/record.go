package advisory

import (
	"strings"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	syftpkg "github.com/anchore/syft/syft/pkg"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

// provider names the source whose advisories look like this one. Grype builds
// the names of its namespaces from it.
func (a Advisory) provider() string {
	switch {
	case strings.HasPrefix(a.ID, "GHSA-"):
		return "github"
	case strings.HasPrefix(a.ID, "GO-"):
		return "govulndb"
	default:
		if _, debian := a.debian(); debian {
			return "debian"
		}
		return "nvd"
	}
}

// vulnerability returns the advisory's own record.
func (a Advisory) vulnerability(built time.Time) *v6.VulnerabilityHandle {
	return &v6.VulnerabilityHandle{
		Name:       a.ID,
		Status:     v6.VulnerabilityActive,
		ProviderID: a.provider(),
		Provider: &v6.Provider{
			ID: a.provider(), Version: "1", Processor: "hallmark", DateCaptured: &built,
		},
		BlobValue: &v6.VulnerabilityBlob{
			ID:          a.ID,
			Description: a.Summary,
			References:  []v6.Reference{{URL: a.page()}},
			Aliases:     a.Aliases,
			Severities:  a.severities(),
		},
	}
}

// page returns the address where a person reads the advisory.
func (a Advisory) page() string {
	switch a.provider() {
	case "github":
		return "https://github.com/advisories/" + a.ID
	case "govulndb":
		return "https://pkg.go.dev/vuln/" + a.ID
	case "debian":
		return "https://security-tracker.debian.org/tracker/" + a.ID
	default:
		return "https://nvd.nist.gov/vuln/detail/" + a.ID
	}
}

// severities returns the word first: grype takes the first as the severity.
func (a Advisory) severities() []v6.Severity {
	var severities []v6.Severity
	if a.Severity != finding.Unknown {
		severities = append(severities, v6.Severity{
			Scheme: v6.SeveritySchemeCHMLN, Value: a.Severity.String(), Rank: 1,
		})
	}
	if a.CVSS != "" {
		severities = append(severities, v6.Severity{
			Scheme: v6.SeveritySchemeCVSS,
			Value:  v6.CVSSSeverity{Vector: a.CVSS, Version: cvssVersion(a.CVSS)},
			Rank:   2,
		})
	}
	return severities
}

// affectedPackage returns the record of the package that the advisory, stored
// under the given id, is about.
func (a Advisory) affectedPackage(vulnerability v6.ID) *v6.AffectedPackageHandle {
	handle := &v6.AffectedPackageHandle{
		VulnerabilityID: vulnerability,
		Package:         &v6.Package{Ecosystem: string(a.packageType()), Name: a.Package},
		BlobValue: &v6.PackageBlob{
			CVEs: a.Aliases,
			Ranges: []v6.Range{{
				Version: v6.Version{Type: a.format(), Constraint: a.constraint()},
				Fix:     a.fix(),
			}},
		},
	}
	if release, debian := a.debian(); debian {
		handle.OperatingSystem = &v6.OperatingSystem{
			Name: "debian", ReleaseID: "debian", MajorVersion: release, Codename: codename(release), EOLDate: endOfLife(release),
		}
	}
	return handle
}

func (a Advisory) packageType() syftpkg.Type {
	switch a.Ecosystem {
	case "npm":
		return syftpkg.NpmPkg
	case "go":
		return syftpkg.GoModulePkg
	default:
		return syftpkg.DebPkg
	}
}

func (a Advisory) fix() *v6.Fix {
	switch {
	case a.Fixed != "":
		return &v6.Fix{Version: a.Fixed, State: v6.FixedStatus}
	case a.FixState == "wont-fix":
		return &v6.Fix{State: v6.WontFixStatus}
	default:
		return &v6.Fix{State: v6.NotFixedStatus}
	}
}

// codename returns the name of a Debian release, or the empty string for one
// that has none yet.
func codename(release string) string {
	return map[string]string{
		"10": "buster", "11": "bullseye", "12": "bookworm", "13": "trixie", "14": "forky",
	}[release]
}

// endOfLife returns when the regular support of a Debian release ends, as feeds
// have it; nil for one of which that is not known yet.
func endOfLife(release string) *time.Time {
	day, known := map[string]string{"10": "2022-09-10", "11": "2024-08-14", "12": "2026-06-10", "13": "2028-08-09"}[release]
	if !known {
		return nil
	}
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return nil
	}
	return &at
}

func epss(cve string, score finding.EPSS, date time.Time) *v6.EpssHandle {
	return &v6.EpssHandle{Cve: cve, Epss: score.Score, Percentile: score.Percentile, Date: date}
}

func kev(cve string, added Date) *v6.KnownExploitedVulnerabilityHandle {
	return &v6.KnownExploitedVulnerabilityHandle{
		Cve:       cve,
		BlobValue: &v6.KnownExploitedVulnerabilityBlob{Cve: cve, DateAdded: &added.Time},
	}
}
