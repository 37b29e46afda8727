package finding

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Finding is one vulnerability in one package.
type Finding struct {
	ID       string   `json:"id"`
	Aliases  []string `json:"aliases"` // other names of the same vulnerability, sorted
	Severity Severity `json:"severity"`
	Package  Package  `json:"package"`
	FixedIn  []string `json:"fixedIn"`  // versions that fix it, in the database's order; empty: none known
	FixState string   `json:"fixState"` // fixed, not-fixed, wont-fix or unknown

	EPSS         *EPSS        `json:"epss,omitempty"`
	KEV          *KEV         `json:"kev,omitempty"`
	SuppressedBy *Suppression `json:"suppressedBy,omitempty"`
	Platforms    []string     `json:"platforms,omitempty"` // of an index, those that it is in
}

// Package is the package a finding is in.
type Package struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Type    string `json:"type"` // syft's package type: deb, npm, go-module, …
	PURL    string `json:"purl"`
}

// EPSS is the Exploit Prediction Scoring System's estimate, both in 0 to 1.
type EPSS struct {
	Score      float64 `json:"score"`
	Percentile float64 `json:"percentile"`
}

// KEV says that CISA lists the vulnerability as known to be exploited.
type KEV struct {
	CVE       string     `json:"cve"`
	DateAdded *time.Time `json:"dateAdded,omitempty"`
}

// Suppression says why a finding does not count: because the database says so, a
// VEX document, or a waiver.
type Suppression struct {
	Source   string     `json:"source"` // database, vex, waiver
	Reason   string     `json:"reason"`
	By       string     `json:"by,omitempty"`       // who answers for it
	Until    *time.Time `json:"until,omitempty"`    // from then on the finding counts again; nil: no end
	Document string     `json:"document,omitempty"` // digest of the file that says so, sha256:…
}

// Effective reports whether the finding counted when it was scanned: nothing
// suppressed it.
func (f Finding) Effective() bool { return f.SuppressedBy == nil }

// EffectiveAt reports whether the finding counts at a time: nothing suppresses it,
// or what did has ended since.
func (f Finding) EffectiveAt(now time.Time) bool {
	return f.Effective() || f.SuppressedBy.Until != nil && !now.Before(*f.SuppressedBy.Until)
}

// Fixable reports whether a version is known that fixes the finding.
func (f Finding) Fixable() bool { return len(f.FixedIn) > 0 }

// Sort orders findings: the worst first, then by package, version, id, purl and
// type. Those that agree in all of these stay in the order in which they came.
func Sort(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(a.Package.Name, b.Package.Name),
			cmp.Compare(a.Package.Version, b.Package.Version),
			cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.Package.PURL, b.Package.PURL),
			cmp.Compare(a.Package.Type, b.Package.Type),
		)
	})
}

// Counts is a number of findings for each severity.
type Counts struct {
	Critical   int `json:"critical"`
	High       int `json:"high"`
	Medium     int `json:"medium"`
	Low        int `json:"low"`
	Negligible int `json:"negligible"`
	Unknown    int `json:"unknown"`
}

// Of returns the count for one severity.
func (c Counts) Of(s Severity) int { return *c.of(s) }

// Total returns the sum over all severities.
func (c Counts) Total() int {
	return c.Critical + c.High + c.Medium + c.Low + c.Negligible + c.Unknown
}

func (c *Counts) of(s Severity) *int {
	switch s {
	case Critical:
		return &c.Critical
	case High:
		return &c.High
	case Medium:
		return &c.Medium
	case Low:
		return &c.Low
	case Negligible:
		return &c.Negligible
	case Unknown:
	}
	return &c.Unknown
}

// Count returns the raw counts, of all findings, and the effective ones, of
// those that nothing suppressed.
func Count(findings []Finding) (raw, effective Counts) {
	for _, f := range findings {
		*raw.of(f.Severity)++
		if f.Effective() {
			*effective.of(f.Severity)++
		}
	}
	return raw, effective
}

// Database is the vulnerability database that a scan was made with.
type Database struct {
	Schema string    `json:"schema"` // of the database: v6.1.10
	Built  time.Time `json:"built"`
	Source string    `json:"source"`           // where it came from: a path, a URL, a reference
	SHA256 string    `json:"sha256,omitempty"` // of the database file, in hex; empty: the scanner does not say
}

