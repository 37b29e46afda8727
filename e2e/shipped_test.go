package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// shippedCase is what one policy that ships says about good and bad evidence: an
// entry of the file that the policies' own tests read.
type shippedCase struct {
	Params    json.RawMessage
	Good, Bad []struct {
		Type string
		Body json.RawMessage
	}
	BadUser string // of the bad image
	Denied  []string
}

// shippedCases returns the cases, with times that are so long ago from now.
func shippedCases(t *testing.T) map[string]shippedCase {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "policies", "testdata", "evidence.json"))
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`ago:[0-9]+h`).ReplaceAllFunc(text, func(word []byte) []byte {
		span, err := time.ParseDuration(strings.TrimPrefix(string(word), "ago:"))
		if err != nil {
			t.Fatal(err)
		}
		return []byte(time.Now().UTC().Add(-span).Format(time.RFC3339))
	})
	var cases map[string]shippedCase
	decode(t, text, &cases)
	return cases
}

// Each policy that ships, as it is compiled, lets an image with good evidence into the
// cluster and keeps one with bad evidence out. Where a single attestation has all that
// it reads, the cluster says everything that the gate says; where not, it goes by the
// verdict that the same run attested.
func TestShippedPoliciesInTheCluster(t *testing.T) {
	shipped, err := filepath.Glob(filepath.Join("..", "policies", "*.rego"))
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, "")
	p.keys("cosign")
	cases := shippedCases(t)
	asked := 0
	for _, file := range shipped {
		name := strings.TrimSuffix(filepath.Base(file), ".rego")
		if strings.HasSuffix(name, "_test") {
			continue
		}
		asked++
		t.Run(name, func(t *testing.T) {
			c, ok := cases[name]
			if !ok {
				t.Fatal("there is no case for it")
			}
			p.in(t).shipped(name, c)
		})
	}
	if asked != len(cases) || asked == 0 {
		t.Errorf("%d policies ship, and there are %d cases", asked, len(cases))
	}
}

// shipped gates and admits an image with good evidence, and one with bad evidence.
func (p *place) shipped(name string, c shippedCase) {
	p.t.Helper()
	var flags []string
	if len(c.Params) > 0 {
		flags = []string{"--policy-data", p.file(name+"-params.json", fmt.Sprintf(`{%q: %s}`, name, c.Params))}
	}
	evidence := map[string][]string{"good": nil, "bad": nil}
	for i, claim := range c.Good {
		evidence["good"] = append(evidence["good"], "--predicate", claim.Type+"="+p.file(fmt.Sprintf("%s-good-%d.json", name, i), string(claim.Body)))
	}
	for i, claim := range c.Bad {
		evidence["bad"] = append(evidence["bad"], "--predicate", claim.Type+"="+p.file(fmt.Sprintf("%s-bad-%d.json", name, i), string(claim.Body)))
	}
	users := map[string]string{"good": "1000", "bad": "1000"}
	if c.BadUser != "" {
		users["bad"] = c.BadUser
	}
	for which, want := range map[string][2]int{"good": {0, 0}, "bad": {3, 1}} {
		pinned, err := world.PushAs(p.t.Context(), p.host+"/shipped/"+name+":"+which, users[which])
		if err != nil {
			p.t.Fatal(err)
		}
		image, attested := pinned.String(), evidence[which]
		if len(attested) == 0 {
			attested = []string{"--predicate", "custom=" + p.file("nothing.json", "{}")}
		}
		command := append([]string{"run", image, "--key", "cosign.key", "--sbom", "none", "--scan=false", "--policy", "hallmark:" + name}, flags...)
		if got := p.run("hallmark", append(command, attested...)...); got.code != want[0] {
			p.t.Fatalf("%s evidence: the run exits %d, want %d\n%s%s", which, got.code, want[0], got.stdout, got.stderr)
		}
		got := p.compiled(image, "hallmark:"+name, flags...)
		if got.code != want[1] {
			p.t.Errorf("%s evidence: the cluster exits %d, want %d\n%s%s", which, got.code, want[1], got.stdout, got.stderr)
		}
		if which == "bad" {
			p.says(image, name, c)
		}
	}
}

// says looks for all that a policy has to say, or, where the cluster goes by the
// verdict, for the policy's name. The webhook shows what each authority says, and the
// tester what the fastest says: the one that found evidence is asked alone.
func (p *place) says(image, name string, c shippedCase) {
	p.t.Helper()
	compiled := string(p.read("compiled.yaml"))
	predicateType, denied := "https://slsa.dev/verification_summary/v1", []string{"hallmark:" + name}
	if !strings.Contains(compiled, "predicateType: "+predicateType) {
		predicateType, denied = c.Bad[0].Type, c.Denied
	}
	const begin = "\n    - name: hallmark-run-with-key-"
	authorities := strings.Split(compiled, begin)
	others := func(authority string) bool { return !strings.Contains(authority, "predicateType: "+predicateType+"\n") }
	found := slices.DeleteFunc(authorities[1:], others)
	if len(found) != 1 {
		p.t.Fatalf("%d authorities are about %s:\n%s", len(found), predicateType, compiled)
	}
	p.file("alone.yaml", authorities[0]+begin+found[0])
	got := p.run("tester", "-policy", "alone.yaml", "-image", image, "-log-level", "error")
	plain := strings.NewReplacer(`\`, "", `"`, "")
	for _, words := range denied {
		if got.code != 1 || !strings.Contains(plain.Replace(got.stdout), plain.Replace(words)) {
			p.t.Errorf("want %q in what the cluster says:\n%s", words, got.stdout)
		}
	}
}
