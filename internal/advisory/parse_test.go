package advisory_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/advisory"
)

// entry returns a table of one sound advisory, with one field set to another
// value, or left out.
func entry(t *testing.T, field string, value any) string {
	t.Helper()
	fields := map[string]any{
		"id": "CVE-2020-0001", "aliases": []string{"GHSA-aaaa-bbbb-cccc"}, "ecosystem": "npm", "package": "left",
		"affected": "<1.0.0", "fixed": "1.0.0", "severity": "high", "summary": "It fails",
	}
	fields[field] = value
	if value == nil {
		delete(fields, field)
	}
	encoded, err := json.Marshal([]any{fields})
	if err != nil {
		t.Fatal(err)
	}
	return string(encoded)
}

func TestParseRefuses(t *testing.T) {
	sound := entry(t, "id", "CVE-2020-0001")
	tests := map[string]struct{ table, want string }{
		"no JSON":            {"severity: high", "invalid character"},
		"no array":           {`{"id":"CVE-2020-0001"}`, "cannot unmarshal object"},
		"more after it":      {sound + sound, "there is more after the end"},
		"not UTF-8":          {strings.Replace(sound, "fails", "\xff", 1), "not UTF-8"},
		"too large":          {strings.Repeat(" ", 16<<20+1), "more than 16 MiB"},
		"an unknown field":   {entry(t, "cwe", "CWE-79"), `unknown field "cwe"`},
		"twice the same":     {"[" + strings.Trim(sound, "[]") + "," + strings.Trim(sound, "[]") + "]", `advisory 2 ("CVE-2020-0001"): there is one already`},
		"no id":              {entry(t, "id", nil), `"" is not a CVE, GHSA or GO identifier`},
		"an odd id":          {entry(t, "id", "CVE-2020-1; rm"), "is not a CVE, GHSA or GO identifier"},
		"an odd alias":       {entry(t, "aliases", []string{""}), "is not a CVE, GHSA or GO identifier"},
		"no ecosystem":       {entry(t, "ecosystem", nil), "none of npm, go and debian:RELEASE"},
		"an odd release":     {entry(t, "ecosystem", "debian:012"), "none of npm, go and debian:RELEASE"},
		"no package":         {entry(t, "package", nil), "is empty"},
		"no summary":         {entry(t, "summary", nil), "is empty"},
		"a long summary":     {entry(t, "summary", strings.Repeat("a", 1025)), "longer than 1024 bytes"},
		"no severity":        {entry(t, "severity", nil), "the severity is missing"},
		"an odd severity":    {entry(t, "severity", "terrible"), `"terrible" is none`},
		"an odd range":       {entry(t, "affected", ">=x,<<2"), "does not parse"},
		"fixed but affected": {entry(t, "fixed", "0.9.0"), "lies in the affected range"},
		"fixed and not":      {entry(t, "fixState", "wont-fix"), "has no other fixState"},
		"an odd fix state":   {entry(t, "fixState", "perhaps"), "neither not-fixed nor wont-fix"},
		"an odd CVSS":        {entry(t, "cvss", "AV:N/AC:L"), "not a CVSS vector"},
		"EPSS out of range":  {entry(t, "epss", map[string]float64{"score": 1.5}), "outside of 0 to 1"},
		"an odd day":         {entry(t, "kev", map[string]string{"dateAdded": "yesterday"}), "not of the form 2006-01-02"},
		"KEV without a day":  {entry(t, "kev", map[string]string{}), "no dateAdded"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := advisory.Parse(strings.NewReader(test.table))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q", err, test.want)
			}
		})
	}
}

func TestParseWantsACVEForDebianAndForRatings(t *testing.T) {
	for _, table := range []string{
		`[{"id":"GHSA-aaaa-bbbb-cccc","ecosystem":"debian:12","package":"p","severity":"low","summary":"s"}]`,
		`[{"id":"GHSA-aaaa-bbbb-cccc","ecosystem":"npm","package":"p","severity":"low","summary":"s","epss":{"score":0.5}}]`,
	} {
		if _, err := advisory.Parse(strings.NewReader(table)); err == nil || !strings.Contains(err.Error(), "CVE") {
			t.Errorf("%s\nerr = %v, want that it needs a CVE", table, err)
		}
	}
}

// FuzzParse looks for a table that Parse takes and that is not taken again
// after it was written out.
func FuzzParse(f *testing.F) {
	f.Add(`[{"id":"CVE-2020-0001","ecosystem":"npm","package":"p","affected":"<1","severity":"low","summary":"s"}]`)
	f.Add(`[{"id":"CVE-2020-0001","ecosystem":"debian:12","package":"p","fixed":"1:2","severity":"unknown","summary":"s","kev":{"dateAdded":"2020-02-29"}}]`)
	f.Add(`[null]`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, table string) {
		advisories, err := advisory.Parse(strings.NewReader(table))
		if err != nil {
			return
		}
		encoded, err := json.Marshal(advisories)
		if err != nil {
			t.Fatal(err)
		}
		again, err := advisory.Parse(strings.NewReader(string(encoded)))
		if err != nil || len(again) != len(advisories) {
			t.Errorf("%s\nwas taken, and written out as\n%s\nit is not: %v", table, encoded, err)
		}
	})
}
