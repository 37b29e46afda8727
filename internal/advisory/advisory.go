// Package advisory makes a small vulnerability database out of a table.
//
// A vulnerability database is large, changes every day and comes over the
// network. A demonstration and a test need the opposite: a few real advisories
// that stay the same. So the table beside this file holds some twenty of them
// as facts (which versions of which package are affected, where it is fixed,
// how bad it is), and Build writes them as a grype database of schema v6, in
// the same shape in which grype's own feed holds such advisories, so that a
// scan cannot tell the difference.
//
// The table is no substitute for a real database: it says nothing about the
// many thousand advisories that are not in it.
package advisory

import (
	_ "embed"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

// Advisory is one vulnerability of one package.
type Advisory struct {
	ID        string   `json:"id"`                // GHSA-…, GO-… or CVE-…
	Aliases   []string `json:"aliases,omitempty"` // other names of the same vulnerability
	Ecosystem string   `json:"ecosystem"`         // npm, go, or debian:12 and the like
	Package   string   `json:"package"`           // for Debian: the source package

	// Affected holds the affected versions as comma-separated comparisons,
	// several ranges joined with ||: ">=1.0.0,<1.2.6". Empty means all versions
	// before Fixed, and all versions if nothing is fixed.
	Affected string `json:"affected,omitempty"`
	Fixed    string `json:"fixed,omitempty"`    // the version that fixes it; empty: none
	FixState string `json:"fixState,omitempty"` // without Fixed: not-fixed (the default) or wont-fix

	Severity finding.Severity `json:"severity"`
	CVSS     string           `json:"cvss,omitempty"` // vector, version 3 or 4
	Summary  string           `json:"summary"`

	EPSS *finding.EPSS `json:"epss,omitempty"` // of the advisory's CVE
	KEV  *KEV          `json:"kev,omitempty"`  // of the advisory's CVE
}

// KEV says that CISA lists the advisory's CVE as known to be exploited.
type KEV struct {
	DateAdded Date `json:"dateAdded"`
}

// Date is a day in UTC, in JSON as 2006-01-02.
type Date struct{ time.Time }

// CVE returns the advisory's CVE identifier, from its id or its aliases, or the
// empty string when it has none.
func (a Advisory) CVE() string {
	names := append([]string{a.ID}, a.Aliases...)
	i := slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, "CVE-") })
	if i < 0 {
		return ""
	}
	return names[i]
}

//go:embed advisories.json
var table string

// Table returns the advisories that come with the program.
func Table() ([]Advisory, error) {
	return Parse(strings.NewReader(table))
}
