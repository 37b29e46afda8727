package evidence

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

type grypeDocument struct {
	Matches        []grypeMatch
	IgnoredMatches []grypeMatch
	Source         struct{ Type string }
	Descriptor     struct {
		Name, Version, Timestamp string
		DB                       *grypeDatabase
	}
}

// grypeDatabase is the database as grype has described it since version 6 of its
// schema (status), or before.
type grypeDatabase struct {
	Built, SchemaVersion string
	Error                string
	Status               struct {
		Built, SchemaVersion, From, Error string
		Valid                             *bool
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
	if err := d.looked(); err != nil {
		return ScanFile{}, err
	}
	at := instant(d.Descriptor.Timestamp)
	s := ScanFile{Scan: finding.Scan{
		Scanner: finding.Scanner{
			URI:     "pkg:golang/github.com/anchore/grype@v" + strings.TrimPrefix(d.Descriptor.Version, "v"),
			Version: d.Descriptor.Version,
		},
		Findings: []finding.Finding{}, Started: at, Finished: at,
	}}
	if db := d.Descriptor.DB; db != nil {
		s.Database = finding.Database{
			Schema: cmp.Or(db.Status.SchemaVersion, db.SchemaVersion),
			Built:  instant(cmp.Or(db.Status.Built, db.Built)), Source: db.Status.From,
		}
	} else {
		gap := finding.Gap{What: "vulnerability database", Why: "the report names none that grype looked into"}
		s.Unread = append(s.Unread, gap)
	}
	for _, m := range d.Matches {
		f, err := m.finding()
		if err != nil {
			return ScanFile{}, err
		}
		s.Findings = append(s.Findings, f)
	}
	for _, m := range d.IgnoredMatches {
		f, err := m.finding()
		if err != nil {
			return ScanFile{}, err
		}
		f.SuppressedBy = &finding.Suppression{Source: "database", Reason: "ignored by the scanner's rules"}
		s.Findings = append(s.Findings, f)
	}
	return s, nil
}

// looked returns an error if grype did not look into an image, or into an SBOM of
// one, or could not.
func (d grypeDocument) looked() error {
	if d.Matches == nil {
		return fault.Undecidedf("matches is null: grype looked for none")
	}
	if of := d.Source.Type; of != "" && !slices.Contains([]string{"image", "sbom-file"}, of) {
		err := fault.Undecidedf("it is a scan of a %s, and not of an image", plain.Line(of, maxQuoted))
		return fault.WithHint(err, "let grype scan the image")
	}
	db := d.Descriptor.DB
	if db == nil {
		return nil
	}
	if why := cmp.Or(db.Error, db.Status.Error); why != "" || db.Status.Valid != nil && !*db.Status.Valid {
		why = plain.Line(cmp.Or(why, "it does not say why"), maxQuoted)
		return fault.Undecidedf("grype's vulnerability database was not valid: %s", why)
	}
	return nil
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
