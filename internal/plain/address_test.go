package plain_test

import (
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

func TestAddress(t *testing.T) {
	digest := strings.Repeat("a", 64)
	for text, want := range map[string]string{
		"policies/a.rego":                         "policies/a.rego",
		"https://host/a.rego":                     "https://host/a.rego",
		"https://user:pw@host/a.rego?t=x#y":       "https://host/a.rego",
		"https://token@host/a.rego":               "https://host/a.rego",
		"https://host/a.rego#sha256=" + digest:    "https://host/a.rego#sha256=" + digest,
		"https://u:p@host/a?t=x#sha256=" + digest: "https://host/a#sha256=" + digest,
		"https://host?":                           "https://host",
		"https://user:p%zz@host/":                 "https://…",
		"https://user:pw@host:port/":              "https://…",
		"oci://user:pw@host:5000/set:v1":          "oci://host:5000/set:v1",
		"oci://host/set@sha256:" + digest:         "oci://host/set@sha256:" + digest,
		"awskms:///alias/release":                 "awskms:///alias/release",
		"hashivault://release?token=x":            "hashivault://release",
		"env://SIGNING_KEY":                       "env://SIGNING_KEY",
	} {
		if got := plain.Address(text); got != want {
			t.Errorf("Address(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"no secret: https://host/a is down":                                       "no secret: https://host/a is down",
		`Get "https://u:p@host/a?sig=x": EOF (see https://host/b?c).`:             `Get "https://host/a": EOF (see https://host/b).`,
		"refused eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln, twice":                "refused [secret], twice",
		"key -----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY----- is none": "key [secret] is none",
		"cut -----BEGIN PRIVATE KEY----- MIG":                                     "cut [secret]",
		"end it with https://…#sha256=HEX":                                        "end it with https://…#sha256=HEX",
	} {
		if got := plain.Redact(text); got != want {
			t.Errorf("Redact(%q) = %q, want %q", text, got, want)
		}
	}
}

// Whatever the text is, nothing of a login or a query is left in it.
func FuzzAddress(f *testing.F) {
	f.Add("https://user:pw@host/path?query#fragment")
	f.Fuzz(func(t *testing.T, rest string) {
		got := plain.Address("https://canary:canary@host/" + strings.NewReplacer("canary", "").Replace(rest))
		if strings.Contains(got, "canary") {
			t.Errorf("%q", got)
		}
	})
}
