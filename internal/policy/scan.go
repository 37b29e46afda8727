package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// clockSkew is how far in the future a time may lie that another machine wrote:
// what the clocks of build machines differ by, and no more, since a later time
// makes a scan the newest.
const clockSkew = 10 * time.Minute

// scans returns the scans to decide on: this run's own if it made one, else all
// that were verified.
func (e Evidence) scans() []verify.Verified {
	if own := scansOf(e.Own); len(own) > 0 {
		return own
	}
	return scansOf(e.Verified)
}

// scansOf returns the attestations of vulnerability scans.
func scansOf(verified []verify.Verified) []verify.Verified {
	var scans []verify.Verified
	for _, v := range verified {
		if attest.SameType(v.PredicateType(), attest.TypeVuln) {
			scans = append(scans, v)
		}
	}
	return scans
}

// shaped returns the scans whose result looks like Hallmark's. It is generous:
// what has only a part of that is there to be judged, and then undecided.
func shaped(scans []verify.Verified) []verify.Verified {
	var ours []verify.Verified
	for _, v := range scans {
		var form struct {
			Scanner struct {
				Result struct {
					Counts   json.RawMessage `json:"counts"`
					Database json.RawMessage `json:"database"`
				} `json:"result"`
			} `json:"scanner"`
		}
		err := json.Unmarshal(v.Statement().Predicate, &form)
		if err == nil && (present(form.Scanner.Result.Counts) || present(form.Scanner.Result.Database)) {
			ours = append(ours, v)
		}
	}
	return ours
}

// scanned is the scan that the built-in rules judge by.
type scanned struct {
	summary  finding.Summary
	finished time.Time
}

// newestScan returns the summary of the scan that finished last. Which one that
// is must be beyond doubt: a scan without a usable time, or two that differ and
// finished at the same time, are an error. The content of older ones does not
// matter.
func newestScan(scans []verify.Verified, now time.Time) (scanned, error) {
	if len(scans) == 0 {
		return scanned{}, errors.New("no scan attestation (type vuln) was verified")
	}
	predicates := make([]finding.Predicate, len(scans))
	newest := 0
	for i, v := range scans {
		p, err := decodeScan(v, now)
		if err != nil {
			return scanned{}, fmt.Errorf("%s %w", describe(v), err)
		}
		predicates[i] = p
		if p.Metadata.ScanFinishedOn.After(predicates[newest].Metadata.ScanFinishedOn) {
			newest = i
		}
	}
	finished := predicates[newest].Metadata.ScanFinishedOn
	for i, p := range predicates {
		if p.Metadata.ScanFinishedOn.Equal(finished) && !bytes.Equal(scans[i].Statement().Predicate, scans[newest].Statement().Predicate) {
			return scanned{}, fmt.Errorf("two different scans both finished at %s: none is the newest",
				finished.UTC().Format(time.RFC3339))
		}
	}
	summary, err := decodeSummary(predicates[newest].Scanner.Result)
	if err != nil {
		return scanned{}, fmt.Errorf("%s is the newest scan and not one of Hallmark's, which severity-cutoff and "+
			"vuln-db-max-age need (scan the image again): %w", describe(scans[newest]), err)
	}
	return scanned{summary: summary, finished: finished}, nil
}

// decodeScan reads a scan's predicate. Its error goes on after the name of the
// attestation.
func decodeScan(v verify.Verified, now time.Time) (finding.Predicate, error) {
	var p finding.Predicate
	if err := json.Unmarshal(v.Statement().Predicate, &p); err != nil {
		return finding.Predicate{}, fmt.Errorf("could not be decoded: %w", jsonError(err))
	}
	finished := p.Metadata.ScanFinishedOn
	switch {
	case finished.IsZero():
		return finding.Predicate{}, errors.New("does not say when the scan finished (metadata.scanFinishedOn)")
	case finished.After(now.Add(clockSkew)):
		return finding.Predicate{}, fmt.Errorf("says that the scan finishes in the future, at %s", finished.UTC().Format(time.RFC3339))
	}
	return p, nil
}

