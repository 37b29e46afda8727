package pipeline_test

import (
	"context"
	"crypto"
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/demo"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

const review = "https://example.com/review/v1"

// place is a registry with the sample image in it, and a signer.
type place struct {
	reference string
	key       sign.Key
	rooms     pipeline.Rooms
	identity  pipeline.Identity // of who runs
	stages    *stages
	temp      string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	p := &place{
		reference: strings.TrimPrefix(server.URL, "http://") + "/team/app:v1",
		key:       newKey(t),
		stages:    &stages{},
		temp:      t.TempDir(),
	}
	vulnerable, _ := demo.Releases()
	p.push(t, sample(t, vulnerable))

	access := image.Access{UserAgent: "hallmark/test"}
	att := store.NewAtt(access.Connect().RemoteOptions(), nil)
	p.identity = identity(t, p.key)
	p.rooms = pipeline.Rooms{
		Images:   image.NewRegistry(access.Connect(), image.DefaultLimits()),
		Catalog:  cataloged,
		Database: opened(scanner{}),
		Identify: func() (pipeline.Identity, error) { return p.identity, nil },
		Stores:   []pipeline.Store{att},
		Attached: att,
		Progress: p.stages,
		Now:      noon,
	}
	return p
}

// job asks for a CycloneDX SBOM and a scan, pushed, and gated on nothing.
func (p *place) job() pipeline.Job {
	return pipeline.Job{Reference: p.reference, Formats: []catalog.Format{catalog.CycloneDX}, Push: true, TempDir: p.temp}
}

func (p *place) push(t *testing.T, content v1.Image) {
	t.Helper()
	tag, err := name.NewTag(p.reference)
	must(t, err)
	must(t, remote.Write(tag, content))
}

// attached returns what the registry holds beside the image.
func (p *place) attached(t *testing.T) []store.Entry {
	t.Helper()
	s, err := p.rooms.Images.Resolve(t.Context(), p.reference)
	must(t, err)
	entries, err := p.rooms.Attached.List(t.Context(), s)
	must(t, err)
	return entries
}

// attach lets a signer attach a review, in a run of its own.
func (p *place) attach(t *testing.T, key sign.Key, says string) verify.Verified {
	t.Helper()
	rooms := p.rooms
	other := identity(t, key)
	rooms.Identify = func() (pipeline.Identity, error) { return other, nil }
	result, err := pipeline.Attest(t.Context(), pipeline.Job{Reference: p.reference, Brought: []attest.Predicate{reviewThat(t, says)}, Push: true}, rooms)
	must(t, err)
	if len(result.Attached) != 1 {
		t.Fatalf("%d result.Attached, want 1", len(result.Attached))
	}
	return result.Attached[0]
}

// reviewed is the job to attach a review to what a reference names.
func (p *place) reviewed(t *testing.T, reference string) pipeline.Job {
	t.Helper()
	return pipeline.Job{Reference: reference, Brought: []attest.Predicate{reviewThat(t, "approved")}, Push: true}
}

// tags returns the tags of the image's repository.
func (p *place) tags(t *testing.T) []string {
	t.Helper()
	tag, err := name.NewTag(p.reference)
	must(t, err)
	tags, err := remote.List(tag.Context())
	must(t, err)
	return tags
}

func reviewThat(t *testing.T, says string) attest.Predicate {
	t.Helper()
	body, err := json.Marshal(map[string]string{"says": says})
	must(t, err)
	return attest.Predicate{Type: review, Body: body}
}

// needsReview is the rule that somebody who is believed has approved.
func needsReview(t *testing.T) policy.Rules {
	t.Helper()
	path := filepath.Join(t.TempDir(), "reviewed.rego")
	must(t, os.WriteFile(path, []byte(`# METADATA
# custom:
#   predicateType: `+review+`
package sigstore

import rego.v1

default isCompliant := false

isCompliant if input.predicate.says == "approved"
`), 0o600))
	policies, err := policy.Load([]string{path}, policy.Setting{})
	must(t, err)
	return policy.Rules{Policies: policies}
}

// stages records the stages of a run and how they ended.
type stages struct {
	mu    sync.Mutex
	ended []string
}

func (s *stages) Stage(name string) func(outcome string, err error) {
	return func(outcome string, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil {
			outcome = "failed"
		}
		s.ended = append(s.ended, name+": "+outcome)
	}
}

// scanner finds what it was told to find.
type scanner struct {
	findings []finding.Finding
	err      error
}

// opened is a database that opens at once.
func opened(s scanner) func(context.Context) (pipeline.Scanner, error) {
	return func(context.Context) (pipeline.Scanner, error) { return s, nil }
}

func (s scanner) Notes() []string { return nil }

func (s scanner) Info() finding.Database {
	return finding.Database{Schema: "v6", Built: noon().Add(-time.Hour), Source: "test"}
}

func (s scanner) Scan(context.Context, catalog.SBOM) (finding.Scan, error) {
	return finding.Scan{
		Scanner:  finding.Scanner{URI: "pkg:golang/example.com/scanner@v1", Version: "v1"},
		Database: s.Info(),
		Findings: s.findings, Started: noon(), Finished: noon(),
	}, s.err
}

func critical() finding.Finding {
	return finding.Finding{
		ID: "CVE-2026-0001", Severity: finding.Critical, FixedIn: []string{"3.0.11"}, FixState: "fixed",
		Package: finding.Package{Name: "openssl", Version: "3.0.9-1", Type: "deb"},
	}
}

// cataloged is catalog.Cataloger.Image, done once for the sample image and all tests.
func cataloged(context.Context, attest.Subject, v1.Image, string, ...catalog.Look) (catalog.SBOM, error) {
	return onceCataloged()
}

var onceCataloged = sync.OnceValues(func() (catalog.SBOM, error) {
	dir, err := os.MkdirTemp("", "pipeline-test-")
	if err != nil {
		return catalog.SBOM{}, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("no program"), 0o600); err != nil {
		return catalog.SBOM{}, err
	}
	vulnerable, _ := demo.Releases()
	content, err := demo.Image(vulnerable, program)
	if err != nil {
		return catalog.SBOM{}, err
	}
	digest, err := content.Digest()
	if err != nil {
		return catalog.SBOM{}, err
	}
	ref, err := name.NewDigest("registry.example/team/app@" + digest.String())
	if err != nil {
		return catalog.SBOM{}, err
	}
	subject, err := attest.NewSubject(ref, "registry.example/team/app:v1")
	if err != nil {
		return catalog.SBOM{}, err
	}
	return catalog.New(catalog.CycloneDX, catalog.SPDX).Image(context.Background(), subject, content, dir)
})

func sample(t *testing.T, release demo.Release) v1.Image {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	must(t, os.WriteFile(program, []byte("no program"), 0o600))
	content, err := demo.Image(release, program)
	must(t, err)
	return content
}

func newKey(t *testing.T) sign.Key {
	t.Helper()
	key, err := sign.Ephemeral()
	must(t, err)
	return key
}

// identity is of a signer who believes nobody else.
func identity(t *testing.T, key sign.Key) pipeline.Identity {
	t.Helper()
	return pipeline.Identity{Signer: key, Own: trustIn(t, key)}
}

func trustIn(t *testing.T, first sign.Key, more ...sign.Key) verify.Trust {
	t.Helper()
	var others []crypto.PublicKey
	for _, k := range more {
		others = append(others, k.Public())
	}
	trust, err := verify.TrustKeys(first.Public(), others...)
	must(t, err)
	return trust
}

func noon() time.Time { return time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC) }

func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %.500q does not say %q", err, word)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
