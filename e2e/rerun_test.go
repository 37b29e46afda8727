package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// A second run renews this signer's attestations and leaves everybody else's
// alone, so that re-runs neither pile up nor destroy.
func TestSecondRunReplacesItsOwnAndNoOther(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	image := pinned.String()
	p.withoutReferrers(pinned)
	p.keys("cosign")
	p.keys("other")
	p.file("approval.json", `{"by":"the release team"}`)
	p.file("foreign.json", `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}`)
	p.cosignAttest("other.key", "cyclonedx", "foreign.json", image) // of a type that the run writes too
	p.cosignAttest("cosign.key", typeOfOurOwn, "approval.json", image)
	before := p.attached(pinned)

	run := []string{"run", image, "--key", "cosign.key", "--vuln-db", database, "--vuln-db-max-age", anyAge, "--output-dir", "out"}
	p.must("hallmark", run...)
	first := p.attached(pinned)
	p.must("hallmark", run...)
	second := p.attached(pinned)

	if want := len(before) + 2; len(first) != want { // an SBOM and a scan
		t.Errorf("%d attestations after the first run, want %d", len(first), want)
	}
	if len(second) != len(first) {
		t.Errorf("%d attestations after the second run, %d after the first", len(second), len(first))
	}
	for _, digest := range before {
		if !slices.Contains(first, digest) || !slices.Contains(second, digest) {
			t.Errorf("the attestation %s of cosign is gone", digest)
		}
	}
	if got := p.cosignVerify("other.pub", "cyclonedx", image); got.code != 0 {
		t.Errorf("cosign no longer accepts the other key's attestation:\n%s", got.stderr)
	}
	if got := p.cosignVerify("cosign.pub", typeOfOurOwn, image); got.code != 0 {
		t.Errorf("cosign no longer accepts its own attestation:\n%s", got.stderr)
	}
}

// attached returns the digests of the layers of an image's .att tag.
func (p *place) attached(image name.Digest) []string {
	p.t.Helper()
	tag := image.Context().Tag(strings.Replace(image.DigestStr(), ":", "-", 1) + ".att")
	attestations, err := remote.Image(tag, remote.WithContext(p.t.Context()))
	if err != nil {
		p.t.Fatal(err)
	}
	manifest, err := attestations.Manifest()
	if err != nil {
		p.t.Fatal(err)
	}
	var digests []string
	for _, layer := range manifest.Layers {
		digests = append(digests, layer.Digest.String())
	}
	return digests
}

// withoutReferrers checks that the registry is one without the referrers API:
// what is attached to the .att tag must not need it.
func (p *place) withoutReferrers(image name.Digest) {
	p.t.Helper()
	url := "http://" + p.host + "/v2/" + image.Context().RepositoryStr() + "/referrers/" + image.DigestStr()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, url, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		p.t.Error(err)
	}
	if response.StatusCode != http.StatusNotFound {
		p.t.Errorf("asking the registry for referrers: status %d, want 404", response.StatusCode)
	}
}
