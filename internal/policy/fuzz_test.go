package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// FuzzPolicy feeds any text as a policy: it must neither panic nor pass unless
// it is a policy, and what it says must be bounded and printable.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []string{
		"", "package sigstore", always, keyPolicy, notKeyPolicy, endless,
		"package sigstore\nimport rego.v1\nisCompliant contains {\"result\": false, \"error\": \"\u202e\"} if input\n",
		"# METADATA\n# custom:\n#   predicateType: custom\npackage sigstore\nisCompliant { true }",
		"package sigstore\nisCompliant.a.b = 1", "package hallmark.p\ndeny contains input.attestations.custom[_].predicate.Data",
		"# METADATA\n# custom:\n#   predicateType: custom\npackage compliance\ncompliant := true\nviolations contains input",
		"package signature\nallow = true", "# METADATA\n# custom:\n#   params: {a: {default: 1}}\npackage hallmark.p\nwarn contains {\"msg\": data.params.a}",
		"package hallmark.lib.x\nimport data.hallmark.lib.x", "# METADATA\n# custom: [1]\npackage hallmark.p", "package sigstore\nisCompliant[x] = y { x := 1; y := 2 } else = 3",
		"package sigstore\n{", "\xff\xfe", "package sigstore\nisCompliant = " + strings.Repeat("[", 200),
	} {
		f.Add(seed)
	}
	n := newNotary(f)
	evidence := Evidence{Verified: []verify.Verified{n.custom(f, `{"key":"test-attestation-2"}`)}, Now: today()}
	f.Fuzz(func(t *testing.T, text string) {
		policies := Compile([]File{{Name: "fuzz.rego", Text: text}}, Setting{})
		if len(policies) == 0 && strings.Contains(text, "hallmark") {
			return // a library
		}
		p := policies[0]
		verdict := Rules{Policies: []Policy{p}, Limit: 50 * time.Millisecond}.Decide(t.Context(), evidence)
		result := verdict.Results[0]
		if verdict.Outcome != result.Outcome {
			t.Errorf("verdict %s of one result %s", verdict.Outcome, result.Outcome)
		}
		if result.Outcome == Pass {
			if len(p.Problems()) > 0 || !strings.Contains(text, "package") {
				t.Errorf("what is no policy passes: %q", text)
			}
			return
		}
		if len(result.Reasons) == 0 || len(result.Reasons) > 2*(maxReasons+1) {
			t.Errorf("%s with %d reasons", result.Outcome, len(result.Reasons))
		}
		for _, reason := range append(messages(result.Reasons), result.Title) {
			checkPrintable(t, reason)
		}
	})
}

func checkPrintable(t *testing.T, s string) {
	t.Helper()
	unprintable := strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
	if !utf8.ValidString(s) || unprintable || utf8.RuneCountInString(s) > maxReasonLength+16 {
		t.Errorf("not a bounded, printable line: %q", s)
	}
}

// FuzzSummary feeds any JSON as scanner.result: what is accepted must say of
// itself what is in it, and be accepted again when it is written anew.
func FuzzSummary(f *testing.F) {
	valid, err := json.Marshal(dirty().Summary())
	must(f, err)
	f.Add(valid)
	empty, err := json.Marshal(finding.Scan{}.Summary())
	must(f, err)
	f.Add(empty)
	for _, seed := range []string{"", "null", "{}", "[]", `{"findings":[{}]}`, `{"counts":{"raw":{"critical":-1}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, result []byte) {
		summary, err := decodeSummary(result)
		if err != nil {
			return
		}
		raw, effective := finding.Count(summary.Findings)
		if raw != summary.Counts.Raw || effective != summary.Counts.Effective || raw.Total() != len(summary.Findings) {
			t.Errorf("accepted counts %+v of other findings", summary.Counts)
		}
		for i := range summary.Findings {
			checkPrintable(t, clean(sentence(summary.Findings[i])))
			if summary.Findings[i].FixedIn == nil {
				t.Errorf("accepted a finding without fixed versions: %+v", summary.Findings[i])
			}
		}
		again, err := json.Marshal(summary)
		if err != nil {
			return // a time that JSON cannot hold
		}
		if _, err := decodeSummary(again); err != nil {
			t.Errorf("written anew it is refused: %v", err)
		}
	})
}
