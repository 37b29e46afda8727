package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
	"github.com/hallmark-ci/hallmark/policies"
)

// Types of attestations that have no short name.
const (
	typeApproval = "https://hallmark-ci.github.io/approval/v1"
	typeSARIF    = "https://www.schemastore.org/schemas/json/sarif-2.1.0.json"
)

// shippedPolicy compiles a policy that ships, with what it shares.
func shippedPolicy(t testing.TB, name string, params map[string]any) Policy {
	t.Helper()
	text, err := policies.Read(name)
	must(t, err)
	files := []File{{Name: "hallmark:" + name, Text: text}}
	library, err := policies.Library()
	must(t, err)
	for file, text := range library {
		files = append(files, File{Name: "hallmark:lib/" + file, Text: text})
	}
	controls, err := policies.Controls()
	must(t, err)
	known, err := ParseControls(controls)
	must(t, err)
	compiled := Compile(files, Setting{Params: params, Controls: known})
	if len(compiled) != 1 || len(compiled[0].Problems()) > 0 {
		t.Fatalf("%s: %d policies, %q", name, len(compiled), compiled[0].Problems())
	}
	must(t, CheckParams(compiled, params))
	return compiled[0]
}

// shippedCase is what one policy says about good and bad evidence.
type shippedCase struct {
	params map[string]any
	types  []string // that it reads, each of which is attested empty, too
	good   []claim
	bad    []claim
	config string // of the bad image
	denied []string
}

// claim is a predicate of a type.
type claim struct{ uri, body string }

const (
	goodSBOM = `{"bomFormat":"CycloneDX","metadata":{"timestamp":"2026-11-01T00:00:00Z","tools":{"components":[{"name":"syft"}]}},` +
		`"components":[{"type":"operating-system","name":"debian","version":"12"},` +
		`{"type":"library","name":"zlib","version":"1.3","purl":"pkg:deb/debian/zlib@1.3","publisher":"Debian","licenses":[{"license":{"id":"Zlib"}}]}],` +
		`"dependencies":[{"ref":"a"}]}`
	goodBuild = `{"buildDefinition":{"externalParameters":{"workflow":{"repository":"https://github.com/example/app","ref":"refs/heads/main"}},` +
		`"resolvedDependencies":[{"uri":"pkg:docker/debian@12","digest":{"sha256":"` + sixtyFour + `"}}]},` +
		`"runDetails":{"builder":{"id":"https://github.com/actions/runner/github-hosted"}}}`
	sixtyFour  = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	goodConfig = `{"config":{"User":"1000"}}`
)

// goodScan is a scan from today; damage is put in place of its findings.
func goodScan(t testing.TB, found ...finding.Finding) claim {
	t.Helper()
	s := cleaned(0)
	s.Findings = found
	s.Database.Built, s.Started, s.Finished = today().Add(-2*time.Hour), today().Add(-time.Hour), today().Add(-time.Hour)
	result, err := json.Marshal(s.Summary())
	must(t, err)
	var p finding.Predicate
	p.Scanner.URI, p.Scanner.Result = "pkg:golang/example.com/scanner", result
	p.Metadata.ScanStartedOn, p.Metadata.ScanFinishedOn = s.Started, s.Finished
	body, err := json.Marshal(p)
	must(t, err)
	return claim{attest.TypeVuln, string(body)}
}

