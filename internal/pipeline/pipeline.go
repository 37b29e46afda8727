// Package pipeline is the order of the work: one plain function from an image
// to a verdict. It owns the small interfaces that it consumes and knows of the
// rooms no more than their types.
//
// The gate is given what was read back from the registry and verified, never
// what this process believes that it wrote.
package pipeline

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/secrets"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
	"github.com/hallmark-ci/hallmark/internal/vex"
	"github.com/hallmark-ci/hallmark/internal/waiver"
)

// Images pins references and opens the images that they name.
type Images interface {
	Resolve(ctx context.Context, reference string) (attest.Subject, error)
	OpenAll(ctx context.Context, reference string, platforms []string) (image.Opened, error)
	Moved(ctx context.Context, s attest.Subject) (now string, moved bool, err error)
	// BuildAttestations and BuildStatement read what BuildKit left in an index.
	BuildAttestations(ctx context.Context, s attest.Subject) ([]image.BuildAttestation, error)
	BuildStatement(ctx context.Context, s attest.Subject, b image.BuildAttestation) ([]byte, error)
}

// Cataloger makes the SBOM of an image, unpacking below tempDir, and shows the files
// to those who look.
type Cataloger func(ctx context.Context, s attest.Subject, content v1.Image, tempDir string, looks ...catalog.Look) (catalog.SBOM, error)

// SecretSearch looks for secrets in the files of one image.
type SecretSearch interface {
	Look(ctx context.Context, path, layer string, content io.Reader) error
	Report() secrets.Report
}

// Scanner finds the vulnerabilities of what an SBOM lists.
type Scanner interface {
	Info() finding.Database
	Notes() []string // what a person should know about the database
	Scan(ctx context.Context, bom catalog.SBOM) (finding.Scan, error)
}

// Signer signs statements, and images themselves.
type Signer interface {
	Sign(ctx context.Context, st attest.Statement) (attest.Envelope, error)
	SignImage(ctx context.Context, s attest.Subject, version string) (attest.Signature, error)
}

// Store attaches envelopes to an image and lists what is attached in its format.
type Store interface {
	Lister
	Format() store.Format
	// StatementType is the version of in-toto statements that its readers expect.
	StatementType() string
	Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (*store.Watched, error)
}

// Progress is told of each stage as it begins and ends.
type Progress interface {
	// Stage begins a stage. The returned function ends it, with what came of it.
	Stage(name string) func(outcome string, err error)
}

// Job is what a run is asked for.
type Job struct {
	Reference    string
	Platforms    []string           // of an index; none: all
	Formats      []catalog.Format   // of the SBOMs to attest
	Build        *evidence.Build    // to attest as provenance; nil: none
	Further      []string           // types of what else is made of every image
	Release      string             // the tag in the sources that a release is of
	Made         []attest.Predicate // of what was gathered before the run, for every image
	Brought      []attest.Predicate // what the user brings
	Reuse        bool               // take an SBOM that this signer attested earlier, if the image would give the same
	ReuseFor     time.Duration      // unless the image was last read longer ago than that; zero: any time
	Push         bool               // false: everything but writing to the registry
	SignImage    bool               // sign the image itself, too, if it is pushed
	History      bool               // keep this signer's earlier attestations
	Rules        policy.Rules
	VEX          []vex.Document // what others say about findings
	Attested     bool           // believe VEX documents that are attested to the image, too
	Waivers      waiver.File
	SayVerdict   bool            // attest the verdict, too
	RenewVerdict bool            // attest it where an earlier verdict of this signer would stay
	Notes        []string        // what a person should know of what was gathered
	Version      string          // of this program, for reports and for what the verdict says
	Makers       string          // the versions of all that an SBOM depends on besides the image
	CI           json.RawMessage // what the job's host says about itself, for the policies; nil: no CI job
	TempDir      string          // layers are unpacked below it
	Again        Again           // how to check this run, for the reports
}

// Again is how anybody can check what a run came to: flags, as a shell takes them.
type Again struct {
	Trust []string // of verify and gate: whom to believe, and where to look
	Gate  []string // of gate: what is asked for
}

// Identity is who signs and who is believed.
type Identity struct {
	Signer Signer
	Own    verify.Trust // in the signer alone
	Others verify.Trust // in those who are believed besides
}

// Trust is in everybody who is believed.
func (i Identity) Trust() verify.Trust { return i.Own.And(i.Others) }

