package policy

import (
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Policies of an artifact see the shared rules that came with them, and no others:
// not those of another artifact, nor local ones, though they have the same names.
func TestAnArtifactIsClosedInItself(t *testing.T) {
	const (
		one   = "oci://registry.example/policies@sha256:1"
		two   = "oci://registry.example/policies@sha256:2"
		asks  = "package hallmark.p\n\nimport data.hallmark.lib.x\n\ndeny contains x.word if not input.scan.good\n"
		lone  = "package hallmark.q\n\nimport data.hallmark.lib.y\n\ndeny contains y.word if not input.scan.good\n"
		words = "package hallmark.lib.x\n\nword := \"WORD\"\n"
	)
	shared := func(word string) string { return strings.Replace(words, "WORD", word, 1) }
	policies := Compile([]File{
		{Name: "p.rego", Text: asks, Artifact: one},
		{Name: "lib.rego", Text: shared("first"), Artifact: one},
		{Name: "p.rego", Text: asks, Artifact: two},
		{Name: "lib.rego", Text: shared("second"), Artifact: two},
		{Name: "p.rego", Text: asks},
		{Name: "lib.rego", Text: shared("local")},
		{Name: "q.rego", Text: lone, Artifact: one},
		{Name: "y.rego", Text: "package hallmark.lib.y\n\nword := \"x\"\n"},
	}, Setting{})
	n := newNotary(t)
	e := Evidence{Now: today(), Verified: []verify.Verified{n.object(t, attest.TypeVuln, "{}")}}
	verdict := Rules{Policies: policies}.Decide(t.Context(), e)
	for i, want := range []string{"first", "second", "local"} {
		r := verdict.Results[i]
		if len(r.Reasons) != 1 || r.Reasons[0].Message != want || r.Artifact != policies[i].Artifact {
			t.Errorf("%s of %q: want %q, have %q", r.Name, r.Artifact, want, messages(r.Reasons))
		}
	}
	const want = "q.rego:5: it refers to data.hallmark.lib.y.word, which is not there"
	if r := verdict.Results[3]; r.Outcome != Undecided || !strings.HasPrefix(r.Reasons[0].Message, want) {
		t.Errorf("a shared rule that is not there: %s %q", r.Outcome, messages(r.Reasons))
	}
}

func TestParseDataRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "the file is empty",
		"{":                       "reading the policy data data.json",
		`{"parms":{}}`:            "field parms is not known",
		`{"params":[]}`:           "of the wrong type",
		`{"params":{},"x":1}`:     "field x is not known",
		`{"params":{"most":1}}`:   "most has no parameters below it",
		"{\"params\":{}}\n---\n1": "more than one document",
	} {
		if _, err := ParseData("data.json", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: want %q, have %v", text, want, err)
		}
	}
	params := Params{"p": {"b": []any{"x", 1}, "a": true}}
	text, err := FormatData(params)
	must(t, err)
	if string(text) != `{"params":{"p":{"a":true,"b":["x",1]}}}` {
		t.Error(string(text))
	}
	again, err := ParseData("data.json", text)
	must(t, err)
	if second, err := FormatData(again); err != nil || string(second) != string(text) {
		t.Error(string(second), err)
	}
}
