package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// verdictDocument is verdict.json. Fields are added to it, never changed.
type verdictDocument struct {
	Version      int                    `json:"version"`
	Image        string                 `json:"image"`     // pinned
	Requested    string                 `json:"requested"` // as it was asked for
	Digest       string                 `json:"digest"`
	Verdict      string                 `json:"verdict"`           // pass, deny, undecided
	Failure      string                 `json:"failure,omitempty"` // why the run ended before there was one
	Pushed       bool                   `json:"pushed"`
	Counts       *finding.SummaryCounts `json:"counts,omitempty"`   // absent: no scan
	Database     *finding.Database      `json:"database,omitempty"` // that the scan was made with
	ScannedOn    *time.Time             `json:"scannedOn,omitempty"`
	SBOM         *attest.Origin         `json:"sbom,omitempty"` // how it came to be; absent: nobody says
	Packages     map[string]int         `json:"packages,omitempty"`
	Unread       []finding.Gap          `json:"unread,omitempty"`    // what nobody looked at
	Platforms    []verdictPlatform      `json:"platforms,omitempty"` // of an index
	Checks       []verdictCheck         `json:"checks"`
	Frameworks   []policy.Assessment    `json:"frameworks,omitempty"` // whose controls a policy claims
	Attestations []verdictAttestation   `json:"attestations"`         // verified
	Rejected     []verdictRejection     `json:"rejected"`
	Notes        []string               `json:"notes"`
}

type verdictPlatform struct {
	Platform string                 `json:"platform"`
	Digest   string                 `json:"digest"`
	Verdict  string                 `json:"verdict"`
	Counts   *finding.SummaryCounts `json:"counts,omitempty"`
	Packages map[string]int         `json:"packages"`
	Unread   []finding.Gap          `json:"unread,omitempty"`
}

type verdictCheck struct {
	Name        string           `json:"name"`
	Platform    string           `json:"platform,omitempty"` // absent: about the index, or the image
	Title       string           `json:"title,omitempty"`
	Description string           `json:"description,omitempty"`
	Dialect     policy.Dialect   `json:"dialect,omitempty"` // absent: a built-in rule
	Severity    string           `json:"severity,omitempty"`
	Digest      string           `json:"digest,omitempty"`   // of the policy's file
	Artifact    string           `json:"artifact,omitempty"` // that the policy is from, oci://…@sha256:…
	Controls    []policy.Control `json:"controls,omitempty"`
	Verdict     string           `json:"verdict"`
	Reasons     []policy.Reason  `json:"reasons"`
	Warnings    []policy.Reason  `json:"warnings,omitempty"`
	Waived      []policy.Waived  `json:"waived,omitempty"`
	Trace       []string         `json:"trace,omitempty"`
}

type verdictAttestation struct {
	PredicateType string `json:"predicateType"`
	Digest        string `json:"digest"`
	Signer        string `json:"signer"`
	Own           bool   `json:"own"` // made by this run
}

type verdictRejection struct {
	ClaimedType string `json:"claimedType"`
	Digest      string `json:"digest"`
	Reason      string `json:"reason"`
}

// Verdict returns verdict.json: the result for machines, indented, with a final
// newline.
func Verdict(r pipeline.Result) ([]byte, error) {
	r = cleaned(r)
	doc := verdictDocument{
		Version:      1,
		Image:        r.Subject.String(),
		Requested:    requested(r),
		Digest:       r.Subject.Digest().DigestStr(),
		Verdict:      outcome(r).String(),
		Pushed:       r.Pushed,
		Checks:       checks(r.Verdict),
		Frameworks:   policy.Assess(r.Verdict, r.Verdict.Known),
		Attestations: attestations(r),
		Rejected:     []verdictRejection{},
		Notes:        append([]string{}, r.Notes...),
	}
	if r.Failure != nil {
		doc.Failure = r.Failure.Error()
	}
	if r.Origin.Kind != "" {
		doc.SBOM = &r.Origin
	}
	doc.Packages, doc.Unread = packages(r), r.Unread
	for _, p := range r.Platforms {
		one := verdictPlatform{Platform: p.Platform, Digest: p.Subject.Digest().DigestStr(), Verdict: p.Verdict.Outcome.String(), Packages: packages(p)}
		one.Unread = p.Unread
		if p.Scan != nil {
			counts := p.Scan.Summary().Counts
			one.Counts = &counts
		}
		doc.Platforms = append(doc.Platforms, one)
	}
	if r.Scan != nil {
		counts := r.Scan.Summary().Counts
		doc.Counts, doc.Database, doc.ScannedOn = &counts, &r.Scan.Database, &r.Scan.Finished
	}
	for _, x := range r.Rejected {
		doc.Rejected = append(doc.Rejected, verdictRejection{
			ClaimedType: x.ClaimedType, Digest: x.Digest, Reason: x.Reason.Error(),
		})
	}
	return indented("verdict.json", doc)
}

