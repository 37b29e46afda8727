package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// The file tree answers as syft's own does: of every real image the same packages
// are found, in the same places and with the same licences.
func TestRealImagesHoldWhatSyftSees(t *testing.T) {
	if _, ok := world.Shared(); !ok {
		t.Log("the recipes of the real images are not beside this checkout: their trees were not compared")
		return
	}
	p := newPlace(t, "")
	p.keys("cosign")
	p.env = append(p.env, "SYFT_FILE_METADATA_SELECTION=none")
	names := []string{"small", "go", "oldgo", "app", "big", "multi"}
	if err := world.PushReal(t.Context(), p.host, names...); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		platforms := []string{"linux/amd64"}
		if name == "multi" {
			platforms = append(platforms, "linux/arm64")
		}
		for _, platform := range platforms {
			t.Run(name+" "+strings.ReplaceAll(platform, "/", " "), func(t *testing.T) {
				p.holdsWhatSyftSees(t, p.host+"/real/"+name, platform)
			})
		}
	}
}

func (p *place) holdsWhatSyftSees(t *testing.T, repository, platform string) {
	t.Helper()
	digest := []string{"digest", repository + ":v1"}
	if strings.HasSuffix(repository, "/multi") {
		digest = append(digest, "--platform", platform)
	}
	pinned := repository + "@" + strings.TrimSpace(p.must("crane", digest...))
	p.must("hallmark", "run", pinned, "--push=false", "--scan=false", "--key", "cosign.key", "--sbom", "cyclonedx", "--output-dir", "out")
	p.nothingLeft()
	p.must("syft", "scan", "registry:"+pinned, "-q", "-o", "cyclonedx-json@1.6=syft.cdx.json")
	ours, theirs := placed(t, p.read("out/sbom.cdx.json")), placed(t, p.read("syft.cdx.json"))
	same(t, "packages of "+pinned+" with their places and licences", ours, theirs)
	if len(ours) == 0 {
		t.Errorf("%s holds no package", pinned)
	}
}

// placed lists the packages of a CycloneDX SBOM, each with its places and licences.
func placed(t *testing.T, sbom []byte) []string {
	t.Helper()
	var decoded struct {
		Components []struct {
			Type, Name, Version, PURL, CPE string
			Licenses                       []struct {
				License    struct{ ID, Name string }
				Expression string
			}
			Properties []struct{ Name, Value string }
		}
	}
	decode(t, sbom, &decoded)
	var lines []string
	for _, c := range decoded.Components {
		if c.Type == "file" {
			continue
		}
		facts := []string{c.Type, c.Name, c.Version, c.PURL, c.CPE}
		var found []string
		for _, l := range c.Licenses {
			found = append(found, "licence "+l.License.ID+l.License.Name+l.Expression)
		}
		for _, property := range c.Properties {
			if strings.HasPrefix(property.Name, "syft:location:") || property.Name == "syft:package:foundBy" {
				found = append(found, property.Name+" "+property.Value)
			}
		}
		slices.Sort(found)
		lines = append(lines, line(append(facts, found...)...))
	}
	return lines
}
