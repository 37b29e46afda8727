package policy

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// endless does not come to an end in any time that a job has.
const endless = `package sigstore
import rego.v1
isCompliant if {
	n := numbers.range(1, 10000)
	count([1 | some a in n; some b in n; some c in n; a + b + c < 0]) > 0
}
`

func TestPolicyThatIsEndless(t *testing.T) {
	n := newNotary(t)
	rules := Rules{Policies: load(t, endless), Limit: 50 * time.Millisecond}
	verdict := rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.custom(t, "{}")}, Now: today()})
	want := []string{"the evaluation on the attestation of type custom signed by " + n.signer + " was stopped after the limit of 50ms"}
	if got := verdict.Results[0]; got.Outcome != Undecided || !slices.Equal(messages(got.Reasons), want) {
		t.Errorf("want undecided with %q, have %s with %q", want, got.Outcome, messages(got.Reasons))
	}
}

func TestDecideWhenTheJobEnds(t *testing.T) {
	n := newNotary(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	soon, cancelSoon := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancelSoon()
	for name, c := range map[string]struct {
		ctx    context.Context
		policy string
		reason string
	}{
		"before the evaluation": {ended, keyPolicy, "the evaluation was stopped: context canceled"},
		"during the evaluation": {soon, endless, "the evaluation was stopped: context deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := Rules{Policies: load(t, c.policy)}
			attached := []verify.Verified{n.custom(t, `{"key":"test-attestation-2"}`)}
			got := rules.Decide(c.ctx, Evidence{Verified: attached, Now: today()}).Results[0]
			if got.Outcome != Undecided || !slices.Equal(messages(got.Reasons), []string{c.reason}) {
				t.Errorf("want undecided with %q, have %s with %q", c.reason, got.Outcome, messages(got.Reasons))
			}
		})
	}
}

func TestReasonsAreBounded(t *testing.T) {
	n := newNotary(t)
	rules := Rules{Policies: load(t, `package sigstore
import rego.v1
isCompliant contains {"result": false, "error": sprintf("%d %s", [i, long])} if {
	some i in numbers.range(1, 120)
	long := concat("", ["é" | some _ in numbers.range(1, 1200)])
}
isCompliant contains {"error": long} if long := concat("", ["é" | some i in numbers.range(1, 1200); i > 0])
`)}
	got := rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.custom(t, "{}")}, Now: today()}).Results[0]
	if len(got.Reasons) != maxReasons+1 || got.Reasons[maxReasons].Message != "and 21 more" {
		t.Errorf("want %d reasons and the count of the rest, have %d: %.100q", maxReasons, len(got.Reasons), got.Reasons[len(got.Reasons)-1])
	}
	for _, reason := range messages(got.Reasons) {
		if n := len([]rune(reason)); n > maxReasonLength+1 {
			t.Errorf("a reason of %d characters is over the limit", n)
		}
	}
}

func TestVerdictIsTheWorst(t *testing.T) {
	n := newNotary(t)
	attached := []verify.Verified{n.custom(t, "{}")}
	t.Chdir(t.TempDir())
	write(t, "deny.rego", "package sigstore\nisCompliant = false\n")
	write(t, "broken.rego", "package sigstore\nisCompliant = \n")
	write(t, "pass.rego", "package sigstore\nisCompliant = true\n")
	for _, c := range []struct {
		paths []string
		want  Outcome
	}{
		{[]string{"broken.rego", "deny.rego", "pass.rego"}, Deny},
		{[]string{"pass.rego", "deny.rego"}, Deny},
		{[]string{"broken.rego", "pass.rego"}, Undecided},
		{[]string{"pass.rego"}, Pass},
		{nil, Pass}, // nothing was asked
	} {
		policies, err := Load(c.paths, Setting{})
		must(t, err)
		verdict := Rules{Policies: policies}.Decide(t.Context(), Evidence{Verified: attached, Now: today()})
		if verdict.Outcome != c.want || len(verdict.Results) != len(c.paths) {
			t.Errorf("%v: want %s, have %s of %d results", c.paths, c.want, verdict.Outcome, len(verdict.Results))
		}
	}
}

func TestZeroValuesAreNoPass(t *testing.T) {
	if (Verdict{}).Outcome != Undecided || (Result{}).Outcome != Undecided {
		t.Error("a verdict or result that nobody made is not undecided")
	}
	n := newNotary(t)
	rules := Rules{Policies: []Policy{{}}}
	got := rules.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.custom(t, "{}")}, Now: today()})
	if got.Outcome != Undecided || !slices.Equal(messages(got.Results[0].Reasons), []string{"the policy was not loaded"}) {
		t.Errorf("a policy that nobody loaded: %+v", got)
	}
}

func TestOutcomeJSON(t *testing.T) {
	for outcome, word := range map[Outcome]string{Undecided: `"undecided"`, Pass: `"pass"`, Deny: `"deny"`, 9: `"undecided"`} {
		encoded, err := json.Marshal(outcome)
		if err != nil || string(encoded) != word {
			t.Errorf("encoding %d: want %s, have %s, %v", outcome, word, encoded, err)
		}
	}
	var got Outcome
	if err := json.Unmarshal([]byte(`"deny"`), &got); err != nil || got != Deny {
		t.Errorf("decoding deny: have %s, %v", got, err)
	}
	for _, bad := range []string{`"PASS"`, `""`, `1`, `null`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("decoding %s: no error", bad)
		}
	}
}

func TestResultSaysWhatThePolicyIs(t *testing.T) {
	policies := load(t, "# METADATA\n# title: The key is there\n# custom:\n#   predicateType: custom\npackage sigstore\nisCompliant = true\n")
	got := Rules{Policies: policies}.Decide(t.Context(), Evidence{Now: today()}).Results[0]
	if got.Name != "p.rego" || got.Title != "The key is there" || got.PredicateType != attest.TypeCustom {
		t.Errorf("name, title and type: have %+v", got)
	}
	if policies[0].Name() != "p.rego" || len(policies[0].Problems()) != 0 {
		t.Errorf("name and problems: have %q, %q", policies[0].Name(), policies[0].Problems())
	}
}
