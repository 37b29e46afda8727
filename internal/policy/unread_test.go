package policy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

func allowance(t *testing.T, patterns ...string) Allowance {
	t.Helper()
	a, err := ParseAllowance(patterns)
	must(t, err)
	return a
}

func TestPatternsThatCannotMatch(t *testing.T) {
	for _, pattern := range []string{"", " ", "a\nb", "\x1b[31m", "\xff", "/\xc3("} {
		if _, err := ParseAllowance([]string{"/a", pattern}); fault.KindOf(err) != fault.Usage {
			t.Errorf("%q: error %v", pattern, err)
		}
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern    string
		covers     string
		coversNone string
	}{
		{"/a/b", "/a/b", "/a/bc /x/a/b /a"},
		{"/opt/*", "/opt/a /opt/.b", "/opt/a/b /opts/a /x/opt/a"},
		{"/opt/**", "/opt/a /opt/a/b", "/opt /x/opt/a"},
		{"**/*.jar", "/a.jar a.jar /a/b.jar", "/a.jar/b /a.jarx"},
		{"/a/**/b", "/a/b /a/x/b /a/x/y/b", "/a/xb /ab"},
		{"**", "/a the-name /…/12", ""},
		{"*", "the-name", "/a /…/12"},
		{"/a.(b|c)+[d]$", "/a.(b|c)+[d]$", "/a.b /aXb"},
	} {
		a := allowance(t, c.pattern)
		for _, what := range strings.Fields(c.covers) {
			if !a.covers(finding.Gap{What: what}) {
				t.Errorf("%s does not cover %s", c.pattern, what)
			}
		}
		for _, what := range strings.Fields(c.coversNone) {
			if a.covers(finding.Gap{What: what}) {
				t.Errorf("%s covers %s", c.pattern, what)
			}
		}
	}
}

// No pattern and no list makes the gate panic, and what is allowed is only ever what the
// pattern begins with.
func FuzzAllowance(f *testing.F) {
	f.Add("/opt/**", "/opt/a", `[{"what":"/a","why":"b"}]`)
	f.Add("**/*.jar", "a.jar", `{}`)
	f.Add("/\xff(", "", `null`)
	f.Fuzz(func(t *testing.T, pattern, what, listed string) {
		_, _ = gapsIn(attest.TypeVuln, []byte(`{"scanner":{"result":{"unread":`+listed+`}}}`))
		_, _ = gapsIn(attest.TypeSPDX, []byte(`{"annotations":[{"comment":"hallmark:unread=`+listed+`"}]}`))
		a, err := ParseAllowance([]string{pattern})
		if err != nil {
			return
		}
		literal, _, _ := strings.Cut(pattern, "*")
		if a.covers(finding.Gap{What: what}) && !strings.HasPrefix(what, literal) {
			t.Errorf("%q covers %q", pattern, what)
		}
	})
}

// content is evidence about what an image holds, with a gap or without.
type content struct{ scan, cycloneDX, spdx verify.Verified }

func contentWith(t *testing.T, n notary, gaps ...finding.Gap) content {
	t.Helper()
	text, err := json.Marshal(gaps)
	must(t, err)
	properties, annotations := "", ""
	if len(gaps) > 0 {
		properties = fmt.Sprintf(`,"metadata":{"properties":[{"name":"x","value":"y"},{"name":"hallmark:unread","value":%q}]}`, text)
		annotations = fmt.Sprintf(`,"annotations":[{"comment":"x"},{"comment":%q}]`, "hallmark:unread="+string(text))
	}
	at := time.Now()
	return content{
		scan:      n.scan(t, finding.Scan{Unread: gaps, Started: at, Finished: at, Database: finding.Database{Built: at}}, nil),
		cycloneDX: n.object(t, attest.TypeCycloneDX, `{"bomFormat":"CycloneDX","components":[{"name":"a"}]`+properties+`}`),
		spdx:      n.object(t, attest.TypeSPDX, `{"spdxVersion":"SPDX-2.3","packages":[{"name":"a"}]`+annotations+`}`),
	}
}

