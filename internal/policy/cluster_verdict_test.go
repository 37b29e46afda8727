package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

const joinedRules = "deny contains \"x\" if {\n\tinput.ci.branch != \"main\"\n\tdata.params.most > 0\n}\n"

// attestedVerdict returns a verdict that the gate could have attested on a policy, after an edit
// of the predicate or of the policy's entry in it.
func attestedVerdict(t *testing.T, n notary, p Policy, edit func(predicate, entry map[string]any)) verify.Verified {
	t.Helper()
	entry := map[string]any{"name": "p.rego", "result": "pass", "digest": map[string]any{"sha256": strings.TrimPrefix(p.Digest(), "sha256:")}}
	if params := p.ParamsDigest(); params != "" {
		entry["params"] = map[string]any{"sha256": strings.TrimPrefix(params, "sha256:")}
	}
	predicate := map[string]any{
		"verifier": map[string]any{"id": "https://example.com/gate"}, "timeVerified": time.Now().Format(time.RFC3339),
		"resourceUri": "elsewhere.example/promoted@sha256:" + n.subject.Hex(), "verificationResult": "PASSED",
		"hallmark": map[string]any{"policies": []any{entry, map[string]any{"name": SeverityCutoff, "result": "pass"}}},
	}
	edit(predicate, entry)
	body, err := json.Marshal(predicate)
	must(t, err)
	return n.object(t, attest.TypeVSA, string(body))
}

// What no single attestation can answer is checked on the attested verdict: all of it, or, where
// that is asked for, what it says about the policy.
func TestPoliciesThatJoinAreCheckedByTheVerdict(t *testing.T) {
	n := newNotary(t)
	p := Compile(hallmarkPolicy(joinedRules), Setting{})[0]
	in := func(d time.Duration) string { return time.Now().Add(d).Format(time.RFC3339) }
	hallmark := func(predicate map[string]any) map[string]any { return predicate["hallmark"].(map[string]any) }
	denied := func(p, _ map[string]any) {
		p["verificationResult"] = "FAILED"
		hallmark(p)["policies"].([]any)[1].(map[string]any)["result"] = "deny"
	}
	for name, c := range map[string]struct {
		edit func(predicate, entry map[string]any)
		says string
		part bool // the policy's part is enough
	}{
		"passed":               {edit: func(_, _ map[string]any) {}},
		"denied":               {edit: func(_, entry map[string]any) { entry["result"] = "deny" }, says: "is deny, not pass"},
		"no result":            {edit: func(_, entry map[string]any) { delete(entry, "result") }, says: "is missing, not pass"},
		"another policy":       {edit: func(_, entry map[string]any) { entry["digest"] = map[string]any{"sha256": "00"} }, says: "says nothing about the policy p.rego"},
		"other parameters":     {edit: func(_, entry map[string]any) { entry["params"] = map[string]any{"sha256": "00"} }, says: "with other parameters"},
		"another verifier":     {edit: func(p, _ map[string]any) { p["verifier"] = map[string]any{"id": "https://evil"} }, says: "not one of the verifier"},
		"old":                  {edit: func(p, _ map[string]any) { p["timeVerified"] = in(-200 * time.Hour) }, says: "older than 7 days"},
		"from the future":      {edit: func(p, _ map[string]any) { p["timeVerified"] = in(time.Hour) }, says: "from the future"},
		"no time":              {edit: func(p, _ map[string]any) { delete(p, "timeVerified") }, says: "does not say when"},
		"empty":                {edit: func(p, _ map[string]any) { clear(p) }, says: "says nothing"},
		"denied by the cutoff": {edit: denied, says: "the verdict as a whole is FAILED, not PASSED (severity-cutoff: deny)"},
		"denied by the cutoff, which is not asked about": {edit: denied, part: true},
		"no result of the whole":                         {edit: func(p, _ map[string]any) { delete(p, "verificationResult") }, says: "is missing, not PASSED"},
		"about another image":                            {edit: func(p, _ map[string]any) { p["resourceUri"] = "registry.example/app@sha256:" + strings.Repeat("0", 64) }, says: "not about the image"},
		"about a tag":                                    {edit: func(p, _ map[string]any) { p["resourceUri"] = "registry.example/app:1" }, says: "not about the image"},
		"about nothing":                                  {edit: func(p, _ map[string]any) { delete(p, "resourceUri") }, says: "not about the image", part: true},
		"two digests": {
			edit: func(p, _ map[string]any) {
				p["resourceUri"] = "x@sha256:" + n.subject.Hex() + "@sha256:" + n.subject.Hex()
			}, says: "not about the image",
		},
		"it still holds": {edit: func(p, e map[string]any) { hallmark(p)["validUntil"], e["validUntil"] = in(time.Hour), in(time.Hour) }},
		"it holds for centuries": {edit: func(p, e map[string]any) {
			hallmark(p)["validUntil"], e["validUntil"] = "3000-01-01T00:00:00Z", "2263-01-01T00:00:00Z"
		}},
		"something of it ended":        {edit: func(p, _ map[string]any) { hallmark(p)["validUntil"] = in(-time.Second) }, says: "what the verdict rests on ended at 20"},
		"an end that is no time":       {edit: func(p, _ map[string]any) { hallmark(p)["validUntil"] = 7 }, says: "what the verdict rests on ended at 7"},
		"something of others ended":    {edit: func(p, _ map[string]any) { hallmark(p)["validUntil"] = in(-time.Second) }, part: true},
		"something of its part ended":  {edit: func(_, e map[string]any) { e["validUntil"] = in(-time.Second) }, says: "ended at 20", part: true},
		"of its part, beside the rest": {edit: func(_, e map[string]any) { e["validUntil"] = in(-time.Second) }, says: "ended at 20"},
	} {
		t.Run(name, func(t *testing.T) {
			with := cluster()
			with.PartOfVerdict = c.part
			err := inClusterWith(t, with, p, []verify.Verified{attestedVerdict(t, n, p, c.edit)})
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("want %q, have %v", c.says, err)
			}
		})
	}
}

