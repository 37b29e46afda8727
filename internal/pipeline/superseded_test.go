package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// overtaking is a store in which something happens after each set was attached.
type overtaking struct {
	pipeline.Store
	t    *testing.T
	then func()
}

func (o overtaking) Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (*store.Watched, error) {
	watched, err := o.Store.Attach(ctx, s, signed, mine)
	must(o.t, err)
	_, err = watched.Settle()
	o.then()
	return watched, err
}

// at is a scanner that is done at a time.
type at struct {
	scanner
	finished time.Time
}

func (a at) Scan(ctx context.Context, bom catalog.SBOM) (finding.Scan, error) {
	scan, err := a.scanner.Scan(ctx, bom)
	scan.Finished = a.finished
	return scan, err
}

func scansAt(finished time.Time, findings ...finding.Finding) func(context.Context) (pipeline.Scanner, error) {
	return func(context.Context) (pipeline.Scanner, error) {
		return at{scanner: scanner{findings: findings}, finished: finished}, nil
	}
}

// What another job of the same signer attached meanwhile stands for this run's, if it
// is not older. The run is judged by both, so that neither hides what the other found.
func TestARunThatIsOvertaken(t *testing.T) {
	tests := []struct {
		name          string
		own, other    []finding.Finding
		after         time.Duration // that the other was made
		verdict       policy.Outcome
		fails, stolen bool // stolen: the other is of another signer
	}{
		{name: "both clean", after: time.Minute, verdict: policy.Pass},
		{name: "own finds more", own: []finding.Finding{critical()}, after: time.Minute, verdict: policy.Deny},
		{name: "the other finds more", other: []finding.Finding{critical()}, after: time.Minute, verdict: policy.Deny},
		{name: "by an older one", after: -time.Minute, fails: true},
		{name: "by another signer", after: time.Minute, fails: true, stolen: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			rooms := p.rooms
			other := p.rooms
			other.Database = scansAt(noon().Add(test.after), test.other...)
			if test.stolen {
				thief := identity(t, newKey(t))
				other.Identify = func() (pipeline.Identity, error) { return thief, nil }
			}
			cutoff, err := finding.ParseCutoff("critical")
			must(t, err)
			job := p.job()
			job.Formats, job.Rules = nil, policy.Rules{Cutoff: cutoff}
			rooms.Database = scansAt(noon(), test.own...)
			rooms.Stores = []pipeline.Store{overtaking{rooms.Stores[0], t, func() {
				if test.stolen {
					p.clear(t)
				}
				_, err := pipeline.Run(t.Context(), job, other)
				must(t, err)
			}}}
			result, err := pipeline.Run(t.Context(), job, rooms)
			if test.fails {
				refused(t, err, "the attestation of type vuln is not there")
				return
			}
			must(t, err)
			if result.Verdict.Outcome != test.verdict {
				t.Errorf("verdict %s, want %s", result.Verdict.Outcome, test.verdict)
			}
			if notes := strings.Join(result.Notes, "; "); !strings.Contains(notes, "another job of this signer attached an attestation of type vuln") {
				t.Errorf("notes %q do not tell", notes)
			}
		})
	}
}

// meddling is a store in which something happens after the first set was attached
// and before it is known to stay, or before the second one is attached.
type meddling struct {
	pipeline.Store
	first, second func()
	sets          int
}

func (m *meddling) Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (*store.Watched, error) {
	if m.sets++; m.sets == 2 && m.second != nil {
		m.second()
	}
	watched, err := m.Store.Attach(ctx, s, signed, mine)
	if m.sets == 1 && m.first != nil {
		m.first()
	}
	return watched, err
}

