package pipeline_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/demo"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Whichever stage fails, nothing was pushed before it, and its error is told.
func TestAStageThatFailsEndsTheRun(t *testing.T) {
	failure := errors.New("the disk is full")
	tests := []struct {
		stage string
		fail  func(p *place, job *pipeline.Job)
	}{
		{"resolve", func(p *place, job *pipeline.Job) { job.Reference = p.reference + "-none" }},
		{"catalog", func(p *place, _ *pipeline.Job) {
			p.rooms.Catalog = func(context.Context, attest.Subject, v1.Image, string, ...catalog.Look) (catalog.SBOM, error) {
				return catalog.SBOM{}, failure
			}
		}},
		{"scan", func(p *place, _ *pipeline.Job) { p.rooms.Database = opened(scanner{err: failure}) }},
		{"sign", func(p *place, _ *pipeline.Job) { p.identity.Signer = failingSigner{p.identity.Signer, failure} }},
		{"sign", func(_ *place, job *pipeline.Job) {
			job.Brought = []attest.Predicate{{Type: review, Body: []byte("{")}}
		}},
		{"attach", func(p *place, _ *pipeline.Job) {
			p.rooms.Stores = []pipeline.Store{failingStore{p.rooms.Stores[0], failure}}
		}},
	}
	for _, test := range tests {
		t.Run(test.stage, func(t *testing.T) {
			p := newPlace(t)
			job := p.job()
			test.fail(p, &job)
			result, err := pipeline.Run(t.Context(), job, p.rooms)
			if err == nil {
				t.Fatal("no error")
			}
			if last := p.stages.ended[len(p.stages.ended)-1]; last != test.stage+": failed" {
				t.Errorf("stages %v", p.stages.ended)
			}
			if result.Pushed || result.Verdict.Outcome != policy.Undecided || len(result.Attached) != 0 {
				t.Errorf("result %+v", result)
			}
			if tags := p.tags(t); !slices.Equal(tags, []string{"v1"}) {
				t.Errorf("tags %v, want the image's only", tags)
			}
		})
	}
}

// A key takes its time to be decrypted. If it turns out that nobody can sign, the
// run is given up in the middle of whatever it does, and that is what is told.
func TestARunThatNobodyCanSignIsGivenUp(t *testing.T) {
	p := newPlace(t)
	underway := make(chan struct{})
	p.rooms.Catalog = func(ctx context.Context, _ attest.Subject, _ v1.Image, _ string, _ ...catalog.Look) (catalog.SBOM, error) {
		close(underway)
		<-ctx.Done()
		return catalog.SBOM{}, ctx.Err()
	}
	p.rooms.Identify = sync.OnceValues(func() (pipeline.Identity, error) {
		<-underway
		return pipeline.Identity{}, errors.New("the password does not fit")
	})
	result, err := pipeline.Run(t.Context(), p.job(), p.rooms)
	refused(t, err, "the password does not fit")
	if !errors.Is(result.Failure, err) || result.Pushed || len(p.tags(t)) != 1 {
		t.Errorf("failure %v, pushed %v, tags %v", result.Failure, result.Pushed, p.tags(t))
	}
}

// What is attached decides nothing while nobody knows whom to believe.
func TestNobodyIsBelievedByThoseWhoDoNotKnowWho(t *testing.T) {
	unknown := newPlace(t)
	unknown.rooms.Identify = func() (pipeline.Identity, error) { return pipeline.Identity{}, errors.New("no key") }
	if _, err := pipeline.Rescan(t.Context(), unknown.job(), unknown.rooms); err == nil || err.Error() != "no key" {
		t.Errorf("nothing is attached: %v, want that there is no key", err)
	}
	p := newPlace(t)
	p.attach(t, p.key, "approved")
	p.rooms.Identify = unknown.rooms.Identify
	for name, work := range map[string]func(context.Context, pipeline.Job, pipeline.Rooms) (pipeline.Result, error){
		"run": pipeline.Run, "attest": pipeline.Attest, "rescan": pipeline.Rescan,
		"sign": func(ctx context.Context, job pipeline.Job, rooms pipeline.Rooms) (pipeline.Result, error) {
			return pipeline.Sign(ctx, job.Reference, rooms)
		},
	} {
		job := p.job()
		job.Attested = true
		_, err := work(t.Context(), job, p.rooms)
		if err == nil || err.Error() != "no key" {
			t.Errorf("%s: %v, want that there is no key", name, err)
		}
	}
}

