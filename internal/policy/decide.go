package policy

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Rules is what the gate asks for.
type Rules struct {
	Policies       []Policy
	Cutoff         finding.Cutoff // not set: no severity denies
	OnlyFixed      bool           // the cutoff counts findings with a fix only
	MaxDatabaseAge time.Duration  // of the database of the newest scan; 0: any age
	MaxScanAge     time.Duration  // of the newest scan itself; 0: any age
	Explain        bool           // say how a policy came to an outcome that is no pass
	AllowUnread    Allowance      // what a scan, or the SBOM below it, need not have looked at
	Limit          time.Duration  // of one policy's evaluation on one attestation; 0: 10 seconds

	// Waive returns the waiver that takes a violation of a policy back, or nil. It
	// may be nil itself: nothing is waived.
	Waive func(policy string, violation Reason) *finding.Suppression
}

// Evidence is what the gate decides on.
type Evidence struct {
	Verified []verify.Verified // what was read back and verified, of one image
	NotRead  []attest.NotRead  // what is attached, and was not read
	Now      time.Time         // the time to measure ages by, and the policies' own clock

	Image Image           // what is known of the image besides
	CI    json.RawMessage // what the job's host says about itself, an object; nil: no CI job

	// Own are those of Verified that this very run made; none where nothing was
	// made. When there is a scan among them, the built-in rules judge by it and
	// by no other, whenever another claims to have finished.
	Own []verify.Verified
}

// Image is what policies of the project's own dialect are told of the image.
type Image struct {
	Reference string          `json:"reference"`          // as it was asked for
	Name      string          `json:"name"`               // repository, without tag and digest
	Digest    string          `json:"digest"`             // sha256:…
	Platform  string          `json:"platform,omitempty"` // linux/amd64; of an index: empty
	Config    json.RawMessage `json:"config,omitempty"`   // of the image, as OCI has it; nil: not known, or an index
	Platforms []Image         `json:"-"`                  // of an index: its images
}

// Decide evaluates every policy and every rule that applies, and returns what
// each came to. One that fails does not keep the others from being evaluated.
//
// The verdict is the worst of the results: deny before undecided before pass.
// Rules that ask for nothing pass, with no result; whoever needs a gate has to
// see to it that there is something to ask. When ctx ends, every policy that is
// not satisfied by then is undecided.
//
// The rule severity-cutoff applies when a cutoff is set. The rules database-age and
// scan-age apply when their age is set and there is a scan of Hallmark's to decide
// on, or a cutoff. With a cutoff, a scan of another shape is undecided when it
// is the newest; without one, nobody asked about it.
func (r Rules) Decide(ctx context.Context, e Evidence) Verdict {
	results := r.decidePolicies(ctx, e)
	for i, p := range r.Policies {
		results[i] = e.withNotRead(p.need(e), results[i])
	}
	for _, scan := range r.decideScan(e) {
		results = append(results, e.withNotRead(e.scanNeed(), scan))
	}
	verdict := Verdict{Outcome: worst(results), Results: results}
	for _, p := range r.Policies {
		verdict.Known = p.known // one map for all that were compiled together
	}
	return verdict
}

// decidePolicies asks the policies about each attestation, and those of the
// project's own dialect about all together.
func (r Rules) decidePolicies(ctx context.Context, e Evidence) []Result {
	trials := make([]*trial, len(r.Policies))
	unread := r.newUnread(e)
	for i, p := range r.Policies {
		if p.dialect != Hallmark {
			trials[i] = r.newTrial(ctx, p, e, unread)
		}
	}
	for _, v := range e.Verified {
		tryAll(ctx, trials, v)
	}
	results := make([]Result, len(trials))
	ends := newScanEnds(e)
	together := joined{evidence: e, unread: unread, ends: ends}
	for i, t := range trials {
		if t == nil {
			results[i] = r.decideJoined(ctx, r.Policies[i], &together)
		} else {
			results[i] = t.result(r, ends)
		}
	}
	return results
}

// waive divides what a policy denies for into what counts and what a waiver takes
// back. What was only counted counts.
func (r Rules) waive(policy string, denied reasons) (reasons, []Waived) {
	kept := reasons{limit: denied.limit, more: denied.more}
	var waived []Waived
	for _, reason := range denied.kept {
		if w := r.waiver(policy, reason); w != nil {
			waived = append(waived, *w)
		} else {
			kept.take(reason)
		}
	}
	return kept, waived
}

// waiver returns what takes a violation back, or nil. A waiver without an end is
// none.
func (r Rules) waiver(policy string, violation Reason) *Waived {
	if r.Waive == nil {
		return nil
	}
	s := r.Waive(policy, violation)
	if s == nil || s.Until == nil {
		return nil
	}
	return &Waived{Reason: violation.cleaned(), Why: clean(s.Reason), By: clean(s.By), Until: *s.Until, Document: clean(s.Document)}
}

// blank returns a result that says which policy it is of.
func (p Policy) blank() Result {
	return Result{
		Name: clean(p.Name()), Title: p.meta.title, Description: p.meta.description, Dialect: p.dialect,
		PredicateType: p.meta.predicateType, Controls: p.meta.controls, Severity: p.meta.severity, Digest: p.Digest(), ParamsDigest: p.ParamsDigest(),
		Artifact: p.Artifact,
	}
}
