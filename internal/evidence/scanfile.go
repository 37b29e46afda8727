package evidence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	Scan   finding.Scan
	Images []string // digests that it says it is about, sha256:…; none: it does not say
}

// ReadScan reads the scan of grype, of trivy, or any in SARIF. The scan says who
// made it. What a report does not tell, such as the age of the database, stays
// unknown.
func ReadScan(f Brought) (ScanFile, error) {
	s, err := readScan(bytes.TrimPrefix(f.Content, []byte("\ufeff")))
	if err == nil && len(s.Scan.Findings) > maxFindings {
		err = fmt.Errorf("it has more than %d findings, which is the limit", maxFindings)
	}
	if err != nil {
		return ScanFile{}, fault.WithHint(fmt.Errorf("reading the scan %s: %w", f.Path, err), "give the JSON of grype or trivy, or SARIF 2.1.0")
	}
	for i, one := range s.Scan.Findings {
		s.Scan.Findings[i] = harmless(one)
	}
	finding.Sort(s.Scan.Findings)
	s.Scan.Scanner = finding.Scanner{URI: plain.Line(s.Scan.Scanner.URI, maxField), Version: plain.Line(s.Scan.Scanner.Version, maxField)}
	s.Scan.Database.Schema, s.Scan.Database.Source = plain.Line(s.Scan.Database.Schema, maxField), plain.Line(s.Scan.Database.Source, maxField)
	return s, nil
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

// digests returns the digests of references like repository@sha256:….
func digests(references ...string) []string {
	var out []string
	for _, reference := range references {
		_, digest, ok := strings.Cut(reference, "@")
		if !ok {
			digest = reference
		}
		if digestForm.MatchString(digest) && !slices.Contains(out, digest) {
			out = append(out, digest)
		}
	}
	return out
}

// instant returns a time as written, zero for none.
func instant(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() > 9999 {
		return time.Time{}
	}
	return at.UTC()
}

type grypeDocument struct {
	Matches        []grypeMatch
	IgnoredMatches []grypeMatch
	Source         struct{ Target json.RawMessage }
	Descriptor     struct {
		Name, Version, Timestamp string
		DB                       struct {
			Built, SchemaVersion string
			Status               struct{ Built, SchemaVersion, From string }
		}
	}
}

type grypeMatch struct {
	Vulnerability struct {
		ID, Severity string
		Fix          struct {
			Versions []string
			State    string
		}
		EPSS           []struct{ EPSS, Percentile float64 }
		KnownExploited []struct{ CVE, DateAdded string }
	}
	RelatedVulnerabilities []struct{ ID string }
	Artifact               struct{ Name, Version, Type, PURL string }
	AppliedIgnoreRules     json.RawMessage
}

func readGrype(content []byte) (ScanFile, error) {
	var d grypeDocument
	if err := json.Unmarshal(content, &d); err != nil {
		return ScanFile{}, fmt.Errorf("it is not as grype writes it: %s", plain.Line(err.Error(), maxQuoted))
	}
	if d.Descriptor.Name == "" {
		return ScanFile{}, errors.New("descriptor.name is missing, which says who made it")
	}
	var target struct {
		ManifestDigest string
		RepoDigests    []string
	}
	_ = json.Unmarshal(d.Source.Target, &target) // of a folder it is a string
	at := instant(d.Descriptor.Timestamp)
	s := ScanFile{
		Images: digests(append(target.RepoDigests, target.ManifestDigest)...),
		Scan: finding.Scan{
			Scanner: finding.Scanner{URI: "pkg:golang/github.com/anchore/grype@v" + strings.TrimPrefix(d.Descriptor.Version, "v"), Version: d.Descriptor.Version},
			Database: finding.Database{
				Schema: cmp.Or(d.Descriptor.DB.Status.SchemaVersion, d.Descriptor.DB.SchemaVersion),
				Built:  instant(cmp.Or(d.Descriptor.DB.Status.Built, d.Descriptor.DB.Built)), Source: d.Descriptor.DB.Status.From,
			},
			Findings: []finding.Finding{}, Started: at, Finished: at,
		},
	}
	for _, m := range d.Matches {
		f, err := m.finding()
		if err != nil {
			return ScanFile{}, err
		}
		s.Scan.Findings = append(s.Scan.Findings, f)
	}
	for _, m := range d.IgnoredMatches {
		f, err := m.finding()
		if err != nil {
			return ScanFile{}, err
		}
		f.SuppressedBy = &finding.Suppression{Source: "database", Reason: "ignored by the scanner's rules"}
		s.Scan.Findings = append(s.Scan.Findings, f)
	}
	return s, nil
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

func (m grypeMatch) finding() (finding.Finding, error) {
	v := m.Vulnerability
	worth, err := severity(v.ID, v.Severity)
	if err != nil {
		return finding.Finding{}, err
	}
	f := finding.Finding{
		ID: v.ID, Severity: worth, FixedIn: v.Fix.Versions, FixState: v.Fix.State,
		Package: finding.Package{Name: m.Artifact.Name, Version: m.Artifact.Version, Type: m.Artifact.Type, PURL: m.Artifact.PURL},
	}
	for _, related := range m.RelatedVulnerabilities {
		f.Aliases = append(f.Aliases, related.ID)
	}
	if len(v.EPSS) > 0 {
		f.EPSS = &finding.EPSS{Score: v.EPSS[0].EPSS, Percentile: v.EPSS[0].Percentile}
	}
	if len(v.KnownExploited) > 0 {
		f.KEV = &finding.KEV{CVE: plain.Line(v.KnownExploited[0].CVE, maxField)}
	}
	return f, nil
}
