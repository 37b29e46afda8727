package report_test

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/report"
)

// junit is junit.xml as a host reads it.
type junit struct {
	Tests    int `xml:"tests,attr"`
	Failures int `xml:"failures,attr"`
	Errors   int `xml:"errors,attr"`
	Suites   []struct {
		Name  string `xml:"name,attr"`
		Cases []struct {
			Name    string `xml:"name,attr"`
			Class   string `xml:"classname,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
			Error *struct {
				Message string `xml:"message,attr"`
			} `xml:"error"`
			Output string `xml:"system-out"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

func junitOf(t *testing.T, r pipeline.Result) junit {
	t.Helper()
	document, err := report.JUnit(r)
	must(t, err)
	var out junit
	must(t, xml.Unmarshal(document, &out))
	return out
}

func TestJUnit(t *testing.T) {
	for name, r := range map[string]pipeline.Result{"denied.xml": denied(t), "passed.xml": passed(t), "hostile.xml": spoiled(t, "]]><![CDATA[\x00\ufffe&amp;<testcase name=\"x\"/>")} {
		document, err := report.JUnit(r)
		must(t, err)
		golden(t, name, document)
	}
}

// Deny is a failure, undecided is an error: a host shows them apart, and neither as
// passed.
func TestOutcomesOfTestCases(t *testing.T) {
	doc := junitOf(t, denied(t))
	if doc.Tests != 4 || doc.Failures != 2 || doc.Errors != 1 {
		t.Errorf("%d tests, %d failures, %d errors", doc.Tests, doc.Failures, doc.Errors)
	}
	words := []struct{ failure, err, output string }{
		{output: "warning: the review is 80 days old"},
		{err: "no attestation of type https://example.com/signoff/v1 is there"},
		{failure: "(fix: use another package)", output: "waived until 2027-03-31 by legal@example.com"},
		{failure: "critical CVE-2026-0001 in openssl"},
	}
	for i, c := range doc.Suites[0].Cases {
		failure, err := "", ""
		if c.Failure != nil {
			failure = c.Failure.Text
		}
		if c.Error != nil {
			err = c.Error.Message
		}
		want := words[i]
		if (failure == "") != (want.failure == "") || (err == "") != (want.err == "") ||
			!strings.Contains(failure+err+c.Output, want.failure+want.err) || !strings.Contains(c.Output, want.output) {
			t.Errorf("%s: failure %q, error %q, output %q", c.Name, failure, err, c.Output)
		}
	}
}

func TestAJobThatFailedIsNoPassedTest(t *testing.T) {
	for _, r := range []pipeline.Result{
		{Reference: "registry.example/absent:v1", Failure: errors.New("no such image")},
		{Verdict: policy.Verdict{Outcome: policy.Pass, Results: []policy.Result{{Name: "p", Outcome: policy.Pass}}}, Failure: errors.New("no such image")},
	} {
		doc := junitOf(t, r)
		if doc.Errors != 1 || doc.Suites[0].Cases[0].Error.Message != "no such image" {
			t.Errorf("%+v", doc)
		}
	}
}

func TestEachPlatformHasASuite(t *testing.T) {
	r := denied(t)
	r.Verdict = policy.Together(r.Verdict, r.Verdict.About("linux/amd64"), r.Verdict.About("linux/arm64"))
	doc := junitOf(t, r)
	if len(doc.Suites) != 3 || doc.Tests != 12 || doc.Suites[2].Name != "registry.example/team/app:1.4 linux/arm64" {
		t.Errorf("%d suites, %d tests", len(doc.Suites), doc.Tests)
	}
}

func TestHostileNamesStayInTheirAttributeOfXML(t *testing.T) {
	want := len(junitOf(t, spoiled(t, "harmless")).Suites[0].Cases)
	for name, s := range hostile() {
		t.Run(name, func(t *testing.T) {
			document, err := report.JUnit(spoiled(t, s))
			must(t, err)
			harmless(t, document)
			if doc := junitOf(t, spoiled(t, s)); doc.Tests != want || len(doc.Suites) != 1 {
				t.Errorf("%d tests in %d suites", doc.Tests, len(doc.Suites))
			}
		})
	}
}
