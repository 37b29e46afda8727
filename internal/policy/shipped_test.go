package policy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
	"github.com/hallmark-ci/hallmark/policies"
)

// shippedPolicy compiles a policy that ships, with what it shares.
func shippedPolicy(t testing.TB, name string, params map[string]any) Policy {
	t.Helper()
	text, err := policies.Read(name)
	must(t, err)
	files := []File{{Name: "hallmark:" + name, Text: text, Shipped: name}}
	library, err := policies.Library()
	must(t, err)
	for file, text := range library {
		files = append(files, File{Name: "hallmark:lib/" + file, Text: text})
	}
	controls, err := policies.Controls()
	must(t, err)
	known, err := ParseControls(controls)
	must(t, err)
	setting := Setting{Params: Params{name: params}, Controls: known}
	compiled := Compile(files, setting)
	if len(compiled) != 1 || len(compiled[0].Problems()) > 0 {
		t.Fatalf("%s: %d policies, %q", name, len(compiled), compiled[0].Problems())
	}
	must(t, CheckParams(compiled, setting))
	return compiled[0]
}

// shippedCase is what one policy says about good and bad evidence: an entry of
// evidence.json, which the tests in a cluster read, too.
type shippedCase struct {
	Params  map[string]any `json:"params"`
	Types   []string       `json:"types"` // that it reads, each of which is attested empty, too
	Good    []claim        `json:"good"`
	Bad     []claim        `json:"bad"`
	BadUser string         `json:"badUser"` // of the bad image's configuration
	Denied  []string       `json:"denied"`
}

func (c shippedCase) badConfig() string {
	if c.BadUser == "" {
		return goodConfig
	}
	return `{"config":{"User":"` + c.BadUser + `"}}`
}

// claim is a predicate of a type.
type claim struct {
	Type string          `json:"type"`
	Body json.RawMessage `json:"body"`
}

const goodConfig = `{"config":{"User":"1000"}}`

func shippedCases(t testing.TB) map[string]shippedCase {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "policies", "testdata", "evidence.json"))
	must(t, err)
	ago := regexp.MustCompile(`ago:[0-9]+h`).ReplaceAllFunc(text, func(word []byte) []byte {
		span, err := time.ParseDuration(strings.TrimPrefix(string(word), "ago:"))
		must(t, err)
		return []byte(today().Add(-span).Format(time.RFC3339))
	})
	var cases map[string]shippedCase
	must(t, json.Unmarshal(ago, &cases))
	return cases
}

// shippedBody returns what is good to a policy.
func shippedBody(t testing.TB, policy string) string {
	t.Helper()
	return string(shippedCases(t)[policy].Good[0].Body)
}

// Each policy that ships passes good evidence, denies bad evidence with all that is
// to say, and never passes what is missing or empty.
func TestShipped(t *testing.T) {
	n := newNotary(t)
	cases := shippedCases(t)
	for _, name := range policies.Names() {
		t.Run(name, func(t *testing.T) {
			c, ok := cases[name]
			if !ok {
				t.Fatal("there is no case for it")
			}
			rules := Rules{Policies: []Policy{shippedPolicy(t, name, c.Params)}}
			decide := func(config string, claims ...claim) Result {
				t.Helper()
				e := Evidence{Now: today(), Image: Image{Digest: n.subject.Digest().DigestStr()}}
				if config != "" {
					e.Image.Config = json.RawMessage(config)
				}
				for _, k := range claims {
					e.Verified = append(e.Verified, n.object(t, k.Type, string(k.Body)))
				}
				return rules.Decide(t.Context(), e).Results[0]
			}
			if r := decide(goodConfig, c.Good...); r.Outcome != Pass {
				t.Errorf("good evidence: %s %q", r.Outcome, messages(r.Reasons))
			}
			r := decide(c.badConfig(), c.Bad...)
			if have := messages(r.Reasons); r.Outcome != Deny || !slices.Equal(have, c.Denied) {
				t.Errorf("bad evidence: %s\nwant %q\nhave %q", r.Outcome, c.Denied, have)
			}
			if r := decide(""); r.Outcome == Pass {
				t.Error("it passes without any evidence")
			}
			for _, uri := range c.Types {
				for _, body := range []string{`{}`, `{"predicate":{}}`, hollow} {
					if r := decide(`{}`, claim{uri, json.RawMessage(body)}); r.Outcome == Pass {
						t.Errorf("it passes %s of type %s", body, uri)
					}
				}
			}
		})
	}
}