func packages(r pipeline.Result) map[string]int {
	out := map[string]int{}
	for _, e := range r.Ecosystems {
		out[e.Name] = e.Packages
	}
	return out
}

func checks(v policy.Verdict) []verdictCheck {
	out := []verdictCheck{}
	for _, c := range v.Results {
		out = append(out, verdictCheck{
			Name: c.Name, Platform: c.Platform, Title: c.Title, Description: c.Description, Dialect: c.Dialect,
			Severity: c.Severity, Digest: c.Digest, Artifact: c.Artifact, Controls: c.Controls, Verdict: c.Outcome.String(),
			Reasons: append([]policy.Reason{}, c.Reasons...), Warnings: c.Warnings, Waived: c.Waived, Trace: c.Trace,
		})
	}
	return out
}

func attestations(r pipeline.Result) []verdictAttestation {
	own := ownOf(r)
	out := []verdictAttestation{}
	for _, v := range r.Verified {
		digest := v.Envelope().Digest()
		out = append(out, verdictAttestation{PredicateType: v.PredicateType(), Digest: digest, Signer: v.Signer(), Own: own[digest]})
	}
	return out
}

// Statements returns verified attestations as one JSON array, whatever their
// number: what verify --output json prints.
func Statements(verified []verify.Verified) ([]byte, error) {
	type entry struct {
		PredicateType string          `json:"predicateType"`
		Digest        string          `json:"digest"`
		Signer        string          `json:"signer"`
		Statement     json.RawMessage `json:"statement"`
	}
	entries := make([]entry, len(verified))
	for i, v := range verified {
		entries[i] = entry{v.PredicateType(), v.Envelope().Digest(), v.Signer(), v.Payload()}
	}
	return indented("the statements", entries)
}

func indented(what string, value any) ([]byte, error) { return encoded(what, value, "  ") }

func compact(what string, value any) ([]byte, error) { return encoded(what, value, "") }

func encoded(what string, value any, indent string) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", what, err)
	}
	return out.Bytes(), nil
}

// attestationFile returns the base name under which an attestation is written.
func attestationFile(predicateType, digest string) string {
	return fileName(attest.ShortType(predicateType)) + "-" + strings.TrimPrefix(shortDigest(digest), "sha256:")
}

// fileName maps a predicate type to letters, digits, dots and dashes.
func fileName(s string) string {
	out := []rune{}
	for _, c := range s {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.':
			out = append(out, c)
		default:
			out = append(out, '-')
		}
		if len(out) == 80 {
			break
		}
	}
	return string(out)
}

// ChecksJSON returns a verdict on an image alone: what gate --output json prints.
func ChecksJSON(s attest.Subject, v policy.Verdict) ([]byte, error) {
	return indented("the verdict", struct {
		Image      string              `json:"image"`
		Digest     string              `json:"digest"`
		Verdict    string              `json:"verdict"`
		Checks     []verdictCheck      `json:"checks"`
		Frameworks []policy.Assessment `json:"frameworks,omitempty"`
	}{s.String(), s.Digest().DigestStr(), v.Outcome.String(), checks(v), policy.Assess(v, v.Known)})
}