// What was not read leaves every policy about content undecided, in each dialect, and the
// cluster refuses what the gate does not pass. Patterns mean the same to both. Policies
// about anything else do not ask.
func TestWhatWasNotReadLeavesPoliciesUndecided(t *testing.T) {
	n := newNotary(t)
	gap := finding.Gap{What: "/opt/a.jar", Why: "it is no archive"}
	whole, partly := contentWith(t, n), contentWith(t, n, gap)
	approval := n.custom(t, `{"approved":true}`)
	typed := func(uri, rules string) []File {
		return []File{{Name: "p.rego", Text: "# METADATA\n# custom:\n#   predicateType: " + uri + "\n" + rules}}
	}
	const sigstore, cosign = "package sigstore\nisCompliant = true\n", "package signature\nallow = true\n"
	const compliance = "package compliance\nimport rego.v1\ndefault compliant := true\n"
	for _, c := range []struct {
		name     string
		files    []File
		about    func(content) verify.Verified // nil: the approval
		onlyGate bool                          // the cluster is not asked about such
	}{
		{"reads the scan", alone("deny contains \"x\" if input.scan.scanner.uri == \"x\"\n"), func(c content) verify.Verified { return c.scan }, false},
		{"reads the SBOM", alone("deny contains \"x\" if input.sbom.components[_].name == \"x\"\n"), func(c content) verify.Verified { return c.cycloneDX }, false},
		{"reads SPDX", alone("deny contains \"x\" if input.sbom.packages[_].name == \"x\"\n"), func(c content) verify.Verified { return c.spdx }, false},
		{"reads attestations by type", alone("deny contains \"x\" if input.attestations.vuln[_].predicate.x\n"), func(c content) verify.Verified { return c.scan }, false},
		{"reads whatever there is", alone("deny contains \"x\" if input.attestations[_][_].predicate.x\n"), func(c content) verify.Verified { return c.scan }, true},
		{"sigstore, of scans", typed(attest.TypeVuln, sigstore), func(c content) verify.Verified { return c.scan }, false},
		{"sigstore, of any type", []File{{Name: "p.rego", Text: sigstore}}, func(c content) verify.Verified { return c.spdx }, true},
		{"cosign, of SBOMs", typed(attest.TypeCycloneDX, cosign), func(c content) verify.Verified { return c.cycloneDX }, false},
		{"compliance, of SBOMs", typed(attest.TypeSPDX, compliance), func(c content) verify.Verified { return c.spdx }, false},
		{"an approval", alone("deny contains \"x\" if input.attestations.custom[_].predicate.x\n"), nil, false},
	} {
		for _, e := range []struct {
			of      content
			allowed Allowance
			passes  bool
		}{
			{whole, Allowance{}, true},
			{partly, Allowance{}, c.about == nil},
			{partly, allowance(t, "/opt/*.war", "*"), c.about == nil},
			{partly, allowance(t, "/opt/**"), true},
		} {
			verified := []verify.Verified{approval}
			if c.about != nil {
				verified = []verify.Verified{c.about(e.of)}
			}
			decidesAlike(t, c.name, Compile(c.files, Setting{})[0], verified, e.allowed, e.passes, !c.onlyGate)
		}
	}
}

// decidesAlike asks the gate about a policy, and the cluster, and wants a pass, or a
// refusal that names what was not read.
func decidesAlike(t *testing.T, name string, p Policy, verified []verify.Verified, allowed Allowance, passes, inCluster bool) {
	t.Helper()
	const says = "/opt/a.jar (it is no archive)"
	if problems := p.Problems(); len(problems) > 0 {
		t.Fatalf("%s: %q", name, problems)
	}
	want := Undecided
	if passes {
		want = Pass
	}
	r := Rules{Policies: []Policy{p}, AllowUnread: allowed}.Decide(t.Context(), Evidence{Verified: verified, Now: time.Now()}).Results[0]
	if r.Outcome != want || !passes && !strings.Contains(r.Reasons[0].Message, says) {
		t.Errorf("%s: %s %q, want %s", name, r.Outcome, messages(r.Reasons), want)
	}
	if !inCluster {
		return
	}
	to := cluster()
	to.AllowUnread = allowed
	if err := inClusterWith(t, to, p, verified); (err == nil) != passes || err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("%s: the cluster says %v, want a pass: %t", name, err, passes)
	}
}