// Whatever the dialect, a policy can be checked by the verdict.
func TestEveryDialectCanBeCheckedByTheVerdict(t *testing.T) {
	n := newNotary(t)
	with := cluster()
	with.ByVerdict = true
	meta := "# METADATA\n# custom:\n#   predicateType: custom\n"
	for dialect, text := range map[Dialect]string{
		Sigstore: meta + "package sigstore\nisCompliant { true }\n", Cosign: "package signature\nallow = true\n",
		Compliance: meta + "package compliance\ncompliant := true\n", Hallmark: "package hallmark.p\ndeny contains \"x\" if not input.scan\n",
	} {
		p := Compile([]File{{Name: "p.rego", Text: text}}, Setting{})[0]
		same := func(_, _ map[string]any) {}
		if err := inClusterWith(t, with, p, []verify.Verified{attestedVerdict(t, n, p, same)}); err != nil {
			t.Errorf("%s: %v", dialect, err)
		}
		err := inClusterWith(t, with, p, []verify.Verified{attestedVerdict(t, n, p, func(_, e map[string]any) { e["result"] = "undecided" })})
		if err == nil || !strings.Contains(err.Error(), "is undecided, not pass") {
			t.Errorf("%s, not passed: %v", dialect, err)
		}
	}
}

// A database that is too old for the gate is too old for the cluster, in every dialect.
func TestAnOldDatabaseDoesNotPassInTheCluster(t *testing.T) {
	n := newNotary(t)
	now := time.Now()
	scan := func(built time.Time, edit func(map[string]any)) verify.Verified {
		return n.scan(t, finding.Scan{Started: now, Finished: now, Database: finding.Database{Built: built}}, edit)
	}
	meta := "# METADATA\n# custom:\n#   predicateType: vuln\n"
	dialects := map[Dialect]string{
		Sigstore: meta + "package sigstore\nisCompliant { input.predicate.scanner }\n", Cosign: meta + "package signature\nallow { input.predicate.scanner }\n",
		Compliance: meta + "package compliance\ncompliant if input.predicate.scanner\n", Hallmark: "package hallmark.p\ndeny contains \"x\" if not input.scan.scanner\n",
	}
	for name, c := range map[string]struct {
		scan verify.Verified
		says string
	}{
		"new":         {scan: scan(now.Add(-119*time.Hour), nil)},
		"old":         {scan: scan(now.Add(-121*time.Hour), nil), says: "the vulnerability database is older than 5 days"},
		"the future":  {scan: scan(now.Add(time.Hour), nil), says: "built in the future"},
		"not known":   {scan: scan(time.Time{}, nil), says: "does not say when its vulnerability database was built"},
		"not said":    {scan: scan(now, func(s map[string]any) { delete(s, "database") }), says: "does not say when its vulnerability database was built"},
		"another's":   {scan: n.object(t, attest.TypeVuln, `{"scanner":{"result":{"Results":[]}},"metadata":{"scanFinishedOn":"`+now.Format(time.RFC3339)+`"}}`)},
		"of no shape": {scan: scan(now, func(s map[string]any) { s["database"] = 1; delete(s, "counts") }), says: "does not say when its vulnerability database was built"},
	} {
		for dialect, text := range dialects {
			t.Run(name+", "+string(dialect), func(t *testing.T) {
				p := Compile([]File{{Name: "p.rego", Text: text}}, Setting{})[0]
				rules := Rules{Policies: []Policy{p}, MaxDatabaseAge: cluster().MaxDatabaseAge}
				gate := rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{c.scan}, Now: now}).Outcome
				if (gate == Pass) != (c.says == "") {
					t.Errorf("the gate says %s", gate)
				}
				err := inCluster(t, p, []verify.Verified{c.scan})
				if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("want %q, have %v", c.says, err)
				}
			})
		}
	}
}
