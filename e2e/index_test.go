package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

const (
	amd64 = "linux/amd64"
	arm64 = "linux/arm64"
)

// A node of a cluster is given an index and runs one of its images. The
// controller is asked about either; both must be marked, and so that one policy
// serves for both.
func TestIndexIsAdmittedLikeItsImages(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	p.keys("cosign")

	for name, c := range map[string]struct {
		vulnerable map[string]bool
		want       map[string]int // exit code of the gate, by platform; of the index: ""
	}{
		"clean":  {want: map[string]int{"": 0, amd64: 0, arm64: 0}},
		"one of": {vulnerable: map[string]bool{arm64: true}, want: map[string]int{"": 3, amd64: 0, arm64: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			p := p.in(t)
			index := p.index(strings.ReplaceAll(name, " ", "-"), c.vulnerable)
			p.must("hallmark", "run", index.Pinned.String(), "--key", "cosign.key", "--vuln-db", database, "--vuln-db-max-age", anyAge)
			for platform, want := range c.want {
				image := index.Pinned.String()
				if platform != "" {
					image = index.Images[platform].String()
				}
				p.admits(image, want)
			}
			if got := p.run("hallmark", "verify", index.Attestation.String(), "--key", "cosign.pub"); got.code != 4 || !strings.Contains(got.stderr, "nothing is attached") {
				t.Errorf("something is attached to BuildKit's attestation: exit %d\n%s%s", got.code, got.stdout, got.stderr)
			}
			if scanned := p.scanned(index.Pinned.String()); !slices.Equal(scanned, []string{amd64, arm64}) {
				t.Errorf("the scan of the index is of %v, want the two platforms", scanned)
			}
		})
	}
	t.Run("one platform chosen", func(t *testing.T) { p.in(t).onlyChosen(database) })
}

// index pushes one of two platforms.
func (p *place) index(name string, vulnerable map[string]bool) world.Index {
	p.t.Helper()
	index, err := world.PushIndex(p.t.Context(), p.host+"/index/"+name+":v1", []string{amd64, arm64}, vulnerable)
	if err != nil {
		p.t.Fatal(err)
	}
	return index
}

// admits checks that Policy Controller and the gate agree on an image: with a
// scan without critical findings and an SBOM, both or none.
func (p *place) admits(image string, want int) {
	p.t.Helper()
	rule := about("vuln", `
default isCompliant = false
isCompliant {
	input.predicateType == "`+typeVuln+`"
	input.predicate.scanner.result.counts.effective.critical == 0
}
`)
	present := about("cyclonedx", "isCompliant = true\n")
	indent := func(text, by string) string {
		return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
	}
	p.file("index.yaml", fmt.Sprintf(`apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata:
  name: index
spec:
  images:
  - glob: "**"
  authorities:
  - name: key
    key:
      data: |
%s
    attestations:
    - name: scan
      predicateType: vuln
      policy:
        type: rego
        data: |
%s
    - name: sbom
      predicateType: cyclonedx
`, indent(string(p.read("cosign.pub")), "        "), indent(rule, "          ")))
	controller := p.run("tester", "-policy", "index.yaml", "-image", image, "-log-level", "error")
	gate := p.run("hallmark", "gate", image, "--key", "cosign.pub", "--vuln-db-max-age", anyAge,
		"--policy", p.file("scan.rego", rule), "--policy", p.file("sbom.rego", present))
	if (controller.code == 0) != (gate.code == 0) || gate.code != want {
		p.t.Errorf("%s: the controller exits %d, the gate %d, want %d\n%s%s%s",
			image, controller.code, gate.code, want, controller.stdout, gate.stdout, gate.stderr)
	}
}