// Who overwrites the tag right after the first write, without having seen it, takes
// nothing away: it is written again, and gated then.
func TestWhatIsOverwrittenBeforeTheGateIsWrittenAgain(t *testing.T) {
	p := newPlace(t)
	job := p.gated(t)
	p.rooms.Stores = []pipeline.Store{&meddling{Store: p.rooms.Stores[0], first: func() { p.clear(t) }}}
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if result.Verdict.Outcome != policy.Pass || len(result.Attached) != 3 {
		t.Errorf("verdict %s, attached %d", result.Verdict.Outcome, len(result.Attached))
	}
	entries, err := p.rooms.Attached.List(t.Context(), result.Subject)
	must(t, err)
	if len(entries) != 3 {
		t.Errorf("%d are attached, want the SBOM, the scan and the verdict", len(entries))
	}
}

// Another job of the same signer that attaches a newer scan between this run's gate
// and its verdict has the verdict made again, about what both found.
func TestAVerdictThatIsOvertakenIsMadeAgain(t *testing.T) {
	p := newPlace(t)
	job := p.gated(t)
	other := p.rooms
	other.Database = scansAt(noon().Add(time.Minute), critical())
	p.rooms.Database = scansAt(noon())
	p.rooms.Stores = []pipeline.Store{&meddling{Store: p.rooms.Stores[0], second: func() {
		result, err := pipeline.Run(t.Context(), job, other)
		must(t, err)
		if result.Verdict.Outcome != policy.Deny {
			t.Errorf("the other job: %s", result.Verdict.Outcome)
		}
	}}}
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if result.Verdict.Outcome != policy.Deny {
		t.Errorf("verdict %s, want that of both", result.Verdict.Outcome)
	}
	if verdicts := verdictsIn(result.Verified); len(verdicts) != 1 || !strings.Contains(verdicts[0], `"FAILED"`) {
		t.Errorf("attested are the verdicts %q", verdicts)
	}
}

// verdictsIn returns the verdicts among what is believed, as attested.
func verdictsIn(verified []verify.Verified) []string {
	var verdicts []string
	for _, v := range verified {
		if v.PredicateType() == attest.TypeVSA {
			verdicts = append(verdicts, string(v.Statement().Predicate))
		}
	}
	return verdicts
}

// secondOf is a store in which something happens before the second set of one subject
// is attached.
type secondOf struct {
	pipeline.Store
	subject func(attest.Subject) bool
	then    func(attest.Subject)
	sets    *atomic.Int32
}

func (m secondOf) Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (*store.Watched, error) {
	if m.subject(s) && m.sets.Add(1) == 2 {
		m.then(s)
	}
	return m.Store.Attach(ctx, s, signed, mine)
}

// An index is marked while its images are still watched. If one of these is judged
// again, so is the index.
func TestAnIndexIsJudgedAgainWithItsImages(t *testing.T) {
	p := newPlace(t)
	p.pushIndex(t)
	job := p.gated(t)
	opened, err := p.rooms.Images.OpenAll(t.Context(), p.reference, nil)
	must(t, err)
	image := opened.Images()[1].Subject()
	other := p.rooms
	other.Database = scansAt(noon().Add(time.Minute), critical())
	p.rooms.Database = scansAt(noon())
	p.rooms.Stores = []pipeline.Store{secondOf{
		Store: p.rooms.Stores[0], sets: new(atomic.Int32),
		subject: func(s attest.Subject) bool { return s.Hex() == image.Hex() },
		then: func(s attest.Subject) {
			job := job
			job.Reference = s.String()
			if _, err := pipeline.Run(t.Context(), job, other); err != nil {
				t.Errorf("the other job: %v", err)
			}
		},
	}}
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if got := []policy.Outcome{result.Platforms[0].Verdict.Outcome, result.Platforms[1].Verdict.Outcome, result.Verdict.Outcome}; !slices.Equal(got, []policy.Outcome{
		policy.Pass, policy.Deny, policy.Deny,
	}) {
		t.Errorf("verdicts of the images and the index %v", got)
	}
	attached, err := pipeline.Examine(t.Context(), p.rooms.Attached, result.Subject, p.identity.Own)
	must(t, err)
	if verdicts := verdictsIn(attached.Verified); len(verdicts) != 1 || !strings.Contains(verdicts[0], `"FAILED"`) {
		t.Errorf("attested to the index are the verdicts %q", verdicts)
	}
}

