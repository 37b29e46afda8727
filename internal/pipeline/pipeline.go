// Package pipeline is the order of the work: one plain function from an image
// to a verdict. It owns the small interfaces that it consumes and knows of the
// rooms no more than their types.
//
// The gate is given what was read back from the registry and verified, never
// what this process believes that it wrote.
package pipeline

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Images pins references and opens the images that they name.
type Images interface {
	Resolve(ctx context.Context, reference string) (attest.Subject, error)
	Open(ctx context.Context, reference string) (image.Image, error)
	Moved(ctx context.Context, s attest.Subject) (now string, moved bool, err error)
}

// Cataloger makes the SBOM of an image, unpacking below tempDir.
type Cataloger func(ctx context.Context, s attest.Subject, content v1.Image, tempDir string) (catalog.SBOM, error)

// Scanner finds the vulnerabilities of what an SBOM lists.
type Scanner interface {
	Scan(ctx context.Context, bom catalog.SBOM) (finding.Scan, error)
}

// Signer signs statements with the private half of Public.
type Signer interface {
	Sign(ctx context.Context, st attest.Statement) (attest.Envelope, error)
	Public() crypto.PublicKey
}

// Store attaches envelopes to an image and lists what is attached.
type Store interface {
	Lister
	Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) error
}

// Progress is told of each stage as it begins and ends.
type Progress interface {
	// Stage begins a stage. The returned function ends it, with what came of it.
	Stage(name string) func(outcome string, err error)
}

// Job is what a run is asked for.
type Job struct {
	Reference string
	Formats   []catalog.Format   // of the SBOMs to attest
	Brought   []attest.Predicate // what the user brings
	Push      bool               // false: everything but writing to the registry
	Rules     policy.Rules
	TempDir   string // layers are unpacked below it
}

// Rooms is who does the work. Scanner may be nil: no scan.
type Rooms struct {
	Images   Images
	Catalog  Cataloger
	Scanner  Scanner
	Signer   Signer
	Store    Store
	Trust    verify.Trust
	Progress Progress
	Now      func() time.Time
}

// Document is an SBOM as written.
type Document struct {
	Format  catalog.Format
	Content []byte
}

// Result is what came of a run. On an error it holds what there was until then.
type Result struct {
	Subject    attest.Subject
	Ecosystems []catalog.Ecosystem
	SBOMs      []Document
	Scan       *finding.Scan     // nil: no scan was asked for
	ScanBody   []byte            // the scan as attested
	Attached   []verify.Verified // this run's own, as read back
	Examination
	Pushed  bool
	Verdict policy.Verdict
	Notes   []string // what a person should know besides
}

// Run does the whole job: resolve, catalog, scan, make predicates, sign,
// attach, read back, verify, gate. The error says why there is no verdict; a
// verdict that denies is not an error.
func Run(ctx context.Context, job Job, rooms Rooms) (Result, error) {
	r := run{job: job, Rooms: rooms}

	img, err := r.open(ctx)
	if err != nil {
		return r.result, err
	}
	bom, err := r.catalog(ctx, img)
	if err != nil {
		return r.result, err
	}
	predicates, err := r.gather(ctx, bom)
	if err != nil {
		return r.result, err
	}
	signed, err := r.sign(ctx, predicates)
	if err != nil {
		return r.result, err
	}
	if err := r.attach(ctx, signed); err != nil {
		return r.result, err
	}
	if err := r.readBack(ctx, signed); err != nil {
		return r.result, err
	}
	r.gate(ctx)
	return r.result, ctx.Err()
}

// run is one run under way: what it was asked for and what came of it so far.
type run struct {
	Rooms
	job    Job
	result Result
}

func (r *run) open(ctx context.Context) (image.Image, error) {
	end := r.Progress.Stage("resolve")
	img, err := r.Images.Open(ctx, r.job.Reference)
	if err != nil {
		end("", err)
		return image.Image{}, err
	}
	r.result.Subject = img.Subject()
	end(img.Subject().String(), nil)
	return img, nil
}

func (r *run) catalog(ctx context.Context, img image.Image) (catalog.SBOM, error) {
	end := r.Progress.Stage("catalog")
	bom, err := r.Catalog(ctx, img.Subject(), img.Content(), r.job.TempDir)
	if err != nil {
		end("", err)
		return catalog.SBOM{}, err
	}
	r.result.Ecosystems = bom.Ecosystems()
	total := 0
	for _, e := range r.result.Ecosystems {
		total += e.Packages
	}
	end(fmt.Sprintf("%d packages", total), nil)
	return bom, nil
}

// gather makes every predicate of the run, in a stable order.
func (r *run) gather(ctx context.Context, bom catalog.SBOM) ([]attest.Predicate, error) {
	var predicates []attest.Predicate
	for _, format := range r.job.Formats {
		document, err := bom.Encode(format)
		if err != nil {
			return nil, err
		}
		r.result.SBOMs = append(r.result.SBOMs, Document{Format: format, Content: document})
		predicates = append(predicates, sbomPredicate(format, document))
	}
	if r.Scanner != nil {
		p, err := r.scan(ctx, bom)
		if err != nil {
			return nil, err
		}
		predicates = append(predicates, p)
	}
	return append(predicates, r.job.Brought...), nil
}

