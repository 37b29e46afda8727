package policy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/cosign/v2/pkg/cosign/rego"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
	"github.com/hallmark-ci/hallmark/policies"
)

// cluster is what the policies of these tests are compiled with.
func cluster() Cluster {
	return Cluster{
		Globs: []string{"**"}, Authorities: []Authority{{PEM: "-----BEGIN PUBLIC KEY-----\n"}}, Verifier: "https://example.com/gate",
		MaxScanAge: 120 * time.Hour, MaxDatabaseAge: 120 * time.Hour, MaxVerdictAge: 168 * time.Hour,
	}
}

// inCluster asks the code that the Policy Controller evaluates policies with about
// a compiled policy: any one attestation of a type that it names is enough. Its
// error is the message of the first that is refused.
func inCluster(t *testing.T, p Policy, verified []verify.Verified) error {
	t.Helper()
	return inClusterWith(t, cluster(), p, verified)
}

// inClusterWith is inCluster with other settings.
func inClusterWith(t *testing.T, c Cluster, p Policy, verified []verify.Verified) error {
	t.Helper()
	check, err := c.checkOf(p)
	must(t, err)
	first := errors.New("no matching attestation")
	found := false
	for _, uri := range check.types {
		text, err := check.module(p, uri, c)
		must(t, err)
		for _, v := range verified {
			if v.PredicateType() != uri {
				continue
			}
			warning, err := rego.ValidateJSONWithModuleInput(v.Payload(), text)
			if err == nil && warning == nil {
				return nil
			}
			if !found {
				first, found = errors.Join(err, warning), true
			}
		}
	}
	return first
}

// hallmarkPolicy is a policy of the project's own dialect, with what it imports.
func hallmarkPolicy(rules string) []File {
	return []File{
		{Name: "p.rego", Text: "# METADATA\n# custom:\n#   fix: ask the release team\n#   params: {most: {default: 1}}\npackage hallmark.p\n\nimport data.hallmark.lib.shared\n\n" + rules},
		{Name: "lib/shared.rego", Text: "package hallmark.lib.shared\n\nimport data.hallmark.lib.deeper\n\nfindings contains f if some f in input.scan.scanner.result.findings\n\nbad(f) if f.severity in deeper.severities\n"},
		{Name: "lib/deeper.rego", Text: "package hallmark.lib.deeper\n\nseverities := {\"critical\", \"high\"}\n"},
	}
}

// alone is a policy that imports nothing.
func alone(rules string) []File {
	return []File{{Name: "p.rego", Text: "package hallmark.p\n\n" + rules}}
}

