// Package policy decides: verified attestations go in, a verdict comes out.
//
// A policy is a Rego file in the dialect of the Sigstore Policy Controller, so
// that the file that gates a job also guards a cluster. It lives in package
// sigstore and has a rule isCompliant; its input is the whole in-toto
// statement; it is Rego v0, where import rego.v1 and future.keywords bring the
// newer syntax. The controller's meaning is kept:
//
//   - isCompliant is a boolean, or a set or array of {result, error, warning}.
//     Of these the first with a true result decides: without a warning it
//     satisfies the policy, with one it does not. An empty set does not.
//   - Any one verified attestation that satisfies a policy is enough, whatever
//     the policy says about the others: those that it denies, cannot be
//     evaluated on, or takes too long for.
//
// custom.predicateType in the file's METADATA annotations names the type of
// attestation that the policy is about, which a ClusterImagePolicy says outside
// of the Rego. Without it every attestation is tried.
//
// Three outcomes are told apart, where the controller only has two. A policy
// denies when attestations were there and it said no to each of them. It is
// undecided when there was none to try, when it is not a policy at all, or when
// it satisfied none and its answer for at least one is unknown: undefined,
// failed, of another shape, or not there in time. Undecided is never a pass.
//
// In three points Hallmark is stricter than the controller: a built-in function
// that fails fails the evaluation, instead of being undefined; there are only the
// functions that somebody has looked at (allowedBuiltins), none of which reads a
// file, the environment or the network; and the time of an evaluation is bounded,
// also where a function does not come to an end. In one it differs: the
// controller passes SBOMs, scans and provenance through its own types first,
// which drops fields that they do not know. Here input is what was signed.
//
// Beside the policies stand two built-in rules, on Hallmark's own scan
// attestations: severity-cutoff and database-age. The newest scan decides, by
// the time at which it finished, for an older one says nothing about the
// vulnerabilities that were published since. A scan that this very run made
// decides alone: the times of other scans are claims of other machines, and
// whoever may attest here could otherwise outrank it with a later one.
package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Outcome is what a policy, a rule or the gate as a whole came to.
type Outcome int

// The outcomes. The zero value is Undecided: who forgets to decide does not
// let anything pass.
const (
	Undecided Outcome = iota // could not be decided; never a pass
	Pass
	Deny
)

// String returns pass, deny or undecided.
func (o Outcome) String() string {
	switch o {
	case Pass:
		return "pass"
	case Deny:
		return "deny"
	case Undecided:
	}
	return "undecided"
}

// MarshalJSON encodes the outcome by its name.
func (o Outcome) MarshalJSON() ([]byte, error) { return json.Marshal(o.String()) }

// UnmarshalJSON decodes an outcome's name and refuses a word that is none.
func (o *Outcome) UnmarshalJSON(data []byte) error {
	var word string
	if err := json.Unmarshal(data, &word); err != nil {
		return fmt.Errorf("decoding an outcome: %w", err)
	}
	all := []Outcome{Undecided, Pass, Deny}
	i := slices.IndexFunc(all, func(k Outcome) bool { return k.String() == word })
	if i < 0 {
		return fmt.Errorf("decoding an outcome: %q is none", word)
	}
	*o = all[i]
	return nil
}

// Result is the outcome of one thing that the gate decided on: a policy or a
// built-in rule.
type Result struct {
	Name          string    `json:"name"`                    // the policy's file, or severity-cutoff, database-age
	Platform      string    `json:"platform,omitempty"`      // of an index, whose image it is about; empty: the index, or the image
	Title         string    `json:"title,omitempty"`         // what it asks for, in words
	Description   string    `json:"description,omitempty"`   // why, in the policy's own words
	Dialect       Dialect   `json:"dialect,omitempty"`       // that the policy is written in; empty: a built-in rule
	PredicateType string    `json:"predicateType,omitempty"` // URI; empty: attestations of every type
	Controls      []Control `json:"controls,omitempty"`      // that the policy says it checks
	Severity      string    `json:"severity,omitempty"`      // of a violation that says none itself
	Digest        string    `json:"digest,omitempty"`        // of the policy's file, sha256:…
	Artifact      string    `json:"artifact,omitempty"`      // that the policy is from, oci://…@sha256:…
	ParamsDigest  string    `json:"paramsDigest,omitempty"`  // of the parameters that it was given, sha256:…
	Outcome       Outcome   `json:"outcome"`
	Reasons       []Reason  `json:"reasons,omitempty"`  // at least one unless it passed, and then what to know all the same
	Warnings      []Reason  `json:"warnings,omitempty"` // that the policy gives without denying for them
	Waived        []Waived  `json:"waived,omitempty"`   // violations that a waiver takes back
	Until         time.Time `json:"until,omitzero"`     // of a pass: when something ends that it rests on; zero: nothing is known to end
	Trace         []string  `json:"trace,omitempty"`    // how it came to an outcome that is no pass, step by step, if asked for
	Considered    int       `json:"considered"`         // number of attestations that were looked at
}

// Control is a demand of a framework that a policy checks.
type Control struct {
	Framework string `json:"framework"` // SLSA, NIST SSDF, …
	ID        string `json:"control"`   // as the framework numbers it
}

// Waived is a violation that somebody has answered for, until a day.
type Waived struct {
	Reason
	Why      string    `json:"why"`
	By       string    `json:"by"`
	Until    time.Time `json:"until"`
	Document string    `json:"document"` // digest of the waiver file, sha256:…
}

// Dialect is a way of writing policies, told by a file's package.
type Dialect string

// The dialects.
const (
	Sigstore   Dialect = "sigstore"   // package sigstore: the Policy Controller's
	Cosign     Dialect = "cosign"     // package signature: that of cosign verify-attestation
	Compliance Dialect = "compliance" // package compliance: DevGuard's
	Hallmark   Dialect = "hallmark"   // package hallmark.NAME: the project's own
)

// Verdict is the outcome of the gate, and what led to it. The zero value is
// undecided.
type Verdict struct {
	Outcome Outcome  `json:"outcome"`
	Results []Result `json:"results"` // the policies as loaded, then the built-in rules
	Known   Controls `json:"-"`       // that the policies could have claimed, for Assess
}

// worst returns the outcome of all results together: deny before undecided
// before pass. Without results nothing was asked, and nothing is in the way.
func worst(results []Result) Outcome {
	outcome := Pass
	for _, r := range results {
		switch {
		case r.Outcome == Deny:
			return Deny
		case r.Outcome != Pass:
			outcome = Undecided
		}
	}
	return outcome
}

// About returns the verdict as one about a platform's image of an index.
func (v Verdict) About(platform string) Verdict {
	results := slices.Clone(v.Results)
	for i := range results {
		results[i].Platform = platform
	}
	return Verdict{Outcome: v.Outcome, Results: results, Known: v.Known}
}

// Together returns the verdict of several, which is the worst of them. None is
// undecided.
func Together(verdicts ...Verdict) Verdict {
	var all Verdict
	for i, v := range verdicts {
		all.Results = append(all.Results, v.Results...)
		if i == 0 || v.Outcome == Deny || v.Outcome == Undecided && all.Outcome != Deny {
			all.Outcome = v.Outcome
		}
		if len(all.Known.frameworks) == 0 {
			all.Known = v.Known
		}
	}
	return all
}