// What a run has when it fails is kept for the reports.
func TestAFailedScanLeavesTheSBOM(t *testing.T) {
	p := newPlace(t)
	p.rooms.Database = opened(scanner{err: errors.New("no database")})
	result, err := pipeline.Run(t.Context(), p.job(), p.rooms)
	refused(t, err, "no database")
	if len(result.SBOMs) != 1 || len(result.Ecosystems) == 0 || result.Scan != nil {
		t.Errorf("%d SBOMs, ecosystems %v, scan %v", len(result.SBOMs), result.Ecosystems, result.Scan)
	}
}

// Having written is no proof: what is not read back and verified is an error.
func TestWhatIsNotReadBackIsNotAttached(t *testing.T) {
	stranger := newKey(t)
	tests := []struct {
		name  string
		spoil func(p *place)
		says  string
	}{
		{"a registry that forgets", func(p *place) {
			p.rooms.Stores = []pipeline.Store{forgetful{p.rooms.Stores[0]}}
		}, "the attestation of type cyclonedx is not there"},
		{"a signer who is not trusted", func(p *place) {
			p.identity.Own = trustIn(t, stranger)
		}, "its own attestation of type cyclonedx: not signed by a trusted signer"},
		{"trust in nobody", func(p *place) {
			p.identity.Own = verify.Trust{}
		}, "no signer is trusted"},
		{"an attestation that cannot be read", func(p *place) {
			p.rooms.Attached = unreadable{p.rooms.Attached}
		}, "the registry broke the connection"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			test.spoil(p)
			result, err := pipeline.Run(t.Context(), p.job(), p.rooms)
			refused(t, err, test.says)
			if result.Verdict.Outcome != policy.Undecided || len(result.Verdict.Results) != 0 {
				t.Errorf("verdict %+v", result.Verdict)
			}
		})
	}
}

func TestTheEndOfTheJobIsNoVerdict(t *testing.T) {
	p := newPlace(t)
	ctx, cancel := context.WithCancel(t.Context())
	rules := needsReview(t)
	p.rooms.Now = func() time.Time { cancel(); return noon() } // asked for by the gate
	job := p.job()
	job.Rules = rules
	result, err := pipeline.Run(ctx, job, p.rooms)
	if !errors.Is(err, context.Canceled) || result.Verdict.Outcome == policy.Pass {
		t.Errorf("error %v, verdict %s", err, result.Verdict.Outcome)
	}
}

// An attestation of somebody who is not trusted is shown, and decides nothing.
func TestAnotherSignersWordDecidesNothing(t *testing.T) {
	p := newPlace(t)
	stranger := newKey(t)
	theirs := p.attach(t, stranger, "approved")
	job := p.job()
	job.Rules = needsReview(t)

	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if result.Verdict.Outcome != policy.Undecided {
		t.Errorf("verdict %s, want undecided", result.Verdict.Outcome)
	}
	if len(result.Rejected) != 1 || result.Rejected[0].Digest != theirs.Envelope().Digest() || result.Rejected[0].ClaimedType != review {
		t.Fatalf("rejected %+v", result.Rejected)
	}
	refused(t, result.Rejected[0].Reason, "not signed by a trusted signer")
	if entries := p.attached(t); len(entries) != 3 || entries[0].Digest != theirs.Envelope().Digest() {
		t.Errorf("their attestation is not kept in its place: %+v", entries)
	}

	p.identity.Others = trustIn(t, stranger)
	result, err = pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if result.Verdict.Outcome != policy.Pass || len(result.Rejected) != 0 || len(result.Verified) != 3 {
		t.Errorf("trusted: verdict %+v, rejected %v", result.Verdict, result.Rejected)
	}
}

func TestATagThatMovesDuringTheRun(t *testing.T) {
	p := newPlace(t)
	_, fixed := demo.Releases()
	other := sample(t, fixed)
	p.rooms.Catalog = func(ctx context.Context, s attest.Subject, content v1.Image, dir string, _ ...catalog.Look) (catalog.SBOM, error) {
		p.push(t, other)
		return cataloged(ctx, s, content, dir)
	}
	result, err := pipeline.Run(t.Context(), p.job(), p.rooms)
	must(t, err)
	digest, err := other.Digest()
	must(t, err)
	notes := strings.Join(result.Notes, "\n")
	if !strings.Contains(notes, p.reference+" moved") || !strings.Contains(notes, digest.String()) || !strings.Contains(notes, result.Subject.String()) {
		t.Errorf("notes %q", notes)
	}
	for _, v := range result.Attached {
		if !v.Statement().About(result.Subject) {
			t.Error("an attestation is about another image than the one examined")
		}
	}
	if entries := p.attached(t); len(entries) != 0 {
		t.Errorf("%d attestations of the image that was not examined", len(entries))
	}
}