// hollow has what policies look for, without anything in it.
const hollow = `{"bomFormat":"CycloneDX","spdxVersion":"SPDX-2.3","components":[],"packages":[],"metadata":{},"creationInfo":{},"scanner":{"result":{}},` +
	`"buildDefinition":{"externalParameters":{}},"runDetails":{"builder":{}},"builder":{},"approvals":[],"runs":[],"result":""}`

// A parameter without a default has to be set, and one that is misspelt is refused.
func TestShippedParameters(t *testing.T) {
	n := newNotary(t)
	for name, want := range map[string][]string{
		"base-image": {"allowed"}, "licences": {"denied"}, "signed-by": {"signers"}, "trusted-builder": {"builders", "repositories"},
	} {
		p := shippedPolicy(t, name, nil)
		e := Evidence{Now: today(), Verified: []verify.Verified{n.object(t, attest.TypeCycloneDX, shippedBody(t, "sbom-present")), n.object(t, attest.TypeSLSA1, shippedBody(t, "trusted-builder"))}}
		r := Rules{Policies: []Policy{p}}.Decide(t.Context(), e).Results[0]
		if r.Outcome == Pass || !slices.Equal(p.unset(), want) {
			t.Errorf("%s without parameters: %s, unset are %q", name, r.Outcome, p.unset())
		}
		if err := CheckParams([]Policy{p}, Setting{Params: Params{name: {"misspelt": 1}}}); err == nil {
			t.Errorf("%s takes any parameter", name)
		}
	}
}

// The baseline needs nothing but what hallmark run makes.
func TestTheBaseline(t *testing.T) {
	asked := policies.Expand(policies.Baseline)
	for _, name := range policies.Names() {
		p := shippedPolicy(t, name, nil)
		need := slices.ContainsFunc(p.reads.needs, func(n need) bool { return n != needSBOM && n != needScan && n != needConfig })
		fits := len(p.unset()) == 0 && !need && !p.reads.all
		if fits != slices.Contains(asked, name) {
			t.Errorf("%s: in the baseline is %t, needs nothing else is %t", name, !fits, fits)
		}
	}
}

// Every control that a policy claims is in the map, and every framework has some
// that none claims.
func TestShippedControls(t *testing.T) {
	claimed := map[string]map[string]bool{}
	var known Controls
	for _, name := range policies.Names() {
		p := shippedPolicy(t, name, nil)
		known = p.known
		if p.meta.title == "" || p.meta.description == "" || p.meta.severity == "" || len(p.meta.controls) == 0 {
			t.Errorf("%s lacks a title, a description, a severity or controls", name)
		}
		for _, c := range p.meta.controls {
			if claimed[c.Framework] == nil {
				claimed[c.Framework] = map[string]bool{}
			}
			claimed[c.Framework][c.ID] = true
		}
	}
	checkClaims(t, known, claimed)
}

func checkClaims(t *testing.T, known Controls, claimed map[string]map[string]bool) {
	t.Helper()
	for _, f := range known.Frameworks() {
		if n := len(claimed[f.Name]); n == 0 || n >= len(f.Controls) {
			t.Errorf("%s: %d of %d controls are claimed", f.Name, n, len(f.Controls))
		}
		for _, d := range f.Controls {
			delete(claimed[f.Name], d.ID)
		}
		if len(claimed[f.Name]) > 0 {
			t.Errorf("%s has no controls %v", f.Name, claimed[f.Name])
		}
		delete(claimed, f.Name)
	}
	if len(claimed) > 0 {
		t.Errorf("no frameworks of the map: %v", claimed)
	}
}