// Gap is something that a scan, or the SBOM below it, did not look at. What is
// in it is unknown, which is not the same as harmless.
type Gap struct {
	What string `json:"what"` // a path in the image, or a name of what was not looked at
	Why  string `json:"why"`  // one plain sentence without a full stop
}

// Gaps returns several lists of gaps as one: sorted, each of them once.
func Gaps(lists ...[]Gap) []Gap {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b Gap) int { return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why)) })
	return slices.Compact(all)
}

// Distribution is an operating system that was scanned.
type Distribution struct {
	Name      string     `json:"name"`                // ID of /etc/os-release
	Version   string     `json:"version,omitempty"`   // VERSION_ID
	EndOfLife *time.Time `json:"endOfLife,omitempty"` // as the database has it; nil: it does not say
}

// Scan is the outcome of one scan.
type Scan struct {
	Scanner      Scanner
	Database     Database
	Distribution *Distribution     // of one image; nil: none, or the scanner does not say
	Findings     []Finding         // in the order of Sort
	Unread       []Gap             // what nobody looked at, sorted; empty: all of it was read
	Platforms    []PlatformSummary // of an index; empty: the scan of one image
	Origin       attest.Origin     // how the scan came to be; its zero value: nobody says
	Notes        []string          // what a person should know besides; not attested
	Started      time.Time
	Finished     time.Time
}

// Scanner names the program that matched packages against the database.
type Scanner struct {
	URI     string // package URL
	Version string
}

// Suppress returns the scan with every finding that counts and for which why has a
// reason suppressed by it. The scan itself is not changed.
func (s Scan) Suppress(why func(Finding) *Suppression) Scan {
	s.Findings = slices.Clone(s.Findings)
	for i, f := range s.Findings {
		if f.Effective() {
			s.Findings[i].SuppressedBy = why(f)
		}
	}
	return s
}

// Summary is the free-form scanner.result of the attested scan: what policies
// and reports read.
type Summary struct {
	Counts       SummaryCounts     `json:"counts"`
	Findings     []Finding         `json:"findings"`
	Database     Database          `json:"database"`
	Distribution *Distribution     `json:"distribution,omitempty"` // of one image
	Unread       []Gap             `json:"unread,omitempty"`       // what nobody looked at
	Platforms    []PlatformSummary `json:"platforms,omitempty"`    // of an index
	Origin       *attest.Origin    `json:"origin,omitempty"`       // how the scan came to be
}

// SummaryCounts holds raw and effective counts side by side.
type SummaryCounts struct {
	Raw       Counts `json:"raw"`
	Effective Counts `json:"effective"`
}

// Summary returns the scan's summary.
func (s Scan) Summary() Summary {
	raw, effective := Count(s.Findings)
	findings := s.Findings
	if findings == nil {
		findings = []Finding{}
	}
	var origin *attest.Origin
	if s.Origin.Kind != "" {
		origin = &s.Origin
	}
	return Summary{
		Origin:       origin,
		Counts:       SummaryCounts{Raw: raw, Effective: effective},
		Findings:     findings,
		Database:     s.Database,
		Distribution: s.Distribution,
		Unread:       s.Unread,
		Platforms:    s.Platforms,
	}
}

// Predicate is the vulnerability scan predicate of cosign
// (https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md).
// Admission controllers re-marshal it through these very fields, so whatever a
// policy may need lies in scanner.result.
type Predicate struct {
	Invocation Invocation `json:"invocation"`
	Scanner    struct {
		URI     string `json:"uri"`
		Version string `json:"version"`
		DB      struct {
			URI        string    `json:"uri"`
			Version    string    `json:"version"`
			LastUpdate time.Time `json:"lastUpdate"`
		} `json:"db"`
		Result json.RawMessage `json:"result"`
	} `json:"scanner"`
	Metadata struct {
		ScanStartedOn  time.Time `json:"scanStartedOn"`
		ScanFinishedOn time.Time `json:"scanFinishedOn"`
	} `json:"metadata"`
}

// Invocation says from where the scan was run.
type Invocation struct {
	Parameters any    `json:"parameters"`
	URI        string `json:"uri"`
	EventID    string `json:"event_id"`
	BuilderID  string `json:"builder.id"`
}