func TestATagThatVanishesIsNoted(t *testing.T) {
	p := newPlace(t)
	p.rooms.Images = vanishing{p.rooms.Images}
	result, err := pipeline.Run(t.Context(), p.job(), p.rooms)
	must(t, err)
	if notes := strings.Join(result.Notes, "\n"); !strings.Contains(notes, "could not be checked: the tag is gone") {
		t.Errorf("notes %q", notes)
	}
}

func TestWithoutAPushNothingIsWritten(t *testing.T) {
	p := newPlace(t)
	job := p.job()
	job.Push = false
	job.Brought = []attest.Predicate{reviewThat(t, "approved")}
	job.Rules = needsReview(t)
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if result.Pushed || len(result.Attached) != 3 || result.Verdict.Outcome != policy.Pass {
		t.Errorf("pushed %v, %d attestations, verdict %s", result.Pushed, len(result.Attached), result.Verdict.Outcome)
	}
	if tags := p.tags(t); !slices.Equal(tags, []string{"v1"}) {
		t.Errorf("tags %v", tags)
	}
	if !strings.Contains(strings.Join(result.Notes, "\n"), "nothing was pushed") {
		t.Errorf("notes %q", result.Notes)
	}
}

// Without a push the gate decides as it would with one: this signer's earlier
// word of the same type does not count, that of others does.
func TestWithoutAPushTheGateDecidesAsWithOne(t *testing.T) {
	for _, push := range []bool{false, true} {
		p := newPlace(t)
		p.attach(t, p.key, "approved")
		job := p.job()
		job.Push = push
		job.Brought = []attest.Predicate{reviewThat(t, "rejected")}
		job.Rules = needsReview(t)
		result, err := pipeline.Run(t.Context(), job, p.rooms)
		must(t, err)
		if result.Verdict.Outcome != policy.Deny {
			t.Errorf("push %v: verdict %s, want deny", push, result.Verdict.Outcome)
		}
	}
}

func TestTheCutoffDenies(t *testing.T) {
	p := newPlace(t)
	p.rooms.Database = opened(scanner{findings: []finding.Finding{critical()}})
	cutoff, err := finding.ParseCutoff("high")
	must(t, err)
	job := p.job()
	job.Rules = policy.Rules{Cutoff: cutoff}
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if result.Verdict.Outcome != policy.Deny || !result.Pushed {
		t.Errorf("verdict %s, pushed %v", result.Verdict.Outcome, result.Pushed)
	}
}

// The whole way with every real room.
func TestRun(t *testing.T) {
	p := newPlace(t)
	p.rooms.Catalog = catalog.New(catalog.CycloneDX, catalog.SPDX).Image
	job := p.job()
	job.Formats = []catalog.Format{catalog.CycloneDX, catalog.SPDX}
	job.Brought = []attest.Predicate{reviewThat(t, "approved")}
	job.Rules = needsReview(t)
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)

	var types []string
	for _, v := range result.Attached {
		types = append(types, attest.ShortType(v.PredicateType()))
	}
	if want := []string{"cyclonedx", "spdx", "vuln", review}; !slices.Equal(types, want) {
		t.Errorf("attached %v, want %v", types, want)
	}
	if result.Verdict.Outcome != policy.Pass || !result.Pushed || len(result.Rejected) != 0 || len(result.Notes) != 0 {
		t.Errorf("verdict %+v, pushed %v, rejected %v, notes %v", result.Verdict, result.Pushed, result.Rejected, result.Notes)
	}
	if string(result.ScanBody) != string(result.Attached[2].Statement().Predicate) {
		t.Errorf("the scan of the reports is not the one attested: %s", result.ScanBody)
	}
	wantStages := []string{
		"resolve: " + result.Subject.String(), "database: v6, built 2026-11-22 11:00 UTC", "catalog: 7 packages", "scan: 0 findings", "sign: 4 statements",
		"attach: 4 attestations", "verify: 4 attestations verified", "gate: pass",
	}
	if !slices.Equal(p.stages.ended, wantStages) {
		t.Errorf("stages %q, want %q", p.stages.ended, wantStages)
	}
	if left, err := os.ReadDir(p.temp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, error %v", left, err)
	}
}

// The same image again replaces what the first run attached and adds nothing.
func TestASecondRun(t *testing.T) {
	p := newPlace(t)
	first, err := pipeline.Run(t.Context(), p.job(), p.rooms)
	must(t, err)
	second, err := pipeline.Run(t.Context(), p.job(), p.rooms)
	must(t, err)
	if string(first.SBOMs[0].Content) != string(second.SBOMs[0].Content) {
		t.Error("the second run has another SBOM")
	}
	var got, want []string
	for _, e := range p.attached(t) {
		got = append(got, e.Digest)
	}
	for _, v := range second.Attached {
		want = append(want, v.Envelope().Digest())
	}
	if !slices.Equal(got, want) {
		t.Errorf("attached %v, want those of the second run, %v", got, want)
	}
}