// The cutoff is undecided where nothing is denied, says what was permitted, and denies
// all the same. A policy about the SBOM counts the gaps of the scan, too.
func TestTheCutoffAndWhatWasNotRead(t *testing.T) {
	n := newNotary(t)
	gaps := []finding.Gap{{What: "/a", Why: "why"}, {What: "/b", Why: "why"}, {What: "/c", Why: "why"}, {What: "/d", Why: "why"}, {What: "/e", Why: "why"}, {What: "/f", Why: "why"}}
	at := time.Now()
	scan := func(found ...finding.Finding) verify.Verified {
		return n.scan(t, finding.Scan{Unread: gaps, Findings: found, Started: at, Finished: at, Database: finding.Database{Built: at}}, nil)
	}
	critical := finding.Finding{ID: "CVE-1", Severity: finding.Critical, Package: finding.Package{Name: "openssl", Version: "1"}, FixedIn: []string{"2"}}
	cutoff, err := finding.ParseCutoff("critical")
	must(t, err)
	decide := func(a Allowance, v verify.Verified) Result {
		return Rules{Cutoff: cutoff, AllowUnread: a}.Decide(t.Context(), Evidence{Verified: []verify.Verified{v}, Now: at}).Results[0]
	}
	for _, c := range []struct {
		result  Result
		outcome Outcome
		says    string
	}{
		{decide(Allowance{}, scan()), Undecided, "not everything was read: /a (why), /b (why), /c (why), /d (why), /e (why), and 1 more"},
		{decide(allowance(t, "/[a-f]", "/a"), scan()), Undecided, "not everything was read: /b (why)"},
		{decide(allowance(t, "/*"), scan()), Pass, "6 things were not read, as allow-unread permits"},
		{decide(Allowance{}, scan(critical)), Deny, "not everything was read: /a (why)"},
		{decide(Allowance{}, n.scan(t, finding.Scan{Finished: at, Database: finding.Database{Built: at}}, func(s map[string]any) { s["unread"] = []any{map[string]any{"why": "x"}} })), Undecided, "does not say what it is about"},
		{decide(Allowance{}, n.scan(t, finding.Scan{Finished: at, Database: finding.Database{Built: at}}, func(s map[string]any) { s["unread"] = "all" })), Undecided, "unread"},
	} {
		if said := strings.Join(messages(c.result.Reasons), "\n"); c.result.Outcome != c.outcome || !strings.Contains(said, c.says) {
			t.Errorf("%s, which says %q; want %s that says %q", c.result.Outcome, said, c.outcome, c.says)
		}
	}
	sbom := contentWith(t, n).cycloneDX
	policies := Compile(alone("deny contains \"x\" if input.sbom.components[_].name == \"x\"\n"), Setting{})
	r := Rules{Policies: policies}.Decide(t.Context(), Evidence{Verified: []verify.Verified{sbom, scan()}, Now: at}).Results[0]
	if r.Outcome != Undecided {
		t.Errorf("a policy about the SBOM beside a scan with gaps: %s", r.Outcome)
	}
}

// What says in another form that something was not read is no evidence that all was.
func TestGapsOfAnotherForm(t *testing.T) {
	n := newNotary(t)
	policies := Compile(alone("deny contains \"x\" if input.sbom.components[_].name == \"x\"\n"), Setting{})
	for _, value := range []string{"", "x", `{"what":"/a"}`, `["/a"]`, `[{"why":"y"}]`} {
		v := n.object(t, attest.TypeCycloneDX, fmt.Sprintf(`{"bomFormat":"CycloneDX","components":[],"metadata":{"properties":[{"name":"hallmark:unread","value":%q}]}}`, value))
		r := Rules{Policies: policies, AllowUnread: allowance(t, "/a")}.Decide(t.Context(), Evidence{Verified: []verify.Verified{v}, Now: time.Now()}).Results[0]
		if r.Outcome != Undecided {
			t.Errorf("%q: the gate says %s", value, r.Outcome)
		}
		if err := inCluster(t, policies[0], []verify.Verified{v}); err == nil {
			t.Errorf("%q: the cluster admits it", value)
		}
	}
}