// What a compiled policy comes to in the cluster is what the gate comes to, and
// the message there says all that the gate says.
func TestACompiledPolicyDecidesAsTheGate(t *testing.T) {
	n := newNotary(t)
	now := time.Now()
	scan := func(findings ...finding.Finding) verify.Verified {
		return n.scan(t, finding.Scan{Findings: findings, Started: now, Finished: now, Database: finding.Database{Built: now}}, nil)
	}
	bad := func(severity finding.Severity, id string) finding.Finding {
		return finding.Finding{ID: id, Severity: severity, Package: finding.Package{Name: "openssl", Version: "1"}, FixedIn: []string{"2"}}
	}
	ended, lasting, centuries := now.Add(-time.Hour), now.Add(time.Hour), now.AddDate(1000, 0, 0)
	waived := func(until *time.Time) finding.Finding {
		f := bad(finding.Critical, "CVE-1")
		f.SuppressedBy = &finding.Suppression{Source: "waiver", By: "ada", Until: until}
		return f
	}
	clean, dirty := scan(), scan(bad(finding.Critical, "CVE-1"), bad(finding.High, "CVE-2"))
	approval, refusal := n.custom(t, `{"approved":true}`), n.custom(t, `{"approved":false}`)

	for _, c := range []struct {
		name     string
		files    []File
		verified []verify.Verified
		outcome  Outcome
		says     []string
		differs  string // why the cluster decides otherwise
	}{
		{name: "nothing denies", files: hallmarkPolicy("deny contains \"x\" if some f in shared.findings\n"), verified: []verify.Verified{clean}, outcome: Pass},
		{
			name: "library, texts and objects", verified: []verify.Verified{dirty}, outcome: Deny,
			files: hallmarkPolicy("deny contains {\"msg\": f.severity, \"id\": f.id, \"resource\": f.package.name, \"fix\": \"update\"} if {\n\tsome f in shared.findings\n\tshared.bad(f)\n}\n" +
				"deny contains \"too many\" if count(shared.findings) > data.params.most\n"),
			says: []string{"CVE-1: openssl: critical (fix: update)", "CVE-2: openssl: high (fix: update)", "too many"},
		},
		{
			name: "the fix of the metadata", verified: []verify.Verified{dirty}, outcome: Deny,
			files: hallmarkPolicy("deny contains {\"msg\": f.id} if some f in shared.findings\n"), says: []string{"CVE-1 (fix: ask the release team)"},
		},
		{
			name: "a deny of another shape", files: hallmarkPolicy("deny contains 1 if input.scan\n"), verified: []verify.Verified{clean},
			says: []string{"deny holds something else"},
		},
		{
			name: "a built-in function that fails", verified: []verify.Verified{approval},
			files: alone("deny contains \"old\" if time.parse_rfc3339_ns(input.attestations.custom[0].predicate.Data) < 0\n"), says: []string{"eval_conflict_error"},
		},
		{
			name: "a finding that no longer is waived", verified: []verify.Verified{scan(waived(&ended))}, outcome: Deny,
			files: hallmarkPolicy("deny contains f.id if {\n\tsome f in shared.findings\n\tnot f.suppressedBy\n}\n"), says: []string{"CVE-1"},
		},
		{
			name: "counts follow what is no longer waived", verified: []verify.Verified{scan(waived(&ended))}, outcome: Deny,
			files: hallmarkPolicy("deny contains \"counted\" if input.scan.scanner.result.counts.effective.critical > 0\n"), says: []string{"counted"},
		},
		{
			name: "a finding that no longer is waived, for the controller", verified: []verify.Verified{scan(waived(&ended))}, outcome: Deny,
			files: []File{{Name: "p.rego", Text: "# METADATA\n# custom:\n#   predicateType: vuln\npackage sigstore\ndefault isCompliant = false\nisCompliant { input.predicate.scanner.result.counts.effective.critical == 0 }\n"}},
		},
		{
			name: "a finding that no longer is waived, for cosign", verified: []verify.Verified{scan(waived(&ended))}, outcome: Deny,
			files: []File{{Name: "p.rego", Text: "# METADATA\n# custom:\n#   predicateType: vuln\npackage signature\ndefault allow = false\nallow { input.predicate.scanner.result.counts.effective.critical == 0 }\n"}},
		},
		{
			name: "a finding that no longer is waived, for compliance", verified: []verify.Verified{scan(waived(&ended))}, outcome: Deny,
			files: []File{{Name: "p.rego", Text: "# METADATA\n# custom:\n#   predicateType: vuln\npackage compliance\ndefault compliant := false\ncompliant if input.scanner.result.counts.effective.critical == 0\n"}},
		},
		{
			name: "a waiver that lasts", verified: []verify.Verified{scan(waived(&lasting), waived(&centuries), waived(nil))}, outcome: Pass,
			files: hallmarkPolicy("deny contains f.id if {\n\tsome f in shared.findings\n\tnot f.suppressedBy\n}\n"),
		},
		{name: "warnings do not deny", files: hallmarkPolicy("warn contains \"x\" if input.scan\n"), verified: []verify.Verified{clean}, outcome: Pass},
		{
			name: "could not decide", files: hallmarkPolicy("undecided contains {\"msg\": \"nobody told\", \"fix\": \"ask\"} if input.scan\n"),
			verified: []verify.Verified{clean}, says: []string{"nobody told (fix: ask)"},
		},
		{
			name: "could not decide, in another shape", files: hallmarkPolicy("undecided contains 1 if input.scan\n"), verified: []verify.Verified{clean},
			says: []string{"undecided holds something else"},
		},
		{name: "none of the type", files: hallmarkPolicy("deny contains \"x\" if not input.scan\n"), verified: []verify.Verified{approval}, outcome: Deny, says: []string{"no matching"}},
		{
			name: "the image's digest", verified: []verify.Verified{clean}, outcome: Deny, says: []string{"sha256:0123"},
			files: hallmarkPolicy("deny contains input.image.digest if input.scan\n"),
		},
		{name: "cosign allows", files: []File{{Name: "p.rego", Text: "package signature\nallow { json.unmarshal(input.predicate.Data).approved }\n"}}, verified: []verify.Verified{approval}, outcome: Pass},
		{name: "cosign does not", files: []File{{Name: "p.rego", Text: "package signature\ndefault allow = false\nallow { json.unmarshal(input.predicate.Data).approved }\n"}}, verified: []verify.Verified{refusal}, outcome: Deny},
		{name: "cosign wants all", files: []File{{Name: "p.rego", Text: "package signature\ndefault allow = false\nallow { json.unmarshal(input.predicate.Data).approved }\n"}}, verified: []verify.Verified{approval, refusal}, outcome: Deny, differs: "any one attestation is enough there"},
		{name: "compliant", files: []File{{Name: "p.rego", Text: buildPolicy}}, verified: []verify.Verified{n.object(t, attest.TypeSLSA1, signedBuild)}, outcome: Pass},
		{name: "not compliant", files: []File{{Name: "p.rego", Text: levelPolicy}}, verified: []verify.Verified{n.object(t, attest.TypeSLSA1, unsignedBuild)}, outcome: Deny, says: []string{"author is empty", "signature is empty"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Compile(c.files, Setting{})[0]
			evidence := Evidence{Verified: c.verified, Now: now, Image: Image{Digest: n.subject.Digest().DigestStr()}}
			verdict := Rules{Policies: []Policy{p}}.Decide(t.Context(), evidence)
			if verdict.Outcome != c.outcome {
				t.Errorf("the gate: want %s, have %s: %+v", c.outcome, verdict.Outcome, verdict.Results)
			}
			err := inCluster(t, p, c.verified)
			if agrees := (err == nil) == (c.outcome == Pass); agrees != (c.differs == "") {
				t.Errorf("the cluster says %v, the gate %s, and they differ because: %q", err, verdict.Outcome, c.differs)
			}
			for _, words := range c.says {
				if err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("want %q in: %v", words, err)
				}
			}
		})
	}
}