func TestARunWithNothingToAttest(t *testing.T) {
	p := newPlace(t)
	p.rooms.Database = nil
	job := p.job()
	job.Formats = nil
	job.Rules = needsReview(t)
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if result.Verdict.Outcome != policy.Undecided || result.Scan != nil || len(result.Attached) != 0 {
		t.Errorf("verdict %s, scan %v, attached %v", result.Verdict.Outcome, result.Scan, result.Attached)
	}
	if tags := p.tags(t); !slices.Equal(tags, []string{"v1"}) {
		t.Errorf("tags %v", tags)
	}
}

func TestAttestRefusesWhatIsNotThere(t *testing.T) {
	p := newPlace(t)
	_, err := pipeline.Attest(t.Context(), p.reviewed(t, p.reference+"-none"), p.rooms)
	refused(t, err, "resolving "+p.reference+"-none", "no such image")

	p.rooms.Stores = []pipeline.Store{forgetful{p.rooms.Stores[0]}}
	_, err = pipeline.Attest(t.Context(), p.reviewed(t, p.reference), p.rooms)
	refused(t, err, "the attestation of type "+review+" is not there")
}

func TestExamineDividesWhatIsAttached(t *testing.T) {
	p := newPlace(t)
	believed := p.attach(t, p.key, "approved")
	stranger := p.attach(t, newKey(t), "approved")
	s, err := p.rooms.Images.Resolve(t.Context(), p.reference)
	must(t, err)
	more := []store.Entry{
		{Digest: "sha256:garbage", ClaimedType: "a", Raw: []byte("garbage")},
		{Digest: "sha256:large", ClaimedType: "b", Err: errors.New("it has too many bytes")},
	}
	got, err := pipeline.Examine(t.Context(), withMore{p.rooms.Attached, more}, s, trustIn(t, p.key))
	must(t, err)
	if len(got.Verified) != 1 || got.Verified[0].Envelope().Digest() != believed.Envelope().Digest() {
		t.Errorf("verified %+v", got.Verified)
	}
	want := map[string]string{
		stranger.Envelope().Digest(): "not signed by a trusted signer",
		"sha256:garbage":             "decoding the DSSE envelope",
		"sha256:large":               "it has too many bytes",
	}
	if len(got.Rejected) != len(want) {
		t.Errorf("rejected %+v", got.Rejected)
	}
	for _, r := range got.Rejected {
		refused(t, r.Reason, want[r.Digest])
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pipeline.Examine(ctx, withMore{nothing{}, nil}, s, trustIn(t, p.key)); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: error %v", err)
	}
}

// The stores and signers below are the real ones with one flaw each.

type failingSigner struct {
	pipeline.Signer
	err error
}

func (s failingSigner) Sign(context.Context, attest.Statement) (attest.Envelope, error) {
	return attest.Envelope{}, s.err
}

type failingStore struct {
	pipeline.Store
	err error
}

func (s failingStore) Attach(context.Context, attest.Subject, []store.Signed, func(attest.Envelope) bool) (*store.Watched, error) {
	return nil, s.err
}

type forgetful struct{ pipeline.Store }

func (forgetful) Attach(context.Context, attest.Subject, []store.Signed, func(attest.Envelope) bool) (*store.Watched, error) {
	return store.Settled(store.Receipt{}), nil
}

type unreadable struct{ pipeline.Lister }

func (s unreadable) List(ctx context.Context, subject attest.Subject) ([]store.Entry, error) {
	entries, err := s.Lister.List(ctx, subject)
	for i := range entries {
		entries[i].Raw, entries[i].Unread = nil, true
		entries[i].Err = errors.New("reading the layer: the registry broke the connection")
	}
	return entries, err
}

type vanishing struct{ pipeline.Images }

func (vanishing) Moved(context.Context, attest.Subject) (string, bool, error) {
	return "", false, errors.New("the tag is gone")
}

type withMore struct {
	pipeline.Lister
	more []store.Entry
}

func (l withMore) List(ctx context.Context, s attest.Subject) ([]store.Entry, error) {
	entries, err := l.Lister.List(ctx, s)
	return append(entries, l.more...), err
}

type nothing struct{}

func (nothing) List(context.Context, attest.Subject) ([]store.Entry, error) { return nil, nil }