// decodeSummary reads scanner.result strictly: what is absent would otherwise
// count as harmless. The counts must be those of the findings.
func decodeSummary(result json.RawMessage) (finding.Summary, error) {
	if !present(result) {
		return finding.Summary{}, errors.New("scanner.result is missing")
	}
	if err := checkSummary(result); err != nil {
		return finding.Summary{}, err
	}
	var summary finding.Summary
	if err := json.Unmarshal(result, &summary); err != nil {
		return finding.Summary{}, fmt.Errorf("decoding scanner.result: %w", jsonError(err))
	}
	for _, g := range summary.Unread {
		if g.What == "" {
			return finding.Summary{}, errors.New("scanner.result.unread has an entry that does not say what it is about")
		}
	}
	for i, f := range summary.Findings {
		if err := checkFinding(f); err != nil {
			return finding.Summary{}, fmt.Errorf("scanner.result.findings[%d] %w", i, err)
		}
	}
	raw, effective := finding.Count(summary.Findings)
	if raw != summary.Counts.Raw || effective != summary.Counts.Effective {
		return finding.Summary{}, errors.New("scanner.result.counts are not those of its findings")
	}
	return summary, nil
}

// checkFinding refuses a finding that does not say what it is about, or is
// suppressed by nobody or for ever.
func checkFinding(f finding.Finding) error {
	switch {
	case f.ID == "" || f.Package.Name == "":
		return errors.New("names no vulnerability or no package")
	case f.SuppressedBy != nil && f.SuppressedBy.Source == "":
		return errors.New("is suppressed by nobody")
	case f.SuppressedBy != nil && f.SuppressedBy.Source == "waiver" && f.SuppressedBy.Until == nil:
		return errors.New("is suppressed by a waiver without an end")
	}
	return nil
}

// summaryForm is the summary with what must be there still undecoded, to tell
// absent from zero.
type summaryForm struct {
	Counts struct {
		Raw       map[string]json.RawMessage `json:"raw"`
		Effective map[string]json.RawMessage `json:"effective"`
	} `json:"counts"`
	Findings *[]struct {
		ID       json.RawMessage `json:"id"`
		Severity json.RawMessage `json:"severity"`
		Package  json.RawMessage `json:"package"`
		FixedIn  json.RawMessage `json:"fixedIn"`
	} `json:"findings"`
	Database struct {
		Built json.RawMessage `json:"built"`
	} `json:"database"`
}

// checkSummary checks that everything a decision depends on is there.
func checkSummary(result json.RawMessage) error {
	var form summaryForm
	if err := json.Unmarshal(result, &form); err != nil {
		return fmt.Errorf("decoding scanner.result: %w", jsonError(err))
	}
	for _, severity := range finding.Severities() {
		if !present(form.Counts.Raw[severity.String()]) || !present(form.Counts.Effective[severity.String()]) {
			return fmt.Errorf("scanner.result.counts lacks %s", severity)
		}
	}
	if form.Findings == nil {
		return errors.New("scanner.result.findings is missing")
	}
	for i, f := range *form.Findings {
		switch {
		case !present(f.ID):
			return fmt.Errorf("scanner.result.findings[%d].id is missing", i)
		case !present(f.Severity):
			return fmt.Errorf("scanner.result.findings[%d].severity is missing", i)
		case !present(f.Package):
			return fmt.Errorf("scanner.result.findings[%d].package is missing", i)
		case !present(f.FixedIn):
			return fmt.Errorf("scanner.result.findings[%d].fixedIn is missing", i)
		}
	}
	if !present(form.Database.Built) {
		return errors.New("scanner.result.database.built is missing")
	}
	return nil
}

func present(value json.RawMessage) bool {
	return len(value) > 0 && string(value) != "null"
}
