package finding_test

import (
	"testing"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

func TestSearch(t *testing.T) {
	in := func(name string) finding.Package { return finding.Package{Name: name, Version: "1"} }
	search := finding.NewSearch([]finding.Finding{
		{ID: "CVE-2026-1234", Package: in("a")},
		{ID: "CVE-2026-1234", Package: in("a")},
		{ID: "GHSA-xxxx-yyyy-zzzz", Aliases: []string{"CVE-2026-9999"}, Package: in("b")},
		{ID: "CVE-2026-7777", Package: in("c")},
		{ID: "CVE-2026-7777", Package: in("d")},
		{ID: "CVE-2026-7777", Package: in("e")},
		{ID: "CVE-2026-7777", Package: in("f")},
	})
	for id, want := range map[string]string{
		"cve-2026-1234":       "cve-2026-1234 was found in a 1",
		"CVE-2026-9999":       "CVE-2026-9999 was found in b 1",
		"CVE-2026-7777":       "CVE-2026-7777 was found in c 1, d 1, e 1 and 1 more",
		"CVE-2026-1243":       "did you mean CVE-2026-1234, found in a 1?",
		"GHSA-xxxx-yyyy-zzzy": "did you mean GHSA-xxxx-yyyy-zzzz, found in b 1?",
		"CVE-1999-0001":       "",
		"":                    "",
	} {
		if got := search.Near(id); got != want {
			t.Errorf("%q: have %q, want %q", id, got, want)
		}
	}
	if finding.NewSearch(nil).Near("CVE-1") != "" || finding.NewSearch(nil).Has("CVE-1") || !search.Has("x", "cve-2026-9999") {
		t.Error("it has what it has not, or the other way around")
	}
}