// The tables of the controller's own dialect hold for what they are compiled to,
// which is never more lenient than the gate.
func TestACompiledControllerPolicyAnswersAsItself(t *testing.T) {
	n := newNotary(t)
	v := []verify.Verified{n.custom(t, `{"key":"test-attestation-2"}`)}
	for rules, want := range map[string]struct {
		pass bool
		says []string
	}{
		"isCompliant { true }":                                                                             {pass: true},
		"default isCompliant = false":                                                                      {says: []string{"isCompliant is false"}},
		"isCompliant { input.nowhere }":                                                                    {says: []string{"undefined"}},
		"isCompliant = 1":                                                                                  {says: []string{"neither a boolean"}},
		"isCompliant = {\"result\": true}":                                                                 {says: []string{"neither a boolean"}},
		"isCompliant[x] { x := {\"result\": true}; input.nowhere }":                                        {says: []string{"empty set"}},
		"isCompliant = [{\"result\": true}]":                                                               {pass: true},
		"isCompliant = []":                                                                                 {says: []string{"empty set"}},
		"isCompliant[\"no\"]":                                                                              {says: []string{"something else"}},
		"isCompliant[{\"result\": \"yes\"}]":                                                               {says: []string{"something else"}},
		"isCompliant[{\"result\": true, \"warning\": \"w\"}]":                                              {says: []string{"warns: w"}},
		"isCompliant[{\"result\": true, \"error\": \"e\"}]":                                                {pass: true},
		"isCompliant = [{\"error\": \"a\"}, {\"error\": \"b\"}]":                                           {says: []string{"a; b"}},
		"isCompliant = [{\"error\": \"a\"}, {\"result\": true}]":                                           {pass: true},
		"isCompliant = [\"a\", {\"result\": true}]":                                                        {says: []string{"something else"}},
		"isCompliant = [{\"result\": true, \"warning\": \"w\"}, {\"result\": true}]":                       {says: []string{"warns: w"}},
		"isCompliant = [{\"result\": null, \"error\": null, \"warning\": \"w\"}]":                          {says: []string{"w"}},
		"import rego.v1\nisCompliant contains {\"result\": false, \"error\": m} if m := \"new\"":           {says: []string{"new"}},
		"import future.keywords.in\nisCompliant { \"a\" in [\"a\"] }":                                      {pass: true},
		"isCompliant { data := json.unmarshal(input.predicate.Data); data.key == \"test-attestation-2\" }": {pass: true},
		"isCompliant { f(1) == 2 }\nf(x) = y { y := x + 1 }":                                               {pass: true},
		"isCompliant { not helper }\nhelper { input.nowhere }":                                             {pass: true},
		"isCompliant { to_number(\"x\") == 1 }":                                                            {says: []string{"eval_conflict_error"}},
		"isCompliant { not to_number(\"x\") }":                                                             {says: []string{"eval_conflict_error"}},
		"isCompliant = x { x := true } else = false { true }":                                              {pass: true},
		"a.b.c = true\nisCompliant { a.b.c }":                                                              {pass: true},
		"isCompliant { data.sigstore.x }\nx = true":                                                        {pass: true},
	} {
		t.Run(rules, func(t *testing.T) {
			p := Compile([]File{{Name: "p.rego", Text: "# METADATA\n# custom:\n#   predicateType: custom\npackage sigstore\n" + rules + "\n"}}, Setting{})[0]
			if len(p.Problems()) > 0 {
				t.Fatal(p.Problems())
			}
			err := inCluster(t, p, v)
			if (err == nil) != want.pass {
				t.Errorf("pass: want %t, have %v", want.pass, err)
			}
			gate := Rules{Policies: []Policy{p}}.Decide(t.Context(), Evidence{Verified: v, Now: today()}).Outcome
			if (gate == Pass) != want.pass {
				t.Errorf("the gate says %s", gate)
			}
			for _, words := range want.says {
				if err == nil || !strings.Contains(err.Error(), words) {
					t.Errorf("want %q in: %v", words, err)
				}
			}
		})
	}
}

