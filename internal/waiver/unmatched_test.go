package waiver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/waiver"
)

// TestUnmatched: a waiver that is for nothing is told, with what comes near.
func TestUnmatched(t *testing.T) {
	const ada = "reason: r, approver: ada, until: 2026-12-31}\n"
	scan := waiver.Case{
		Subjects: []attest.Subject{subject(t, "registry.example/team/app")}, Scanned: true,
		Findings: []finding.Finding{{ID: "CVE-2026-1234", Package: finding.Package{Name: "zlib", Version: "1"}}},
		Judged: []waiver.Judged{
			{Policy: "hallmark:non-root"},
			{Policy: "policies/team.rego", Violations: []waiver.Violation{{ID: "T-1", Resource: "nginx 1"}}},
		},
	}
	unscanned, unjudged, cut := scan, scan, scan
	unscanned.Scanned, unscanned.Findings, unjudged.Judged = false, nil, nil
	cut.Judged = []waiver.Judged{{Policy: "team.rego", More: true}}
	for name, c := range map[string]struct {
		entry string
		of    waiver.Case
		want  string // after the sentence; empty: matched, or nothing to say
	}{
		"matched":                        {"{vulnerability: CVE-2026-1234, ", scan, ""},
		"for another image":              {"{vulnerability: CVE-1, image: registry.example/other/*, ", scan, ""},
		"ended":                          {"{vulnerability: CVE-1, reason: r, approver: ada, until: 2020-12-31}\n#", scan, ""},
		"no scan":                        {"{vulnerability: CVE-1, ", unscanned, ""},
		"no policy":                      {"{policy: non-rot, ", unjudged, ""},
		"a violation":                    {"{policy: T-1, package: nginx, ", scan, ""},
		"a violation that is not listed": {"{policy: T-7, ", cut, ""},
		"another package":                {"{vulnerability: CVE-2026-1234, package: openssl, ", scan, ": CVE-2026-1234 was found in zlib 1"},
		"a slip of the pen":              {"{vulnerability: CVE-2026-1243, ", scan, ": did you mean CVE-2026-1234, found in zlib 1?"},
		"nothing like it":                {"{vulnerability: CVE-1999-1, ", scan, ""},
		"a policy that is not there":     {"{policy: nothing-like-it, ", scan, ": no policy and no violation has that name"},
		"a slip in a policy":             {"{policy: non-rot, ", scan, ": did you mean non-root?"},
		"a policy that passed":           {"{policy: non-root, ", scan, ": the policy denied nothing that it is for"},
		"a violation of another thing":   {"{policy: T-1, package: apache, ", scan, ": team denied nginx 1"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := waiver.Parse("w.yaml", []byte("waivers:\n  - "+c.entry+ada))
			if err != nil {
				t.Fatal(err)
			}
			got := f.Unmatched(c.of, day(1))
			told := c.want != "" || name == "nothing like it"
			if len(got) > 1 || told != (len(got) == 1) || told && (!strings.HasSuffix(got[0], " by ada matched nothing (w.yaml:2)"+c.want)) {
				t.Errorf("have %q, want %q", got, c.want)
			}
		})
	}
	text := "waivers:\n"
	for i := range 1000 {
		text += fmt.Sprintf("  - {vulnerability: CVE-1999-%d, %s", i, ada)
	}
	f, err := waiver.Parse("w.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Unmatched(scan, day(1)); len(got) != 21 || !slices.Contains(got, "980 more waivers of w.yaml matched nothing") {
		t.Errorf("%d: %q", len(got), got[len(got)-1])
	}
}