// Rooms is who does the work. Database may be nil: no scan. It is opened once
// the image is known to be there, and before anything of it is pulled.
type Rooms struct {
	Images     Images
	Catalog    Cataloger
	Inputs     func(catalog.SBOM) (string, error) // a digest of all that scans read of an SBOM; nil: none is reused
	Database   func(ctx context.Context) (Scanner, error)
	Secrets    func() (SecretSearch, error) // begins one
	Identify   func() (Identity, error)     // waits until the signer is ready; asked more than once, from several goroutines
	Stores     []Store                      // each is given the complete set
	Elsewhere  []Store                      // not written to, unless something of this signer there would become stale
	Signatures SignatureStore
	Attached   Lister // everything that is attached, in every format
	Progress   Progress
	Now        func() time.Time
}

// Document is an SBOM as written.
type Document struct {
	Format  catalog.Format
	Content []byte
}

// Result is what came of a run. On an error it holds what there was until then.
type Result struct {
	Version    string // of this program
	Again      Again  // how to check what came of it
	Reference  string // as it was asked for
	Subject    attest.Subject
	Facts      image.Facts
	Platform   string          // of an image that belongs to an index
	Platforms  []Result        // of an index, one for each image
	System     string          // the operating system in the image; empty: none
	Files      *catalog.Files  // nil: nobody has read them
	Secrets    *secrets.Report // nil: nobody has looked for any
	Ecosystems []catalog.Ecosystem
	Packages   []catalog.Package
	SBOMs      []Document
	Origin     attest.Origin     // of the SBOM, with when the image was read; its zero value: of an index, or nobody says
	Unread     []finding.Gap     // what nobody looked at; of an index, in any of its images
	Reused     bool              // the SBOMs are those of an earlier run; no layer was pulled
	Scan       *finding.Scan     // nil: no scan was asked for
	ScanBody   []byte            // the scan as attested
	Attached   []verify.Verified // this run's own, as read back
	Examination
	Pushed    bool
	Signed    string // who signed the image itself; empty: nobody
	Unchanged int    // attestations that were there already, just so
	Verdict   policy.Verdict
	Failure   error    // why there is no verdict; nil: there is one
	Notes     []string // what a person should know besides
}

// Run does the whole job: resolve, catalog, scan, make predicates, sign,
// attach, read back, verify, gate. The error says why there is no verdict; a
// verdict that denies is not an error.
func Run(ctx context.Context, job Job, rooms Rooms) (Result, error) {
	r := newRun(job, rooms)
	r.result.Notes = slices.Clone(job.Notes)
	err := r.unlessUnidentified(ctx, r.all)
	r.result.Failure = err
	return r.result, err
}

// unlessUnidentified does work, and gives it up as soon as it is known that there is
// nobody to sign what comes of it.
func (r *run) unlessUnidentified(ctx context.Context, work func(ctx context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if _, err := r.Identify(); err != nil {
			cancel(err)
		}
	}()
	err := work(ctx)
	if _, unidentified := r.Identify(); unidentified != nil {
		return unidentified
	}
	return err
}

// identify waits until it is known who signs and who is believed.
func (r *run) identify() (err error) {
	if !r.identified() { // it is read by those who watch what was written, too
		r.Identity, err = r.Identify()
	}
	return err
}

// identified reports whether this run knows it already.
func (r *run) identified() bool { return r.Signer != nil }

// all does the job, for an image or an index.
func (r *run) all(ctx context.Context) error {
	opened, err := r.open(ctx)
	if err != nil {
		return err
	}
	scanner, err := r.openDatabase(ctx)
	if err != nil {
		return err
	}
	if opened.IsIndex() {
		r.readBuildKit(ctx)
		err = r.runIndex(ctx, opened, scanner)
	} else {
		err = r.runImage(ctx, opened.Images()[0], scanner)
	}
	if err != nil {
		return err
	}
	r.noteUnmatched()
	r.warnIfMoved(ctx)
	return ctx.Err()
}

// runImage does the job for one image.
func (r *run) runImage(ctx context.Context, img image.Image, scanner Scanner) error {
	predicates, err := r.inspect(ctx, img, scanner)
	if err != nil {
		return err
	}
	if err := r.mark(ctx, predicates); err != nil {
		return err
	}
	_, err = r.seal(ctx)
	return err
}
