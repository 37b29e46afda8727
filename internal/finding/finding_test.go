package finding_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

func TestSeverityRefusesAWordThatIsNone(t *testing.T) {
	for _, text := range []string{`""`, `"Critical"`, `"worse"`, `5`, `null`, `{}`, `"critical`} {
		got := finding.High
		if err := json.Unmarshal([]byte(text), &got); err == nil || got != finding.High {
			t.Errorf("%s was decoded as %s, error %v", text, got, err)
		}
	}
}

func TestSeverityIsWrittenByItsName(t *testing.T) {
	for _, s := range finding.Severities() {
		text, err := json.Marshal(s)
		if err != nil || string(text) != `"`+s.String()+`"` {
			t.Errorf("%v is written as %s, error %v", s, text, err)
		}
		var back finding.Severity
		if err := json.Unmarshal(text, &back); err != nil || back != s {
			t.Errorf("%s was read back as %s, error %v", s, back, err)
		}
	}
	if got := finding.Severity(99).String(); got != "unknown" {
		t.Errorf("a number that is no severity is called %s", got)
	}
}

func TestADatabaseWordThatIsNoSeverityIsToldApart(t *testing.T) {
	tests := []struct {
		word  string
		want  finding.Severity
		known bool
	}{
		{"urgent", finding.Unknown, false},
		{"Important", finding.Unknown, false},
		{"critical ", finding.Unknown, false},
		{"none", finding.Unknown, false},
		{"", finding.Unknown, true},
		{"Unknown", finding.Unknown, true},
		{"CRITICAL", finding.Critical, true},
		{"Negligible", finding.Negligible, true},
		{"low", finding.Low, true},
	}
	for _, test := range tests {
		if got, known := finding.FromDatabase(test.word); got != test.want || known != test.known {
			t.Errorf("FromDatabase(%q) = %s, %v; want %s, %v", test.word, got, known, test.want, test.known)
		}
	}
}

func TestParseCutoffRefusesWhatIsNoSeverity(t *testing.T) {
	for _, word := range []string{"", "unknown", "urgent", "high,critical", " high", "0"} {
		_, err := finding.ParseCutoff(word)
		if err == nil || fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("ParseCutoff(%q): error %v, hint %q", word, err, fault.HintOf(err))
		}
	}
}

func TestCutoff(t *testing.T) {
	tests := []struct {
		word    string
		reached []finding.Severity // the others are not
	}{
		{"none", nil},
		{"None", nil},
		{"critical", []finding.Severity{finding.Critical}},
		{"High", []finding.Severity{finding.Critical, finding.High}},
		{"negligible", []finding.Severity{finding.Critical, finding.High, finding.Medium, finding.Low, finding.Negligible}},
	}
	for _, test := range tests {
		cutoff, err := finding.ParseCutoff(test.word)
		if err != nil {
			t.Fatal(err)
		}
		if cutoff.Set() != (test.reached != nil) {
			t.Errorf("%q: Set = %v", test.word, cutoff.Set())
		}
		for _, s := range finding.Severities() {
			if got, want := cutoff.Reached(s), slices.Contains(test.reached, s); got != want {
				t.Errorf("%q reached by %s: %v, want %v", test.word, s, got, want)
			}
		}
		if again, err := finding.ParseCutoff(cutoff.String()); err != nil || again != cutoff {
			t.Errorf("%q is written as %q, which is read as %v, error %v", test.word, cutoff, again, err)
		}
	}
}

func TestSortGivesOneOrder(t *testing.T) {
	f := func(s finding.Severity, name, version, id, purl string) finding.Finding {
		return finding.Finding{ID: id, Severity: s, Package: finding.Package{Name: name, Version: version, PURL: purl}}
	}
	want := []finding.Finding{
		f(finding.Critical, "z", "1", "CVE-2", "pkg:z"),
		f(finding.High, "a", "1", "CVE-1", "pkg:a"),
		f(finding.High, "a", "1", "CVE-2", "pkg:a"),
		f(finding.High, "a", "1", "CVE-2", "pkg:b"),
		f(finding.High, "a", "2", "CVE-1", "pkg:a"),
		f(finding.High, "b", "1", "CVE-1", "pkg:b"),
		f(finding.Negligible, "a", "1", "CVE-1", "pkg:a"),
		f(finding.Unknown, "a", "1", "CVE-1", "pkg:a"),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		got := slices.Clone(want)
		random.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		finding.Sort(got)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("sorted as %+v", got)
		}
	}
}

// TestSortKeepsTies: findings that differ in something else only have an order
// already, and there are many of them when a database is odd.
func TestSortKeepsTies(t *testing.T) {
	want := map[finding.Severity][]finding.Finding{}
	var all []finding.Finding
	for i := range 200 {
		f := finding.Finding{ID: "CVE-1", Severity: finding.Severities()[i%5], FixedIn: []string{fmt.Sprint(i)}}
		want[f.Severity] = append(want[f.Severity], f)
		all = append(all, f)
	}
	finding.Sort(all)
	for severity, ties := range want {
		first := slices.IndexFunc(all, func(f finding.Finding) bool { return f.Severity == severity })
		if got := all[first : first+len(ties)]; !reflect.DeepEqual(got, ties) {
			t.Errorf("%s: sorted as %+v", severity, got)
		}
	}
}

func TestSuppressedFindingsCountAsRawOnly(t *testing.T) {
	var findings []finding.Finding
	for i, s := range finding.Severities() {
		for range i + 1 { // 1 critical, 2 high, …
			findings = append(findings, finding.Finding{Severity: s})
		}
		findings = append(findings, finding.Finding{Severity: s, SuppressedBy: &finding.Suppression{Source: "vex"}})
	}
	raw, effective := finding.Count(findings)
	if want := (finding.Counts{Critical: 2, High: 3, Medium: 4, Low: 5, Negligible: 6, Unknown: 7}); raw != want {
		t.Errorf("raw %+v, want %+v", raw, want)
	}
	if want := (finding.Counts{Critical: 1, High: 2, Medium: 3, Low: 4, Negligible: 5, Unknown: 6}); effective != want {
		t.Errorf("effective %+v, want %+v", effective, want)
	}
	if raw.Total() != len(findings) || effective.Total() != len(findings)-6 {
		t.Errorf("totals %d and %d of %d", raw.Total(), effective.Total(), len(findings))
	}
	for i, s := range finding.Severities() {
		if effective.Of(s) != i+1 {
			t.Errorf("Of(%s) = %d", s, effective.Of(s))
		}
	}
}

func TestASummaryOfNothingHasAnEmptyList(t *testing.T) {
	text, err := json.Marshal(finding.Scan{}.Summary().Findings)
	if err != nil || string(text) != "[]" {
		t.Errorf("got %s, error %v", text, err)
	}
}