func sbomPredicate(format catalog.Format, document []byte) attest.Predicate {
	if format == catalog.SPDX {
		return evidence.SPDX(document)
	}
	return evidence.CycloneDX(document)
}

func (r *run) scan(ctx context.Context, bom catalog.SBOM) (attest.Predicate, error) {
	end := r.Progress.Stage("scan")
	scan, err := r.Scanner.Scan(ctx, bom)
	if err != nil {
		end("", err)
		return attest.Predicate{}, err
	}
	p, err := evidence.Vuln(scan)
	if err != nil {
		end("", err)
		return attest.Predicate{}, err
	}
	r.result.Scan, r.result.ScanBody = &scan, p.Body
	end(fmt.Sprintf("%d findings", len(scan.Findings)), nil)
	return p, nil
}

func (r *run) sign(ctx context.Context, predicates []attest.Predicate) ([]store.Signed, error) {
	end := r.Progress.Stage("sign")
	signed := make([]store.Signed, 0, len(predicates))
	for _, p := range predicates {
		envelope, err := r.Signer.Sign(ctx, attest.NewStatement(r.result.Subject, p))
		if err != nil {
			end("", err)
			return nil, err
		}
		signed = append(signed, store.Signed{PredicateType: p.Type, Envelope: envelope})
	}
	end(fmt.Sprintf("%d statements", len(signed)), nil)
	return signed, nil
}

func (r *run) attach(ctx context.Context, signed []store.Signed) error {
	if !r.job.Push {
		r.result.Notes = append(r.result.Notes, "nothing was pushed: the attestations were signed and verified here only")
		return nil
	}
	end := r.Progress.Stage("attach")
	if err := r.Store.Attach(ctx, r.result.Subject, signed, r.mine); err != nil {
		end("", err)
		return err
	}
	r.result.Pushed = true
	end(fmt.Sprintf("%d attestations", len(signed)), nil)
	return nil
}

// mine reports whether this run's signer signed an envelope about this image.
func (r *run) mine(e attest.Envelope) bool {
	own, err := verify.TrustKeys(r.Signer.Public())
	if err != nil {
		return false
	}
	_, err = verify.Verify(e, r.result.Subject, own)
	return err == nil
}

// readBack examines what the registry holds now and finds this run's own
// attestations in it.
func (r *run) readBack(ctx context.Context, signed []store.Signed) error {
	end := r.Progress.Stage("verify")
	from := Lister(r.Store)
	if !r.job.Push {
		from = unpushed{Lister: r.Store, signed: signed, mine: r.mine}
	}
	examined, err := Examine(ctx, from, r.result.Subject, r.Trust)
	if err != nil {
		end("", err)
		return err
	}
	r.result.Examination = examined
	for _, s := range signed {
		own, err := examined.find(s, r.result.Subject)
		if err != nil {
			end("", err)
			return err
		}
		r.result.Attached = append(r.result.Attached, own)
	}
	end(fmt.Sprintf("%d attestations verified", len(examined.Verified)), nil)
	return nil
}

// find returns the verified form of an envelope of this run.
func (e Examination) find(s store.Signed, subject attest.Subject) (verify.Verified, error) {
	digest := s.Envelope.Digest()
	if i := slices.IndexFunc(e.Verified, func(v verify.Verified) bool { return v.Envelope().Digest() == digest }); i >= 0 {
		return e.Verified[i], nil
	}
	if i := slices.IndexFunc(e.Rejected, func(r Rejection) bool { return r.Digest == digest }); i >= 0 {
		return verify.Verified{}, fmt.Errorf("verifying what was attached to %s: its own attestation of type %s: %w",
			subject, attest.ShortType(s.PredicateType), e.Rejected[i].Reason)
	}
	return verify.Verified{}, fmt.Errorf("verifying what was attached to %s: the attestation of type %s is not there",
		subject, attest.ShortType(s.PredicateType))
}

func (r *run) gate(ctx context.Context) {
	end := r.Progress.Stage("gate")
	r.result.Verdict = r.job.Rules.Decide(ctx, policy.Evidence{Verified: r.result.Verified, Now: r.Now()})
	r.warnIfMoved(ctx)
	end(r.result.Verdict.Outcome.String(), nil)
}

// warnIfMoved says so if the tag no longer names what was examined. The verdict
// stands: it is about the digest.
func (r *run) warnIfMoved(ctx context.Context) {
	now, moved, err := r.Images.Moved(ctx, r.result.Subject)
	switch {
	case err != nil:
		r.result.Notes = append(r.result.Notes, fmt.Sprintf("whether %s still names the image examined could not be checked: %v", r.job.Reference, err))
	case moved:
		r.result.Notes = append(r.result.Notes, fmt.Sprintf(
			"%s moved during the run and now names %s, which was not examined; deploy %s", r.job.Reference, now, r.result.Subject))
	}
}
