package evidence_test

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestFileRefusesWhatIsNotTypeAndFile(t *testing.T) {
	for _, argument := range []string{"", "custom", "custom=", "=review.json", "="} {
		_, err := evidence.File(argument, noon())
		refused(t, err, "is not of the form TYPE=FILE")
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%q: kind %v, hint %q", argument, fault.KindOf(err), fault.HintOf(err))
		}
	}
	_, err := evidence.File("sbom=x.json", noon())
	refused(t, err, `unknown predicate type "sbom"`)
	if !strings.Contains(fault.HintOf(err), "cyclonedx") {
		t.Errorf("hint %q does not name the known types", fault.HintOf(err))
	}
}

func TestFileRefusesWhatIsNoPredicate(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	huge := write("huge.json", "")
	must(t, os.Truncate(huge, attest.MaxSize+5)) // sparse

	tests := []struct{ name, word, path, says string }{
		{"no such file", "custom", filepath.Join(dir, "none.json"), "no such file"},
		{"a folder", "custom", dir, "is a directory"},
		{"nothing", "custom", write("empty.json", ""), "the file is empty"},
		{"no JSON", "vuln", write("text.json", "hello"), "not JSON"},
		{"an array", "vuln", write("array.json", "[]"), "not a JSON object"},
		{"null", "vuln", write("null.json", "null"), "not a JSON object"},
		{"no text", "custom", write("bytes", "\xff\xfe"), "not UTF-8 text"},
		{"too large", "custom", huge, "it has 134217733 bytes, the limit is 134217728 (128 MiB)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := evidence.File(test.word+"="+test.path, noon())
			refused(t, err, "reading the predicate", test.path, test.says)
		})
	}
}

// What is read here can be signed and attached: base64 makes it longer by a third,
// and blanks between the values are not signed.
func TestAFileThatWouldBeTooLargeOnceSigned(t *testing.T) {
	const third = 97 << 20
	const review = "https://example.com/review/v1" // of which nobody knows the shape
	object := func(filled, blank int) string {
		return `{"a":"` + strings.Repeat("x", filled) + `"` + strings.Repeat(" ", blank) + "}"
	}
	tests := []struct{ name, word, content, says string }{
		{"an object", review, object(third, 0), "it has 101711880 bytes; signed it would be over the limit of 134217728 bytes (128 MiB)"},
		{"text, which is longer as JSON", "custom", strings.Repeat("\x00", third/6), "it has 16951978 bytes; signed it would be over the limit"},
		{"an object that just fits, and blanks", review, object(attest.MaxSize/4*3-8<<10, 20<<20), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "large")
			must(t, os.WriteFile(path, []byte(test.content), 0o600))
			p, err := evidence.File(test.word+"="+path, noon())
			if test.says != "" {
				refused(t, err, "reading the predicate "+path+": ", test.says)
				return
			}
			must(t, err)
			st, err := json.Marshal(attest.Statement{PredicateType: p.Type, Predicate: p.Body})
			must(t, err)
			if n := base64.StdEncoding.EncodedLen(len(st)); n > attest.MaxSize {
				t.Errorf("it was accepted, and has %d bytes in an envelope", n)
			}
		})
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a=b.json") // the first = ends the type
	must(t, os.WriteFile(path, []byte(`{"key": "value"}`), 0o600))

	p, err := evidence.File("https://example.com/review/v1="+path, noon())
	must(t, err)
	if p.Type != "https://example.com/review/v1" || string(p.Body) != `{"key": "value"}` {
		t.Errorf("got %s %s", p.Type, p.Body)
	}
	p, err = evidence.File("custom="+path, noon())
	must(t, err)
	if want := `{"Data":"{\"key\": \"value\"}","Timestamp":"2026-11-22T12:00:00Z"}`; string(p.Body) != want {
		t.Errorf("got %s, want %s", p.Body, want)
	}
}

