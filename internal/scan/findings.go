package scan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// The bounds of what is taken over from a database and from the names of
// packages: bytes of one text, entries of one list.
const (
	maxText = 1024
	maxList = 128
)

// newFindings returns the findings for the matches and, as suppressed ones, for
// the ignored matches: sorted, each of them once.
func newFindings(matches []match.Match, ignored []match.IgnoredMatch) ([]finding.Finding, error) {
	findings := make([]finding.Finding, 0, len(matches)+len(ignored))
	for _, m := range matches {
		f, err := newFinding(m)
		if err != nil {
			return nil, err
		}
		findings = append(findings, f)
	}
	for _, m := range ignored {
		f, err := newFinding(m.Match)
		if err != nil {
			return nil, err
		}
		f.SuppressedBy = &finding.Suppression{Source: "database", Reason: reason(m.AppliedIgnoreRules)}
		findings = append(findings, f)
	}
	return unique(findings)
}

func newFinding(m match.Match) (finding.Finding, error) {
	metadata := m.Vulnerability.Metadata
	if metadata == nil {
		return finding.Finding{}, fault.Undecidedf("reading %s in %s: the vulnerability database does not say how severe it is",
			bounded(m.Vulnerability.ID), bounded(m.Package.Name))
	}
	word := severityWord(m.Vulnerability)
	severity, known := finding.FromDatabase(word)
	if !known {
		return finding.Finding{}, fault.WithHint(fault.Undecidedf("reading %s in %s: the vulnerability database calls it %.40q, which is not a severity",
			bounded(m.Vulnerability.ID), bounded(m.Package.Name), word), "use another vulnerability database, or have this one corrected")
	}
	return finding.Finding{
		ID:       bounded(m.Vulnerability.ID),
		Aliases:  aliases(m.Vulnerability),
		Severity: severity,
		Package: finding.Package{
			Name:    bounded(m.Package.Name),
			Version: bounded(m.Package.Version),
			Type:    bounded(string(m.Package.Type)),
			PURL:    bounded(m.Package.PURL),
		},
		FixedIn:  boundedList(m.Vulnerability.Fix.Versions),
		FixState: fixState(m.Vulnerability.Fix.State),
		EPSS:     epss(metadata.EPSS),
		KEV:      kev(metadata.KnownExploited),
	}, nil
}

// severityWord returns the database's own word for the severity. Grype takes the
// first of those recorded, and makes "unknown" of a word that it does not know;
// here that must be told from a database that says so. A CVSS vector has no word
// of its own: its severity is grype's.
func severityWord(v vulnerability.Vulnerability) string {
	handle, ok := v.Internal.(*v6.VulnerabilityHandle)
	if ok && handle.BlobValue != nil && len(handle.BlobValue.Severities) > 0 {
		if word, ok := handle.BlobValue.Severities[0].Value.(string); ok {
			return word
		}
	}
	return v.Metadata.Severity
}

// aliases returns the other names of the vulnerability, sorted.
func aliases(v vulnerability.Vulnerability) []string {
	names := make([]string, 0, len(v.RelatedVulnerabilities))
	for _, related := range v.RelatedVulnerabilities {
		if related.ID != "" && !strings.EqualFold(related.ID, v.ID) {
			names = append(names, related.ID)
		}
	}
	slices.Sort(names)
	return boundedList(slices.Compact(names))
}

func fixState(state vulnerability.FixState) string {
	if slices.Contains(vulnerability.AllFixStates(), state) {
		return string(state)
	}
	return string(vulnerability.FixStateUnknown)
}

// epss returns the highest of the scores, which are one for each CVE that the
// vulnerability is known by. A score outside of 0 to 1 is none.
func epss(scores []vulnerability.EPSS) *finding.EPSS {
	var highest *finding.EPSS
	for _, s := range scores {
		if !within01(s.EPSS) || !within01(s.Percentile) {
			continue
		}
		if highest == nil || s.EPSS > highest.Score {
			highest = &finding.EPSS{Score: s.EPSS, Percentile: s.Percentile}
		}
	}
	return highest
}

func within01(f float64) bool { return f >= 0 && f <= 1 }

// kev returns the first entry in the order of CVEs.
func kev(entries []vulnerability.KnownExploited) *finding.KEV {
	if len(entries) == 0 {
		return nil
	}
	first := slices.MinFunc(entries, func(a, b vulnerability.KnownExploited) int { return cmp.Compare(a.CVE, b.CVE) })
	known := &finding.KEV{CVE: bounded(first.CVE)}
	if first.DateAdded != nil {
		added := first.DateAdded.UTC()
		known.DateAdded = &added
	}
	return known
}

func reason(rules []match.IgnoreRule) string {
	for _, rule := range rules {
		if rule.Reason != "" {
			return bounded(rule.Reason)
		}
	}
	return "a default rule of the scanner"
}

// unique sorts the findings and leaves out repetitions: the same package at two
// places of an image is matched twice. Findings that finding.Sort takes for
// equal, but that are not, are ordered by their encoding, so that the result
// does not depend on the order in which grype found them.
func unique(findings []finding.Finding) ([]finding.Finding, error) {
	encoded := make(map[string]finding.Finding, len(findings))
	keys := make([]string, 0, len(findings))
	for _, f := range findings {
		bytes, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("encoding the finding %s in %s: %w", f.ID, f.Package.Name, err)
		}
		if _, repeated := encoded[string(bytes)]; !repeated {
			encoded[string(bytes)] = f
			keys = append(keys, string(bytes))
		}
	}
	slices.Sort(keys)
	ordered := make([]finding.Finding, len(keys))
	for i, key := range keys {
		ordered[i] = encoded[key]
	}
	finding.Sort(ordered)
	return ordered, nil
}

// bounded returns s as valid UTF-8 of at most maxText bytes.
func bounded(s string) string {
	return strings.ToValidUTF8(s[:min(len(s), maxText)], "?")
}

// boundedList returns at most maxList of the texts, each bounded; never nil, so
// that it is encoded as a list.
func boundedList(texts []string) []string {
	list := make([]string, 0, min(len(texts), maxList))
	for _, text := range texts[:min(len(texts), maxList)] {
		list = append(list, bounded(text))
	}
	return list
}
