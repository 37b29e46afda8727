package pipeline_test

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/demo"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

const provenanceType = "https://slsa.dev/provenance/v1"

// What BuildKit left is referred to by the image that it is about and by the index.
// One that is about something else is told, and used by nobody.
func TestProvenanceRefersToThatOfBuildKit(t *testing.T) {
	p := newPlace(t)
	vulnerable, _ := demo.Releases()
	one := sample(t, vulnerable)
	two, err := mutate.Config(one, v1.Config{Labels: map[string]string{"second": "yes"}})
	must(t, err)
	good, about := p.pushBuilt(t, map[string]v1.Image{"amd64": one, "arm64": two})

	job := p.job()
	job.Build = &evidence.Build{Job: ci.Context{Host: ci.GitLab, RepositoryURL: "https://gitlab.com/team/shop"}}
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)

	for _, r := range append(result.Platforms, result) {
		body := predicateOf(t, r, provenanceType)
		whole := r.Subject.Hex() == result.Subject.Hex()
		if refers := strings.Contains(body, good); refers != (whole || "sha256:"+r.Subject.Hex() == about) {
			t.Errorf("%s %s refers to BuildKit's provenance: %v\n%s", r.Platform, r.Subject, refers, body)
		}
	}
	if notes := strings.Join(result.Notes, "; "); !strings.Contains(notes, "is not used: it is kept for") || !strings.Contains(notes, "and is about another image") {
		t.Errorf("notes %q", notes)
	}
}

func TestWhatIsMadeComesInAStableOrder(t *testing.T) {
	p := newPlace(t)
	job := p.job()
	job.Formats = []catalog.Format{catalog.CycloneDX}
	job.Build = &evidence.Build{}
	job.Further, job.Release = []string{attest.TypeRelease, attest.TypeLicences, attest.TypeImage}, "v1"
	job.Made = []attest.Predicate{{Type: attest.TypeTestResult, Body: []byte(`{"result":"PASSED"}`)}}
	job.Brought = []attest.Predicate{reviewThat(t, "approved")}
	job.Notes = []string{"something to know"}
	result, err := pipeline.Run(t.Context(), job, p.rooms)
	must(t, err)
	want := []string{
		attest.TypeCycloneDX, attest.TypeVuln, attest.TypeSLSA1, attest.TypeRelease, attest.TypeLicences, attest.TypeImage, attest.TypeTestResult, review,
	}
	if got := typesOf(result.Attached); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("have %v\nwant %v", got, want)
	}
	if result.Notes[0] != "something to know" {
		t.Errorf("notes %q", result.Notes)
	}
	job.Further = []string{review}
	_, err = pipeline.Run(t.Context(), job, p.rooms)
	refused(t, err, "nothing makes it")
}

func predicateOf(t *testing.T, r pipeline.Result, uri string) string {
	t.Helper()
	for _, v := range r.Attached {
		if v.PredicateType() == uri {
			return string(v.Statement().Predicate)
		}
	}
	t.Fatalf("%s has no attestation of type %s", r.Subject, uri)
	return ""
}

// pushBuilt pushes an index as BuildKit makes it: each image with provenance. That of
// arm64 is about another image. It returns the digest of the good one and the image
// that it is about.
func (p *place) pushBuilt(t *testing.T, images map[string]v1.Image) (layer, about string) {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, architecture := range []string{"amd64", "arm64"} {
		digest, err := images[architecture].Digest()
		must(t, err)
		named := digest.Hex
		if architecture == "arm64" {
			named = strings.Repeat("00", 32)
		}
		statement := static.NewLayer([]byte(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"`+provenanceType+`","subject":[{"name":"x","digest":{"sha256":"`+
			named+`"}}],"predicate":{}}`), "application/vnd.in-toto+json")
		held, err := mutate.Append(empty.Image, mutate.Addendum{Layer: statement, Annotations: map[string]string{"in-toto.io/predicate-type": provenanceType}})
		must(t, err)
		if architecture == "amd64" {
			of, err := statement.Digest()
			must(t, err)
			layer, about = of.String(), digest.String()
		}
		index = mutate.AppendManifests(index,
			mutate.IndexAddendum{Add: images[architecture], Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}}},
			mutate.IndexAddendum{Add: held, Descriptor: v1.Descriptor{
				Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
				Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest.String()},
			}})
	}
	tag, err := name.NewTag(p.reference)
	must(t, err)
	must(t, remote.WriteIndex(tag, index))
	return layer, about
}
