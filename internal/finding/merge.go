package finding

import (
	"encoding/json"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// PlatformScan is the scan of one platform's image of an index.
type PlatformScan struct {
	Platform string // linux/arm64
	Digest   string // of the image, sha256:…
	Scan     Scan
}

// PlatformSummary says what was found in one platform's image.
type PlatformSummary struct {
	Platform     string        `json:"platform"`
	Digest       string        `json:"digest"`
	Counts       SummaryCounts `json:"counts"`
	Distribution *Distribution `json:"distribution,omitempty"`
	Unread       []Gap         `json:"unread,omitempty"` // what nobody looked at
}

// Merge returns the scan of an index: every finding of every platform once, with
// the platforms that it is in, and what each platform has. A finding that only
// some platforms suppress counts. What was not read of any platform was not read of the
// index.
func Merge(scans []PlatformScan) Scan {
	var merged Scan
	var parts []attest.Input
	at := map[string]int{}
	for i, s := range scans {
		raw, effective := Count(s.Scan.Findings)
		merged.Platforms = append(merged.Platforms, PlatformSummary{
			Platform: s.Platform, Digest: s.Digest, Counts: SummaryCounts{Raw: raw, Effective: effective},
			Distribution: s.Scan.Distribution, Unread: s.Scan.Unread,
		})
		merged.Unread = Gaps(merged.Unread, s.Scan.Unread)
		parts = append(parts, attest.Input{Name: s.Platform, Digest: s.Digest, Origin: s.Scan.Summary().Origin})
		if i == 0 {
			merged.Scanner, merged.Database, merged.Started, merged.Finished = s.Scan.Scanner, s.Scan.Database, s.Scan.Started, s.Scan.Finished
		}
		if s.Scan.Database.Built.Before(merged.Database.Built) {
			merged.Database = s.Scan.Database // the oldest says how old the whole is
		}
		if s.Scan.Started.Before(merged.Started) {
			merged.Started = s.Scan.Started
		}
		if s.Scan.Finished.After(merged.Finished) {
			merged.Finished = s.Scan.Finished
		}
		for _, f := range s.Scan.Findings {
			key := f.identity()
			n, known := at[key]
			if !known {
				n = len(merged.Findings)
				at[key] = n
				merged.Findings = append(merged.Findings, f)
			}
			if have := &merged.Findings[n]; !slices.Contains(have.Platforms, s.Platform) {
				have.Platforms = append(have.Platforms, s.Platform)
			}
		}
	}
	merged.Origin = attest.Combined(parts)
	Sort(merged.Findings)
	return merged
}

// identity is the finding as JSON: what differs in anything is another finding.
func (f Finding) identity() string {
	f.Platforms = nil
	encoded, err := json.Marshal(f)
	if err != nil {
		return f.ID + f.Package.PURL // no field of it can fail to be encoded
	}
	return string(encoded)
}
