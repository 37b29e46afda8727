package waiver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/waiver"
)

func TestWhatIsNoWaiverIsRefusedWithItsLine(t *testing.T) {
	const ada = "reason: r, approver: ada, until: 2026-12-31"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "the file is empty"},
		{"no YAML", "waivers: [", "line 1"},
		{"two documents", "waivers: []\n---\nwaivers: []\n", "there is more than one document"},
		{"an unknown field", "waivers:\n  - vulnerability: CVE-1\n    reson: r\n", "line 3: field reson is not known"},
		{"an unknown key", "waiver:\n  - {}\n", "line 1: field waiver is not known"},
		{"a key twice", "waivers:\n  - vulnerability: CVE-1\n    vulnerability: CVE-2\n", "already defined"},
		{"neither", "waivers:\n  - {" + ada + "}\n", "w.yaml:2: a waiver is for a vulnerability or for a policy: give one of the two"},
		{"both", "waivers:\n  - {vulnerability: CVE-1, policy: p, " + ada + "}\n", "w.yaml:2: a waiver is for a vulnerability or for a policy: give one of the two"},
		{"no reason", "waivers:\n  - {vulnerability: CVE-1, approver: ada, until: 2026-12-31}\n", "w.yaml:2: the waiver of CVE-1 has no reason"},
		{"no approver", "waivers:\n  - {vulnerability: CVE-1, reason: r, until: 2026-12-31}\n", "w.yaml:2: the waiver of CVE-1 has no approver"},
		{"no end", "waivers:\n  - {vulnerability: CVE-1, " + ada + "}\n  - vulnerability: CVE-2\n    reason: r\n    approver: ada\n", "w.yaml:3: the waiver of CVE-2 has no until: every waiver ends"},
		{"no day", "waivers:\n  - {vulnerability: CVE-1, reason: r, approver: ada, until: soon}\n", `until is "soon", which is neither a day (2026-12-31) nor a time (RFC 3339)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := waiver.Parse("w.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || fault.KindOf(err) != fault.Usage || strings.Contains(err.Error(), "\n") {
				t.Errorf("want %q, have %v", c.want, err)
			}
		})
	}
	if _, err := waiver.Load("nowhere.yaml"); fault.KindOf(err) != fault.Usage {
		t.Error(err)
	}
}

func TestWaiversOfFindings(t *testing.T) {
	f, err := waiver.Parse("w.yaml", []byte(`waivers:
  - vulnerability: CVE-2026-1
    package: openssl*
    image: registry.example/team/*
    reason: the parser is not reached
    approver: ada@example.com
    until: 2026-12-31
  - vulnerability: ghsa-xxxx
    package: pkg:npm/lodash@4.*
    reason: replaced next week
    approver: bob
    until: 2026-11-30T12:00:00Z
`))
	if err != nil {
		t.Fatal(err)
	}
	openssl := finding.Finding{ID: "CVE-2026-1", Package: finding.Package{Name: "openssl", Version: "3.0"}}
	lodash := finding.Finding{ID: "CVE-2026-2", Aliases: []string{"GHSA-xxxx"}, Package: finding.Package{Name: "lodash", PURL: "pkg:npm/lodash@4.17.15"}}
	bash := finding.Finding{ID: "CVE-2026-1", Package: finding.Package{Name: "bash", Version: "3.0"}}
	for _, c := range []struct {
		name  string
		found finding.Finding
		image string
		at    time.Time
		by    string
	}{
		{"another package", bash, "registry.example/team/app", day(1), ""},
		{"another image", openssl, "registry.example/other/app", day(1), ""},
		{"the last moment", openssl, "registry.example/team/app", time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), "ada@example.com"},
		{"the day after", openssl, "registry.example/team/app", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), ""},
		{"by an alias and a package URL", lodash, "registry.example/x", day(1), "bob"},
		{"past a time", lodash, "registry.example/x", time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkBy(t, f.Suppression(c.found, subject(t, c.image), c.at), c.by)
		})
	}
	ended := f.Ended(subject(t, "registry.example/team/app"), day(30).AddDate(0, 0, 1))
	if want := "the waiver of ghsa-xxxx by bob ended on 2026-11-30 and no longer counts (w.yaml:8)"; len(ended) != 1 || ended[0] != want {
		t.Errorf("%q", ended)
	}
}

// checkBy checks who suppresses; by is empty for nobody.
func checkBy(t *testing.T, s *finding.Suppression, by string) {
	t.Helper()
	switch {
	case by == "" && s != nil:
		t.Errorf("suppressed by %+v", s)
	case by != "" && (s == nil || s.By != by || s.Source != "waiver" || s.Until == nil || !strings.HasPrefix(s.Document, "sha256:")):
		t.Errorf("%+v, want one by %s", s, by)
	}
}

func TestWaiversOfViolations(t *testing.T) {
	f, err := waiver.Parse("w.yaml", []byte(`waivers:
  - {policy: non-root, reason: r, approver: ada, until: 2026-12-31}
  - {policy: NR-2, package: nginx, reason: r, approver: bob, until: 2026-12-31}
  - {vulnerability: CVE-1, package: "openssl@*", reason: r, approver: eve, until: 2026-12-31}
`))
	if err != nil {
		t.Fatal(err)
	}
	s := subject(t, "registry.example/app")
	for _, c := range []struct{ policy, id, resource, by string }{
		{"other.rego", "NR-1", "", ""},
		{"other.rego", "NR-2", "apache", ""},
		{"hallmark:non-root", "", "", "ada"},
		{"policies/non-root.rego", "x", "y", "ada"},
		{"other.rego", "NR-2", "nginx", "bob"},
		{"severity-cutoff", "cve-1", "openssl 3.0", "eve"},
		{"severity-cutoff", "CVE-1", "bash 3.0", ""},
	} {
		got := f.Violation(c.policy, c.id, c.resource, s, day(1))
		if c.by == "" && got != nil || c.by != "" && (got == nil || got.By != c.by) {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if f.Violation("hallmark:non-root", "", "", s, day(1).AddDate(1, 0, 0)) != nil {
		t.Error("it still counts after its end")
	}
}

// What is read must be bounded, printable, and never count without an end.
func FuzzParse(f *testing.F) {
	f.Add("waivers:\n  - {vulnerability: CVE-1, reason: r, approver: a, until: 2026-12-31}\n")
	f.Add("waivers:\n  - &a {policy: \"\u202e\", reason: \"\\0\", approver: a, until: 9999-12-31}\n  - *a\n")
	f.Add("waivers: [[[[")
	f.Fuzz(func(t *testing.T, text string) {
		w, err := waiver.Parse("w", []byte(text))
		if err != nil {
			return
		}
		found := finding.Finding{ID: "CVE-1", Package: finding.Package{Name: "a"}}
		if s := w.Suppression(found, subject(t, "registry.example/app"), day(1)); s != nil && (s.Until == nil || s.By == "" || s.Reason == "" && strings.TrimSpace(s.By) == "") {
			t.Errorf("%+v", s)
		}
	})
}

func subject(t *testing.T, repository string) attest.Subject {
	t.Helper()
	digest, err := name.NewDigest(repository + "@sha256:" + strings.Repeat("ab", 32))
	if err != nil {
		t.Fatal(err)
	}
	s, err := attest.NewSubject(digest, repository+":1")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func day(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