func TestAnSBOMIsThePredicateAsItIs(t *testing.T) {
	const document = `{"bomFormat": "CycloneDX"}`
	if p := evidence.CycloneDX([]byte(document)); p.Type != attest.TypeCycloneDX || string(p.Body) != document {
		t.Errorf("got %+v", p)
	}
	if p := evidence.SPDX([]byte(document)); p.Type != attest.TypeSPDX || string(p.Body) != document {
		t.Errorf("got %+v", p)
	}
}

func TestAScanWithoutFindingsSaysSo(t *testing.T) {
	p, err := evidence.Vuln(finding.Scan{})
	must(t, err)
	summary := readSummary(t, p)
	if summary.Findings == nil || len(summary.Findings) != 0 || summary.Counts != (finding.SummaryCounts{}) {
		t.Errorf("got %s", p.Body)
	}
}

func TestVuln(t *testing.T) {
	p, err := evidence.Vuln(scan())
	must(t, err)
	if p.Type != attest.TypeVuln {
		t.Errorf("type %s", p.Type)
	}
	indented, err := json.MarshalIndent(p.Body, "", "  ")
	must(t, err)
	golden(t, "vuln.json", append(indented, '\n'))

	again, err := evidence.Vuln(scan())
	must(t, err)
	if string(again.Body) != string(p.Body) {
		t.Error("the same scan gave other bytes")
	}
	summary := readSummary(t, p)
	if len(summary.Findings) != 2 || !summary.Findings[0].Effective() || summary.Findings[1].Effective() {
		t.Errorf("read back as %+v", summary.Findings)
	}
}

// A scan that names a time that JSON cannot write is not attested.
func TestVulnRefusesATimeThatCannotBeWritten(t *testing.T) {
	s := scan()
	s.Finished = time.Date(20000, time.January, 1, 0, 0, 0, 0, time.UTC)
	_, err := evidence.Vuln(s)
	refused(t, err, "encoding the scan predicate")
	s = scan()
	s.Database.Built = s.Finished.AddDate(20000, 0, 0)
	_, err = evidence.Vuln(s)
	refused(t, err, "encoding the scan summary")
}

func scan() finding.Scan {
	added := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)
	return finding.Scan{
		Scanner:  finding.Scanner{URI: "pkg:golang/github.com/anchore/grype@v0.120.1", Version: "v0.120.1"},
		Database: finding.Database{Schema: "v6.1.10", Built: noon().Add(-time.Hour), Source: "/home/runner/mirror/vuln.db"},
		Findings: []finding.Finding{
			{
				ID: "CVE-2026-0001", Aliases: []string{"GHSA-aaaa"}, Severity: finding.Critical,
				Package: finding.Package{Name: "openssl", Version: "3.0.9-1", Type: "deb", PURL: "pkg:deb/debian/openssl@3.0.9-1"},
				FixedIn: []string{"3.0.11-1"}, FixState: "fixed",
				EPSS: &finding.EPSS{Score: 0.5, Percentile: 0.99},
				KEV:  &finding.KEV{CVE: "CVE-2026-0001", DateAdded: &added},
			},
			{
				ID: "CVE-2026-0002", Aliases: []string{}, Severity: finding.Low, FixedIn: []string{}, FixState: "unknown",
				Package:      finding.Package{Name: "<script>", Version: "1", Type: "npm", PURL: "pkg:npm/%3Cscript%3E@1"},
				SuppressedBy: &finding.Suppression{Source: "database", Reason: "not affected"},
			},
		},
		Started: noon(), Finished: noon().Add(2 * time.Second),
	}
}

func readSummary(t *testing.T, p attest.Predicate) finding.Summary {
	t.Helper()
	var body finding.Predicate
	must(t, json.Unmarshal(p.Body, &body))
	var summary finding.Summary
	must(t, json.Unmarshal(body.Scanner.Result, &summary))
	return summary
}

// golden compares got with the file testdata/<name>.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if string(got) != string(want) {
		t.Errorf("%s:\n got %s\nwant %s", path, got, want)
	}
}

func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func noon() time.Time {
	return time.Date(2026, time.November, 22, 13, 0, 0, 0, time.FixedZone("CET", 3600))
}
