package policy

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// deaf does not look at whether it is to end for many seconds: each template renders the
// next one twice.
func deaf() string {
	var text strings.Builder
	for i := range 27 {
		fmt.Fprintf(&text, `{{define "t%d"}}{{template "t%d"}}{{template "t%d"}}{{end}}`, i, i+1, i+1)
	}
	text.WriteString(`{{define "t27"}}{{end}}{{template "t0"}}`)
	return "strings.render_template(`" + text.String() + "`, {}) == \"\""
}

// What does not stop is abandoned: undecided, and the other policies are evaluated.
func TestAnEvaluationThatIsStuckIsAbandoned(t *testing.T) {
	n := newNotary(t)
	e := Evidence{Now: today(), Verified: []verify.Verified{n.object(t, attest.TypeVuln, `{"a":1}`), n.custom(t, "x")}}
	policies := Compile([]File{
		{Name: "sigstore.rego", Text: "package sigstore\nisCompliant { input.predicate; " + deaf() + " }\n"},
		{Name: "own.rego", Text: "package hallmark.own\ndeny contains \"x\" if { input.scan; " + deaf() + " }\n"},
		{Name: "other.rego", Text: "package hallmark.other\ndeny contains \"denied\" if input.scan\n"},
	}, Setting{})
	rules := Rules{Policies: policies, Limit: time.Millisecond, Explain: true}
	v := rules.Decide(t.Context(), e)
	for i, want := range []string{"was abandoned: a built-in function does not come to an end", "was abandoned: a built-in function does not come to an end"} {
		if r := v.Results[i]; r.Outcome != Undecided || len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0].Message, want) {
			t.Errorf("%s: %s %q", r.Name, r.Outcome, messages(r.Reasons))
		}
	}
	if n := policies[0].strays.running.Load(); n != 2 {
		t.Errorf("%d evaluations were left behind", n)
	}
	rules.Limit = 0
	if r := (Rules{Policies: policies[2:]}).Decide(t.Context(), e).Results[0]; r.Outcome != Deny {
		t.Errorf("another policy: %s %q", r.Outcome, messages(r.Reasons))
	}
	ended, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	for range 2 {
		if r := (Rules{Policies: policies[1:2]}).Decide(ended, e).Results[0]; r.Outcome != Undecided || !strings.Contains(r.Reasons[0].Message, "the evaluation was stopped: context canceled") {
			t.Errorf("when the run ends: %s %q", r.Outcome, messages(r.Reasons))
		}
	}
	policies[0].strays.running.Store(maxStrays)
	if r := (Rules{Policies: policies[2:]}).Decide(t.Context(), e).Results[0]; r.Outcome != Undecided || !strings.Contains(r.Reasons[0].Message, "were abandoned and still run") {
		t.Errorf("with too many left behind: %s %q", r.Outcome, messages(r.Reasons))
	}
}

// A panic in a built-in function is an error, and not the end of the program.
func TestAPanicIsAnError(t *testing.T) {
	e := evaluation{strays: &strays{}, limit: time.Minute}
	if _, err := e.eval(t.Context(), nil, "x"); err == nil || !strings.Contains(err.Error(), "the evaluation on x failed: it panicked") {
		t.Error(err)
	}
}

// The tests of policies are not waited for either.
func TestATestThatIsStuckIsAbandoned(t *testing.T) {
	tests := []File{{Name: "p_test.rego", Text: "package hallmark.p_test\n\ntest_it if { " + deaf() + " }\n"}}
	_, err := RunTests(t.Context(), nil, tests, Setting{Limit: time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "did not stop at the limit of 1ms") {
		t.Error(err)
	}
}

// A few lines can keep OPA's compiler busy for ever: the policy decides nothing, and
// the others are compiled. When the run ends, nobody waits for it.
func TestACompilationThatIsStuckIsAbandoned(t *testing.T) {
	nested := "package hallmark.p\ndeny contains \"x\" if { input.scan; x := " + strings.Repeat("{y | y := ", 60) + "1" + strings.Repeat("}", 60) + " }\n"
	ended, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	all := CompileContext(ended, []File{{Name: "other.rego", Text: "package hallmark.other\ndeny contains \"x\" if input.scan\n"}, {Name: "p.rego", Text: nested}}, Setting{})
	if problems := all[0].Problems(); len(problems) > 0 {
		t.Error(problems)
	}
	if problems := all[1].Problems(); len(problems) != 1 || problems[0] != "p.rego:1: compiling it was stopped: context deadline exceeded" {
		t.Error(problems)
	}
	all = Compile([]File{{Name: "p.rego", Text: nested}}, Setting{})
	if problems := all[0].Problems(); len(problems) != 1 || !strings.HasPrefix(problems[0], "p.rego:1: compiling it did not come to an end within 10s, and was abandoned") {
		t.Error(problems)
	}
}