// failsLast is a store in which one subject gets nothing, once all is attached to
// another, and after something happened to that.
type failsLast struct {
	pipeline.Store
	first, last attest.Subject
	sets        int // of the first
	then        func(first attest.Subject)
	attached    chan struct{}
}

func (f failsLast) Attach(ctx context.Context, s attest.Subject, signed []store.Signed, mine func(attest.Envelope) bool) (*store.Watched, error) {
	if s.Hex() == f.last.Hex() {
		for range f.sets {
			<-f.attached
		}
		f.then(f.first)
		return nil, errors.New("the registry is full")
	}
	watched, err := f.Store.Attach(ctx, s, signed, mine)
	f.attached <- struct{}{}
	return watched, err
}

// What was attached to one image stays, even if nothing can be attached to another one:
// what the tag held of others is in it.
func TestAnImageThatFailsLosesNothingOfTheOthers(t *testing.T) {
	p := newPlace(t)
	p.pushIndex(t)
	opened, err := p.rooms.Images.OpenAll(t.Context(), p.reference, nil)
	must(t, err)
	first, last := opened.Images()[0].Subject(), opened.Images()[1].Subject()
	att := p.rooms.Stores[0]
	p.rooms.Stores = []pipeline.Store{failsLast{Store: att, first: first, last: last, sets: 2, attached: make(chan struct{}, 9), then: func(s attest.Subject) {
		tag, err := store.NewAtt(nil, nil).Location(s)
		if err == nil {
			err = remote.Delete(tag)
		}
		if err != nil {
			t.Errorf("removing what is attached to the first: %v", err)
		}
	}}}
	_, err = pipeline.Run(t.Context(), p.gated(t), p.rooms)
	refused(t, err, "platform linux/arm64: the registry is full")
	entries, err := att.List(t.Context(), first)
	must(t, err)
	if len(entries) != 3 {
		t.Errorf("%d are attached, want the SBOM, the scan and the verdict", len(entries))
	}
}

// gated is a job with a cutoff, whose verdict is attested.
func (p *place) gated(t *testing.T) pipeline.Job {
	t.Helper()
	cutoff, err := finding.ParseCutoff("critical")
	must(t, err)
	job := p.job()
	job.Rules, job.SayVerdict = policy.Rules{Cutoff: cutoff}, true
	return job
}

// clear removes what is attached to the image.
func (p *place) clear(t *testing.T) {
	t.Helper()
	s, err := p.rooms.Images.Resolve(t.Context(), p.reference)
	must(t, err)
	tag, err := store.NewAtt(nil, nil).Location(s)
	must(t, err)
	must(t, remote.Delete(tag))
}

// Jobs of one signer at once all succeed, and leave one attestation of a type in
// each format.
func TestManyJobsOfOneSignerAtOnce(t *testing.T) {
	p := newPlace(t)
	p.inBoth()
	var group sync.WaitGroup
	for i := range 6 {
		job := p.reviewed(t, p.reference)
		job.Brought = []attest.Predicate{reviewThat(t, fmt.Sprint(i)), {Type: attest.TypeSLSA1, Body: fmt.Appendf(nil,
			`{"runDetails":{"metadata":{"finishedOn":"2026-11-02T10:00:%02dZ"}},"by":"%d"}`, i%3, i)}}
		group.Go(func() {
			if _, err := pipeline.Attest(t.Context(), job, p.rooms); err != nil {
				t.Errorf("job %d: %v", i, err)
			}
		})
	}
	group.Wait()
	s, err := p.rooms.Images.Resolve(t.Context(), p.reference)
	must(t, err)
	for _, one := range p.rooms.Stores {
		entries, err := one.List(t.Context(), s)
		must(t, err)
		if len(entries) != 2 {
			t.Errorf("%s: %d attached, want one of each of 2 types", one.Format(), len(entries))
		}
	}
}