func shippedCases(t testing.TB) map[string]shippedCase {
	critical := finding.Finding{
		ID: "CVE-1", Aliases: []string{}, Severity: finding.Critical, FixedIn: []string{"2"}, FixState: "fixed",
		Package: finding.Package{Name: "zlib", Version: "1"}, KEV: &finding.KEV{CVE: "CVE-1"},
	}
	old := strings.NewReplacer("2026-11-22", "2026-01-02", "2026-11-21", "2026-01-01").Replace(goodScan(t).body)
	sbom := func(body string) []claim { return []claim{{attest.TypeCycloneDX, body}} }
	build := func(body string) []claim { return []claim{{attest.TypeSLSA1, body}} }
	sbomTypes := []string{attest.TypeCycloneDX, attest.TypeSPDX}
	return map[string]shippedCase{
		"approved": {
			types:  []string{typeApproval},
			good:   []claim{{typeApproval, `{"request":{"author":"eve"},"commit":"c","approvals":[{"by":"ada","commit":"c","self":false}]}`}},
			bad:    []claim{{typeApproval, `{"request":{"author":"eve"},"commit":"c","approvals":[{"by":"eve","commit":"c","self":true}]}`}},
			denied: []string{"0 of 1 approvals that are needed, by others than the author eve for the commit c"},
		},
		"base-image": {
			params: map[string]any{"allowed": []string{"docker.io/library/*"}},
			types:  []string{attest.TypeSLSA1, attest.TypeSLSA02}, good: build(goodBuild),
			bad: build(`{"buildDefinition":{"resolvedDependencies":[{"uri":"pkg:docker/eve/debian@12"}]}}`),
			denied: []string{
				"built from docker.io/eve/debian, which is not allowed",
				"built from docker.io/eve/debian, which is not pinned by a digest",
			},
		},
		"licences": {
			params: map[string]any{"denied": []string{"AGPL-*"}}, types: sbomTypes, good: sbom(goodSBOM),
			bad:    sbom(strings.ReplaceAll(goodSBOM, "Zlib", "AGPL-3.0-only")),
			denied: []string{"the licence AGPL-3.0-only is not allowed"},
		},
		"no-critical": {
			types: []string{attest.TypeVuln}, good: []claim{goodScan(t)}, bad: []claim{goodScan(t, critical)}, denied: []string{"critical CVE-1"},
		},
		"no-known-exploited": {
			types: []string{attest.TypeVuln}, good: []claim{goodScan(t)}, bad: []claim{goodScan(t, critical)},
			denied: []string{"critical CVE-1 is known to be exploited"},
		},
		"non-root": {config: `{"config":{"User":"0"}}`, denied: []string{"the image runs as 0"}},
		"sbom-complete": {
			types: sbomTypes, good: sbom(goodSBOM), bad: sbom(strings.ReplaceAll(goodSBOM, `"version":"1.3",`, "")),
			denied: []string{"1 of 1 components have no version: zlib"},
		},
		"sbom-present": {
			params: map[string]any{"max_age": "720h"}, types: sbomTypes, good: sbom(goodSBOM),
			bad:    sbom(strings.ReplaceAll(goodSBOM, "2026-11-01", "2026-01-01")),
			denied: []string{"the SBOM is of 2026-01-01T00:00:00Z, which is more than 720h ago"},
		},
		"scan-present": {
			types: []string{attest.TypeVuln}, good: []claim{goodScan(t)}, bad: []claim{{attest.TypeVuln, old}},
			denied: []string{"the scan is of 2026-01-02T11:00:00Z, which is more than 120h ago"},
		},
		"secrets-clean": {
			types:  []string{typeSARIF},
			good:   []claim{{typeSARIF, `{"runs":[{"tool":{"driver":{"name":"gitleaks"}},"results":[]}]}`}},
			bad:    []claim{{typeSARIF, `{"runs":[{"tool":{"driver":{"name":"gitleaks"}},"results":[{"ruleId":"aws-token"}]}]}`}},
			denied: []string{"gitleaks found aws-token"},
		},
		"signed-by": {
			params: map[string]any{"signers": []string{"key sha256:*"}, "types": []string{"cyclonedx"}},
			good:   sbom(goodSBOM), bad: build(goodBuild), denied: []string{"no attestation of type cyclonedx was verified"},
		},
		"supported-distribution": {
			types: sbomTypes, good: sbom(goodSBOM), bad: sbom(strings.ReplaceAll(goodSBOM, `"version":"12"`, `"version":"11"`)),
			denied: []string{"debian 11 ended on 2026-08-31"},
		},
		"tests-passed": {
			types:  []string{attest.TypeTestResult},
			good:   []claim{{attest.TypeTestResult, `{"result":"PASSED","configuration":[{"name":"unit"}]}`}},
			bad:    []claim{{attest.TypeTestResult, `{"result":"FAILED","configuration":[{"name":"unit"}],"failedTests":["a"]}`}},
			denied: []string{"the test result is FAILED", "the test a failed"},
		},
		"trusted-builder": {
			params: map[string]any{
				"builders": []string{"https://github.com/actions/runner/*"}, "repositories": []string{"https://github.com/example/*"}, "branches": []string{"main"},
			},
			types: []string{attest.TypeSLSA1, attest.TypeSLSA02}, good: build(goodBuild),
			bad: build(strings.NewReplacer("example/app", "eve/app", "actions/runner", "eve/runner", "heads/main", "heads/x").Replace(goodBuild)),
			denied: []string{
				"built by https://github.com/eve/runner/github-hosted, which is not trusted",
				`built from "refs/heads/x", which is no branch that is allowed`,
				"built from https://github.com/eve/app, which is not allowed",
			},
		},
	}
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
			rules := Rules{Policies: []Policy{shippedPolicy(t, name, c.params)}}
			decide := func(config string, claims ...claim) Result {
				t.Helper()
				e := Evidence{Now: today(), Image: Image{Digest: n.subject.Digest().DigestStr()}}
				if config != "" {
					e.Image.Config = json.RawMessage(config)
				}
				for _, k := range claims {
					e.Verified = append(e.Verified, n.object(t, k.uri, k.body))
				}
				return rules.Decide(t.Context(), e).Results[0]
			}
			if r := decide(goodConfig, c.good...); r.Outcome != Pass {
				t.Errorf("good evidence: %s %q", r.Outcome, messages(r.Reasons))
			}
			r := decide(c.config, c.bad...)
			if have := messages(r.Reasons); r.Outcome != Deny || !slices.Equal(have, c.denied) {
				t.Errorf("bad evidence: %s\nwant %q\nhave %q", r.Outcome, c.denied, have)
			}
			if r := decide(""); r.Outcome == Pass {
				t.Error("it passes without any evidence")
			}
			for _, uri := range c.types {
				for _, body := range []string{`{}`, `{"predicate":{}}`, hollow} {
					if r := decide(`{}`, claim{uri, body}); r.Outcome == Pass {
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
		e := Evidence{Now: today(), Verified: []verify.Verified{n.object(t, attest.TypeCycloneDX, goodSBOM), n.object(t, attest.TypeSLSA1, goodBuild)}}
		r := Rules{Policies: []Policy{p}}.Decide(t.Context(), e).Results[0]
		if r.Outcome == Pass || !slices.Equal(p.unset(), want) {
			t.Errorf("%s without parameters: %s, unset are %q", name, r.Outcome, p.unset())
		}
		if err := CheckParams([]Policy{p}, map[string]any{"misspelt": 1}); err == nil {
			t.Errorf("%s takes any parameter", name)
		}
	}
}

// The baseline needs nothing but what hallmark run makes.
func TestTheBaseline(t *testing.T) {
	asked := policies.Expand(policies.Baseline)
	for _, name := range policies.Names() {
		p := shippedPolicy(t, name, nil)
		need := slices.ContainsFunc(p.required(), func(n need) bool { return n != needSBOM && n != needScan && n != needConfig })
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
