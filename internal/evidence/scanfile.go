package evidence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

const (
	maxFindings = 200_000 // of one scan
	maxField    = 500     // bytes of a name, a version or an id
)

// ScanFile is a scan that somebody else made.
type ScanFile struct {
	finding.Scan
	classes []string // of packages that the report has results about, as trivy names them; nil: it does not say
}

// ReadScan reads the scan of grype, of trivy, or any in SARIF. The scan says who
// made it. What a report does not tell, such as the age of the database, stays
// unknown. A report of a tool that failed, or that looked at something else than an
// image's packages, is undecided; what it says it did not look at is in the scan's
// gaps.
func ReadScan(f Brought) (ScanFile, error) {
	s, err := readScan(bytes.TrimPrefix(f.Content, []byte("\ufeff")))
	if err == nil && len(s.Findings) > maxFindings {
		err = fmt.Errorf("it has more than %d findings, which is the limit", maxFindings)
	}
	if err != nil {
		hint := cmp.Or(fault.HintOf(err), "give the JSON of grype or trivy, or SARIF 2.1.0")
		return ScanFile{}, fault.WithHint(fmt.Errorf("reading the scan %s: %w", f.Path, err), "%s", hint)
	}
	s.Origin = broughtFrom(f, s.Scanner)
	for i, one := range s.Findings {
		s.Findings[i] = harmless(one)
	}
	finding.Sort(s.Findings)
	s.Unread = harmlessGaps(s.Unread)
	s.Scanner = finding.Scanner{URI: plain.Line(s.Scanner.URI, maxField), Version: plain.Line(s.Scanner.Version, maxField)}
	s.Database.Schema, s.Database.Source = plain.Line(s.Database.Schema, maxField), plain.Line(s.Database.Source, maxField)
	return s, nil
}

// Beside returns the scan of an image whose SBOM lists packages of some types. A kind
// of packages that the report has no result about was not looked at.
func (s ScanFile) Beside(types []string) finding.Scan {
	scan := s.Scan
	for _, class := range trivyClasses() {
		lists := slices.ContainsFunc(types, func(one string) bool { return slices.Contains(class.types, one) })
		if s.classes != nil && lists && !slices.Contains(s.classes, class.name) {
			gap := finding.Gap{What: class.what, Why: "the SBOM lists some, and the scan has no result about them"}
			scan.Unread = append(slices.Clone(scan.Unread), gap)
		}
	}
	scan.Unread = harmlessGaps(scan.Unread)
	return scan
}

// broughtFrom is the origin of a scan that was read from a file.
func broughtFrom(f Brought, by finding.Scanner) attest.Origin {
	o := attest.Origin{Kind: attest.Brought, Inputs: []attest.Input{fileInput(f.Path, f.Content)}}
	if tool, ok := attest.ToolNamed(by.URI, by.Version); ok {
		o.Tools = []attest.Tool{tool}
	}
	return o
}

func readScan(content []byte) (ScanFile, error) {
	var form struct {
		Matches       json.RawMessage `json:"matches"`
		SchemaVersion json.RawMessage `json:"SchemaVersion"`
		ArtifactName  json.RawMessage `json:"ArtifactName"`
		Runs          json.RawMessage `json:"runs"`
	}
	if err := json.Unmarshal(content, &form); err != nil {
		return ScanFile{}, errors.New("it is no JSON object")
	}
	switch {
	case form.Matches != nil:
		return readGrype(content)
	case form.SchemaVersion != nil && form.ArtifactName != nil:
		return readTrivy(content)
	case form.Runs != nil:
		return readSARIFScan(content)
	}
	return ScanFile{}, errors.New("it is none that is known")
}

// harmless bounds what others wrote into a finding.
func harmless(f finding.Finding) finding.Finding {
	f.ID = plain.Line(f.ID, maxField)
	f.Package = finding.Package{
		Name: plain.Line(f.Package.Name, maxField), Version: plain.Line(f.Package.Version, maxField),
		Type: plain.Line(f.Package.Type, maxField), PURL: plain.Line(f.Package.PURL, maxField),
	}
	f.FixState = cmp.Or(plain.Line(f.FixState, maxField), "unknown")
	f.Aliases, f.FixedIn = lines(f.Aliases), lines(f.FixedIn)
	slices.Sort(f.Aliases)
	return f
}

func lines(texts []string) []string {
	out := []string{}
	for _, text := range texts {
		if text = plain.Line(text, maxField); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// harmlessGaps bounds what others wrote into gaps, and sorts them.
func harmlessGaps(gaps []finding.Gap) []finding.Gap {
	var out []finding.Gap
	for _, gap := range gaps {
		out = append(out, finding.Gap{What: plain.Line(gap.What, maxField), Why: plain.Line(gap.Why, maxField)})
	}
	slices.SortFunc(out, func(a, b finding.Gap) int {
		return cmp.Or(cmp.Compare(a.What, b.What), cmp.Compare(a.Why, b.Why))
	})
	return slices.Compact(out)
}

// instant returns a time as written, zero for none.
func instant(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() > 9999 {
		return time.Time{}
	}
	return at.UTC()
}

// severity returns what a scanner's word means. One that nobody knows could be the
// worst.
func severity(id, word string) (finding.Severity, error) {
	s, known := finding.FromDatabase(word)
	if !known {
		return s, fmt.Errorf("the severity of %s is %q, which is none", plain.Line(id, maxQuoted), plain.Line(word, maxQuoted))
	}
	return s, nil
}