// scanned returns the platforms that an index's attested scan is of.
func (p *place) scanned(image string) []string {
	p.t.Helper()
	var verified []struct {
		Statement struct {
			Predicate struct {
				Scanner struct {
					Result struct {
						Platforms []struct{ Platform string }
					}
				}
			}
		}
	}
	decode(p.t, []byte(p.must("hallmark", "verify", image, "--key", "cosign.pub", "--type", "vuln", "--output", "json")), &verified)
	if len(verified) != 1 {
		p.t.Fatalf("%d scans are attached to %s, want 1", len(verified), image)
	}
	var platforms []string
	for _, each := range verified[0].Statement.Predicate.Scanner.Result.Platforms {
		platforms = append(platforms, each.Platform)
	}
	return platforms
}

// onlyChosen runs on one platform of two.
func (p *place) onlyChosen(database string) {
	p.t.Helper()
	index := p.index("chosen", map[string]bool{arm64: true})
	run := []string{"run", index.Pinned.String(), "--key", "cosign.key", "--vuln-db", database, "--vuln-db-max-age", anyAge, "--platforms"}

	p.must("hallmark", append(run, amd64)...)
	p.admits(index.Images[amd64].String(), 0)
	p.admits(index.Images[arm64].String(), 4)
	p.admits(index.Pinned.String(), 4) // whoever deploys the index may run the other platform
	if got := p.run("hallmark", append(run, "linux/s390x")...); got.code != 2 || !strings.Contains(got.stderr, "linux/s390x") {
		p.t.Errorf("a platform that is not there: exit %d, want 2 and its name\n%s", got.code, got.stderr)
	}
}

// What cannot be examined is not marked, and neither is anything beside it: an
// index that is marked in part would pass for whole.
func TestPlatformThatFailsFailsTheIndex(t *testing.T) {
	p := newPlace(t, "")
	p.keys("cosign")

	for name, damage := range map[string][]byte{"missing": nil, "corrupt": []byte("this is no layer")} {
		index := p.index(name, nil)
		if err := index.Damage(p.dir, arm64, damage); err != nil {
			t.Fatal(err)
		}
		got := p.run("hallmark", "run", index.Pinned.String(), "--key", "cosign.key", "--scan=false")
		if got.code != 1 || !strings.Contains(got.stderr, "platform "+arm64) {
			t.Errorf("%s: exit %d, want 1 and the platform named\n%s", name, got.code, got.stderr)
		}
		p.nothingAttached(index.Pinned.String())
		for platform, image := range index.Images {
			if got := p.run("hallmark", "verify", image.String(), "--key", "cosign.pub"); got.code != 4 || !strings.Contains(got.stderr, "nothing is attached") {
				t.Errorf("%s: something is attached to the image for %s: exit %d\n%s%s", name, platform, got.code, got.stdout, got.stderr)
			}
		}
	}
}

func TestRealIndexIsAdmittedLikeItsImages(t *testing.T) {
	p, archive, ok := newRealPlace(t, "multi")
	if !ok {
		return
	}
	ref := p.host + "/real/multi"
	pin := func(flags ...string) string {
		return ref + "@" + strings.TrimSpace(p.must("crane", slices.Concat([]string{"digest", ref + ":v1"}, flags)...))
	}
	p.must("hallmark", "run", ref+":v1", "--key", "cosign.key", "--vuln-db", archive, "--vuln-db-max-age", anyAge)
	for _, image := range []string{pin(), pin("--platform", amd64), pin("--platform", arm64)} {
		p.admits(image, 0)
		// Not since nothing was found: what is in this program of 2022 has no severity in the Go database.
		got := p.run("hallmark", "gate", image, "--key", "cosign.pub", "--vuln-db-max-age", anyAge, "--severity-cutoff", "low")
		if got.code != 0 || !strings.Contains(got.stdout, "10 findings of unknown severity") {
			t.Errorf("%s: exit %d, want 0 and the 10 findings of unknown severity told\n%s", image, got.code, got.stdout)
		}
	}
	if scanned := p.scanned(pin()); !slices.Equal(scanned, []string{amd64, arm64}) {
		t.Errorf("the scan of the index is of %v, want the two platforms", scanned)
	}
}
