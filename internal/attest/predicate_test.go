package attest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

func TestParseTypeRefusesWhatIsNoType(t *testing.T) {
	for _, word := range []string{
		"", "cyclone", "CycloneDX", " custom", "example.com/review", "/review/v1", "https://", "mailto:a@example.com", "custom\n", "://x",
	} {
		t.Run(word, func(t *testing.T) {
			_, err := attest.ParseType(word)
			refused(t, err, "unknown predicate type")
			if got := fault.KindOf(err); got != fault.Usage {
				t.Errorf("kind %v, want Usage", got)
			}
			for _, k := range attest.Shorthands() {
				if !strings.Contains(fault.HintOf(err), k.Name) {
					t.Errorf("hint %q does not name %s", fault.HintOf(err), k.Name)
				}
			}
		})
	}
}

func TestParseType(t *testing.T) {
	tests := map[string]string{
		"custom":                           "https://cosign.sigstore.dev/attestation/v1",
		"cyclonedx":                        "https://cyclonedx.org/bom",
		"spdxjson":                         "https://spdx.dev/Document",
		"vuln":                             "https://cosign.sigstore.dev/attestation/vuln/v1",
		"slsaprovenance":                   "https://slsa.dev/provenance/v0.2",
		"slsaprovenance1":                  "https://slsa.dev/provenance/v1",
		"https://example.com/review/v1":    "https://example.com/review/v1",
		"https://spdx.dev/Document/v2.3":   "https://spdx.dev/Document/v2.3",
		"http://example.com/plain?v=1#two": "http://example.com/plain?v=1#two",
	}
	for word, want := range tests {
		got, err := attest.ParseType(word)
		if err != nil || got != want {
			t.Errorf("ParseType(%q) = %q, %v, want %q", word, got, err, want)
		}
	}
}

func TestShorthandsAreSortedAndResolve(t *testing.T) {
	known := attest.Shorthands()
	if !slices.IsSortedFunc(known, func(a, b attest.Shorthand) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the short names are not in order")
	}
	for _, k := range known {
		if got, err := attest.ParseType(k.Name); err != nil || got != k.URI {
			t.Errorf("ParseType(%q) = %q, %v, want %q", k.Name, got, err, k.URI)
		}
		if short := attest.ShortType(k.URI); !slices.Contains(known, attest.Shorthand{Name: short, URI: k.URI}) {
			t.Errorf("ShortType(%q) = %q, which means something else", k.URI, short)
		}
	}
}

func TestTypesWithTwoSpellingsAreTheSame(t *testing.T) {
	if !attest.SameType("https://spdx.dev/Document", "https://spdx.dev/Document/v2.3") {
		t.Error("the SPDX type without a version is not the one with it")
	}
	if attest.SameType("https://spdx.dev/Document", "https://spdx.dev/Document/v3.0") {
		t.Error("SPDX 3 is taken for SPDX 2.3")
	}
	if got := attest.ShortType("https://spdx.dev/Document/v2.3"); got != "spdx" {
		t.Errorf("ShortType = %q, want spdx", got)
	}
	if got := attest.ShortType("https://example.com/review/v1"); got != "https://example.com/review/v1" {
		t.Errorf("ShortType = %q, want the URI itself", got)
	}
}

func TestNewPredicateRefusesWhatIsNoObject(t *testing.T) {
	tests := []struct {
		name, content string
		says          string
	}{
		{"nothing", "", "not JSON"},
		{"text", "approved by two people", "not JSON"},
		{"cut short", `{"a": {"b": 1}`, "at byte 14"},
		{"two values", `{} {}`, "at byte 4"},
		{"a byte order mark", "\ufeff{}", "not JSON"},
		{"null", "null", "not a JSON object: null"},
		{"an array", `[{"a": 1}]`, "not a JSON object"},
		{"a string", `"{}"`, "not a JSON object"},
		{"a number", `1`, "not a JSON object"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := attest.NewPredicate("https://example.com/review/v1", []byte(test.content), noon())
			refused(t, err, test.says)
		})
	}
}

func TestNewPredicateKeepsTheObjectAsItIs(t *testing.T) {
	const content = `{ "b": 1.0, "a": "<&>" }`
	p, err := attest.NewPredicate("https://example.com/review/v1", []byte(content), noon())
	must(t, err)
	if p.Type != "https://example.com/review/v1" || string(p.Body) != content {
		t.Errorf("got %s %s", p.Type, p.Body)
	}
}

// The custom type is any text, JSON or not: what it says is data.
func TestACustomPredicateIsTheTextAndTheTime(t *testing.T) {
	for _, content := range []string{`{"key": "value"}`, "", "null", "two\nlines <&> \u2028 \x00"} {
		p, err := attest.NewPredicate(attest.TypeCustom, []byte(content), noon())
		must(t, err)
		var body struct{ Data, Timestamp string }
		must(t, json.Unmarshal(p.Body, &body))
		if p.Type != attest.TypeCustom || body.Data != content || body.Timestamp != "2026-11-22T12:00:00Z" {
			t.Errorf("%q became %s", content, p.Body)
		}
	}
}