// A scan that is old, from the future or without a time is refused in the cluster,
// whatever the policy says.
func TestAnOldScanDoesNotKeepPassing(t *testing.T) {
	n := newNotary(t)
	p := Compile(hallmarkPolicy("deny contains \"x\" if not input.scan\n"), Setting{})[0]
	for name, c := range map[string]struct {
		finished time.Time
		says     string
	}{
		"fresh":      {finished: time.Now().Add(-time.Hour)},
		"old":        {finished: time.Now().Add(-121 * time.Hour), says: "older than 5 days"},
		"the future": {finished: time.Now().Add(time.Hour), says: "in the future"},
		"no time":    {says: "older than 5 days; "},
	} {
		t.Run(name, func(t *testing.T) {
			scan := n.scan(t, finding.Scan{Started: c.finished, Finished: c.finished, Database: finding.Database{Built: time.Now()}}, nil)
			if name == "no time" {
				scan = n.object(t, attest.TypeVuln, `{"scanner":{"result":{}}}`)
				c.says = "does not say when it finished"
			}
			err := inCluster(t, p, []verify.Verified{scan})
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("want %q, have %v", c.says, err)
			}
		})
	}
}

// What the controller cannot enforce is refused, and the reason is told.
func TestWhatTheClusterCannotEnforceIsRefused(t *testing.T) {
	without := cluster()
	without.Verifier = ""
	for name, c := range map[string]struct {
		files []File
		says  string
	}{
		"no type":        {[]File{{Name: "p.rego", Text: "package sigstore\nisCompliant { true }\n"}}, "p.rego for the cluster: the METADATA has no custom.predicateType"},
		"broken":         {[]File{{Name: "p.rego", Text: "package sigstore\n{"}}, "p.rego:2: rego_parse_error"},
		"http":           {[]File{{Name: "p.rego", Text: "package hallmark.p\ndeny contains \"x\" if http.send({}).status\n"}}, "undefined function http.send"},
		"ci":             {hallmarkPolicy("deny contains \"x\" if input.ci.branch\n"), "it reads input.ci, which no single attestation tells"},
		"config":         {hallmarkPolicy("deny contains \"x\" if input.image.config.User\n"), "it reads input.image.config"},
		"name":           {hallmarkPolicy("deny contains \"x\" if { input.scan; input.image.name }\n"), "it reads input.image.name"},
		"two types":      {hallmarkPolicy("deny contains \"x\" if { input.scan; input.sbom }\n"), "it reads both sbom and scan"},
		"signer":         {alone("deny contains \"x\" if { some a in input.attestations.custom; a.signer }\n"), "it may read an attestation's signer"},
		"anything":       {hallmarkPolicy("deny contains \"x\" if { input[x] }\n"), "known only when it runs"},
		"nothing":        {alone("deny contains \"x\" if input.image.digest\n"), "it reads no attestation"},
		"a parameter":    {[]File{{Name: "p.rego", Text: "# METADATA\n# custom:\n#   params: {most: {}}\npackage hallmark.p\ndeny contains \"x\" if { input.scan; data.params.most > 1 }\n"}}, "the parameter most has no value"},
		"another data":   {hallmarkPolicy("deny contains \"x\" if { input.scan; data.elsewhere.x }\n"), "it refers to data.elsewhere.x"},
		"old words":      {[]File{{Name: "p.rego", Text: "# METADATA\n# custom:\n#   predicateType: custom\npackage sigstore\nisCompliant { any([true]) }\n"}}, "the controller would refuse it"},
		"newer function": {hallmarkPolicy("deny contains \"x\" if { input.scan; array.flatten([1]) }\n"), "array.flatten"},
		"a huge one":     {hallmarkPolicy("deny contains \"x\" if { input.scan; input.scan.x == `" + strings.Repeat("x", 200<<10) + "` }\n"), "over the limit of 131072 (128 KiB)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Resources(Compile(c.files, Setting{}), without)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want %q, have %v", c.says, err)
			}
		})
	}
}

// Each policy that ships can be enforced in the cluster.
func TestShippedPoliciesCompileForTheCluster(t *testing.T) {
	resources, err := Resources(shippedPolicies(t), cluster())
	must(t, err)
	if len(resources) != len(policies.Names()) {
		t.Errorf("want %d resources, have %d", len(policies.Names()), len(resources))
	}
}

func shippedPolicies(t *testing.T) []Policy {
	t.Helper()
	var files []File
	for _, name := range policies.Names() {
		text, err := policies.Read(name)
		must(t, err)
		files = append(files, File{Name: "hallmark:" + name, Text: text, Shipped: name})
	}
	library, err := policies.Library()
	must(t, err)
	for name, text := range library {
		files = append(files, File{Name: "hallmark:lib/" + name, Text: text})
	}
	return Compile(files, Setting{Params: Params{
		"base-image": {"allowed": []any{"docker.io/library/*"}}, "licences": {"denied": []any{"AGPL-3.0-only"}},
		"signed-by":       {"signers": []any{"key *"}},
		"trusted-builder": {"builders": []any{"https://github.com/*"}, "repositories": []any{"https://github.com/team/*"}},
	}})
}
