package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/demo"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// pushIndex replaces the place's image by an index of two platforms.
func (p *place) pushIndex(t *testing.T) {
	t.Helper()
	vulnerable, fixed := demo.Releases()
	index := mutate.AppendManifests(empty.Index,
		mutate.IndexAddendum{Add: sample(t, vulnerable), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: sample(t, fixed), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "arm64"}}},
	)
	tag, err := name.NewTag(p.reference)
	must(t, err)
	must(t, remote.WriteIndex(tag, index))
}

// One platform that fails fails the job, says which, and leaves nothing behind.
func TestAPlatformThatFails(t *testing.T) {
	p := newPlace(t)
	p.pushIndex(t)
	failure := errors.New("the disk is full")
	_, fixed := demo.Releases()
	arm, err := sample(t, fixed).Digest()
	must(t, err)
	p.rooms.Catalog = func(ctx context.Context, s attest.Subject, content v1.Image, dir string, _ ...catalog.Look) (catalog.SBOM, error) {
		if s.Hex() == arm.Hex {
			return catalog.SBOM{}, failure
		}
		return cataloged(ctx, s, content, dir)
	}
	result, err := pipeline.Run(t.Context(), p.job(), p.rooms)
	refused(t, err, "platform linux/arm64: the disk is full")
	if result.Pushed || len(result.Platforms) != 2 {
		t.Errorf("result %+v", result)
	}
	for _, tag := range p.tags(t) {
		if strings.HasSuffix(tag, ".att") {
			t.Errorf("%s was left behind", tag)
		}
	}
}

func TestAnIndexAndItsImagesAreMarked(t *testing.T) {
	p := newPlace(t)
	p.pushIndex(t)
	p.rooms.Database = opened(scanner{findings: []finding.Finding{critical()}})
	job := p.job()
	job.Formats = []catalog.Format{catalog.CycloneDX, catalog.SPDX}
	job.Brought = []attest.Predicate{reviewThat(t, "approved")}
	job.Rules = needsReview(t)
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)

	want := []string{attest.TypeCycloneDX, attest.TypeSPDX, attest.TypeVuln, review}
	for _, r := range append(result.Platforms, result) {
		if got := typesOf(r.Attached); !slices.Equal(got, want) {
			t.Errorf("%s %s has %v, want %v", r.Platform, r.Subject, got, want)
		}
	}
	if result.Verdict.Outcome != policy.Pass || len(result.Verdict.Results) != 3 {
		t.Errorf("verdict %+v", result.Verdict)
	}
	var scan finding.Predicate
	must(t, json.Unmarshal(result.ScanBody, &scan))
	var summary finding.Summary
	must(t, json.Unmarshal(scan.Scanner.Result, &summary))
	if len(summary.Findings) != 1 || !slices.Equal(summary.Findings[0].Platforms, []string{"linux/amd64", "linux/arm64"}) {
		t.Errorf("findings of the index: %+v", summary.Findings)
	}
	for i, platform := range []string{"linux/amd64", "linux/arm64"} {
		s := summary.Platforms[i]
		if s.Platform != platform || s.Digest != result.Platforms[i].Subject.Digest().DigestStr() || s.Counts.Effective.Critical != 1 {
			t.Errorf("platform %d of the index: %+v", i, s)
		}
	}
}

// The verdict is that of the worst platform, whatever the index says.
func TestOnePlatformDeniesForAll(t *testing.T) {
	p := newPlace(t)
	p.pushIndex(t)
	job := p.job()
	job.Rules = needsReview(t)
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if result.Verdict.Outcome != policy.Undecided || result.Platforms[1].Verdict.Outcome != policy.Undecided {
		t.Errorf("nothing was reviewed: %+v", result.Verdict)
	}
	if platform := result.Verdict.Results[2].Platform; platform != "linux/arm64" {
		t.Errorf("the last result is about %q", platform)
	}
}

func TestOnlyThePlatformsThatAreAskedFor(t *testing.T) {
	p := newPlace(t)
	p.pushIndex(t)
	job := p.job()
	job.Platforms = []string{"linux/arm64"}
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	if len(result.Platforms) != 1 || result.Platforms[0].Platform != "linux/arm64" || result.Verdict.Outcome != policy.Pass {
		t.Errorf("platforms %+v, verdict %+v", result.Platforms, result.Verdict)
	}
	// Whoever deploys the index may run the other platform.
	if n := len(p.attached(t)); n != 0 {
		t.Errorf("%d attestations of the index, of which a platform was left out", n)
	}
	if notes := strings.Join(result.Notes, "; "); !strings.Contains(notes, "the index itself was not marked: linux/amd64 was not examined") {
		t.Errorf("notes %q", notes)
	}
}

func typesOf(verified []verify.Verified) []string {
	var out []string
	for _, v := range verified {
		out = append(out, v.PredicateType())
	}
	return out
}
