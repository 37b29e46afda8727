package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// VerifierID is how verdicts name who came to them.
const VerifierID = "https://github.com/hallmark-ci/hallmark"

// Judgement is what the gate came to about an image.
type Judgement struct {
	Subject  attest.Subject
	At       time.Time
	Version  string // of Hallmark
	Passed   bool
	Checks   []Check
	Evidence []string // digests of the attestations that it was decided on, sha256:…
}

// Check is one policy or built-in rule and what it came to.
type Check struct {
	Name     string
	Digest   string // of the policy's file, sha256:…; empty: a built-in rule
	Artifact string // that the policy is from, oci://…@sha256:…; empty: none
	Params   string // digest of the parameters that it was given, sha256:…; empty: none
	Result   string // pass, deny, undecided

	// Until is when something ends that a pass rests on: a waiver, a suppression in
	// the scan, the time for which a scan or its database is new enough. Zero: nothing
	// is known to end.
	Until time.Time
}

// The predicate of a SLSA verification summary, and what Hallmark adds to it:
// which policy came to what, so that a cluster can ask for a single one.
type (
	summaryPredicate struct {
		Verifier           verifier   `json:"verifier"`
		TimeVerified       string     `json:"timeVerified"`
		ResourceURI        string     `json:"resourceUri"`
		Policy             resource   `json:"policy"`
		InputAttestations  []resource `json:"inputAttestations"`
		VerificationResult string     `json:"verificationResult"`
		VerifiedLevels     []string   `json:"verifiedLevels"`
		SLSAVersion        string     `json:"slsaVersion"`
		Hallmark           checks     `json:"hallmark"`
	}
	verifier struct {
		ID      string            `json:"id"`
		Version map[string]string `json:"version"`
	}
	resource struct {
		URI    string            `json:"uri"`
		Digest map[string]string `json:"digest"`
	}
	checks struct {
		Policies   []checked `json:"policies"`
		ValidUntil string    `json:"validUntil,omitempty"` // the earliest of those of the policies
	}
	checked struct {
		Name       string            `json:"name"`
		Digest     map[string]string `json:"digest,omitempty"`
		Artifact   *resource         `json:"artifact,omitempty"`
		Params     map[string]string `json:"params,omitempty"`
		Result     string            `json:"result"`
		ValidUntil string            `json:"validUntil,omitempty"` // from then on the result may be another one
	}
)

// Verdict returns a judgement as a SLSA verification summary
// (https://slsa.dev/spec/v1.0/verification_summary). It knows two results: what
// could not be decided has failed. The levels of SLSA are not what the policies
// ask about, so none is claimed.
//
// The verdict is about the subject's digest. The resourceUri ends in that digest; its
// repository is where the image was when it was judged, and readers ignore it, so that
// a verdict stays true of an image that is copied to another repository.
func Verdict(j Judgement) (attest.Predicate, error) {
	p := summaryPredicate{
		Verifier:     verifier{ID: VerifierID, Version: map[string]string{"hallmark": j.Version}},
		TimeVerified: j.At.UTC().Format(time.RFC3339), ResourceURI: j.Subject.String(),
		InputAttestations: []resource{}, VerificationResult: "FAILED", VerifiedLevels: []string{"FAILED"}, SLSAVersion: "1.0",
		Hallmark: checks{Policies: []checked{}},
	}
	if j.Passed {
		p.VerificationResult, p.VerifiedLevels = "PASSED", []string{"HALLMARK_POLICIES_PASSED"}
	}
	for _, digest := range j.Evidence {
		p.InputAttestations = append(p.InputAttestations, resource{URI: j.Subject.Repository() + "@" + digest, Digest: sha256Of(digest)})
	}
	var until time.Time
	for _, c := range j.Checks {
		p.Hallmark.Policies = append(p.Hallmark.Policies, checked{
			Name: c.Name, Digest: sha256Of(c.Digest), Artifact: artifactOf(c.Artifact), Params: sha256Of(c.Params), Result: c.Result,
			ValidUntil: endsAt(c.Until),
		})
		if !c.Until.IsZero() && (until.IsZero() || c.Until.Before(until)) {
			until = c.Until
		}
	}
	p.Hallmark.ValidUntil = endsAt(until)
	set, err := json.Marshal(p.Hallmark.withoutResults())
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the policies of the verdict: %w", err)
	}
	sum := sha256.Sum256(set)
	p.Policy = resource{URI: VerifierID + "/policies", Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}}
	body, err := json.Marshal(p)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the verdict: %w", err)
	}
	return attest.Predicate{Type: attest.TypeVSA, Body: body}, nil
}

// withoutResults returns what was asked, whatever came of it: its digest is that of
// the whole policy.
func (c checks) withoutResults() []checked {
	asked := make([]checked, len(c.Policies))
	for i, one := range c.Policies {
		one.Result, one.ValidUntil = "", ""
		asked[i] = one
	}
	return asked
}

// endsAt returns a time to the second, rounded down; empty for none.
func endsAt(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// artifactOf returns where a policy is from, nil for one that is a file.
func artifactOf(reference string) *resource {
	_, digest, pinned := strings.Cut(reference, "@")
	if !pinned {
		return nil
	}
	return &resource{URI: reference, Digest: sha256Of(digest)}
}

// sha256Of returns a digest in the form of in-toto, nil for none.
func sha256Of(digest string) map[string]string {
	hex, ok := strings.CutPrefix(digest, "sha256:")
	if !ok {
		return nil
	}
	return map[string]string{"sha256": hex}
}
