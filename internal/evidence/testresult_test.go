package evidence_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/evidence"
)

func TestWhatAreNoTestResults(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">]><testsuite><testcase name="&lol;"/></testsuite>`
	laughs := `<!DOCTYPE l [<!ENTITY a "ha">`
	for i := range 9 { // each ten times the one before
		laughs += fmt.Sprintf(`<!ENTITY %c "%s">`, 'b'+i, strings.Repeat(fmt.Sprintf("&%c;", 'a'+i), 10))
	}
	laughs += `]><testsuite><testcase name="&j;"/></testsuite>`
	deep := strings.Repeat("<testsuite>", 101) + strings.Repeat("</testsuite>", 101)
	var b strings.Builder
	b.WriteString("<testsuite>")
	for i := range 100_001 {
		fmt.Fprintf(&b, `<testcase name="t%d"/>`, i)
	}
	b.WriteString("</testsuite>")
	for says, content := range map[string]string{
		"neither JUnit XML nor":              "hello",
		"neither JUnit XML nor the output":   "",
		"declares a document type":           bomb,
		"declares a document type, which":    laughs,
		"not well-formed XML":                "<testsuite><testcase></testsuite>",
		"not well-formed XML: XML syntax":    `<testsuite><testcase name="&lol;"/></testsuite>`,
		`its root is "html"`:                 "<html/>",
		"lie more than 100 deep":             deep,
		"it holds no test":                   "<testsuites/>",
		`failures is "one", which is no`:     `<testsuite name="s" failures="one"><testcase name="a"/></testsuite>`,
		`tests is "-1", which is no number`:  `<testsuite tests="-1"><testcase name="a"/></testsuite>`,
		"a testcase lies in another":         `<testsuite><testcase name="a"><failure/><testcase name="b"/></testcase></testsuite>`,
		"a test without a name":              "<testsuite><testcase/></testsuite>",
		"more than 100000 tests":             b.String(),
		"at byte 0 it is no event":           "{",
		"names no action or no package":      `{"sbom":1}`,
		"it is no event":                     `{"Action":"start","Package":"p"} FAIL`,
		"67108865 bytes, the limit is 67108": "<" + strings.Repeat(" ", 64<<20),
	} {
		_, err := evidence.TestResult([]evidence.Brought{{Path: "r.xml", Content: []byte(content)}}, "")
		refused(t, err, "reading the test results r.xml: ", says)
	}
}

func TestTestResults(t *testing.T) {
	const good = `<testsuites><testsuite name="s" tests="1" failures="0"><testcase classname="c" name="a"/></testsuite></testsuites>`
	for name, c := range map[string]struct {
		files                  []string
		result                 string
		passed, warned, failed []string
	}{
		"all passed": {[]string{good}, "PASSED", []string{"c.a"}, nil, nil},
		"one skipped": {
			[]string{good, `<testsuite><testcase name="b"><skipped/></testcase></testsuite>`},
			"WARNED",
			[]string{"c.a"},
			[]string{"b"},
			nil,
		},
		"one flaky":    {[]string{`<testsuite><testcase name="b"><flakyFailure/></testcase></testsuite>`}, "WARNED", nil, []string{"b"}, nil},
		"not run":      {[]string{`<testsuite><testcase name="b" status="notrun"/></testsuite>`}, "WARNED", nil, []string{"b"}, nil},
		"one failed":   {[]string{`<testsuite><testcase name="b"><failure/></testcase><testcase name="z"/></testsuite>`}, "FAILED", []string{"z"}, nil, []string{"b"}},
		"one in error": {[]string{`<testsuite><testcase name="b"><error/><skipped/></testcase></testsuite>`}, "FAILED", nil, nil, []string{"b"}},
		"the worse counts": {
			[]string{`<testsuite><testcase classname="c" name="a"><failure/></testcase></testsuite>`, good}, "FAILED", nil, nil, []string{"c.a"},
		},
		"a failure that no case tells": {
			[]string{`<testsuite name="s" errors="1" failures="1"><testcase name="b"><failure/></testcase></testsuite>`},
			"FAILED", nil, nil,
			[]string{"b", "s (2 failures are counted, 1 are told)"},
		},
		"failures that only the root counts": {
			[]string{`<testsuites name="all" tests="1" failures="1"><testsuite name="s"><testcase name="a"/></testsuite></testsuites>`},
			"FAILED",
			[]string{"a"},
			nil,
			[]string{"all (1 failures are counted, 0 are told)"},
		},
		"errors that only the root counts": {
			[]string{`<testsuites errors="2"><testsuite name="s" tests="1"><testcase name="a"/></testsuite></testsuites>`},
			"FAILED",
			[]string{"a"},
			nil,
			[]string{"testsuites (2 failures are counted, 0 are told)"},
		},
		"tests that no case tells":     {[]string{`<testsuite name="s" tests="5"></testsuite>`}, "FAILED", nil, nil, []string{"s (5 tests are counted, 0 are told)"}},
		"some that no case tells":      {[]string{`<testsuite name="s" tests="2"><testcase name="a"/></testsuite>`}, "FAILED", []string{"a"}, nil, []string{"s (2 tests are counted, 1 are told)"}},
		"a status instead of a child":  {[]string{`<testsuite><testcase name="a" status="failed"/></testsuite>`}, "FAILED", nil, nil, []string{"a"}},
		"CTest's word for it":          {[]string{`<testsuite><testcase name="a" status="FAIL"/></testsuite>`}, "FAILED", nil, nil, []string{"a"}},
		"a status that nobody knows":   {[]string{`<testsuite><testcase name="a" status="odd"/></testsuite>`}, "FAILED", nil, nil, []string{"a"}},
		"a status that is good":        {[]string{`<testsuite><testcase name="a" status="run" result="completed"/></testsuite>`}, "PASSED", []string{"a"}, nil, nil},
		"a result that is not":         {[]string{`<testsuite><testcase name="a" status="run" result="failed"/></testsuite>`}, "FAILED", nil, nil, []string{"a"}},
		"a suite that says it failed":  {[]string{`<testsuite name="s" status="failed"><testcase name="a"/></testsuite>`}, "FAILED", []string{"a"}, nil, []string{"s (it failed, and none of its tests did)"}},
		"an error outside of any test": {[]string{`<testsuite name="s"><testcase name="a"/><error message="x"/></testsuite>`}, "FAILED", []string{"a"}, nil, []string{"s (it failed, and none of its tests did)"}},
		"reruns that failed":           {[]string{`<testsuite><testcase name="a"><rerunFailure/></testcase></testsuite>`}, "FAILED", nil, nil, []string{"a"}},
		"go without the end of a package": {[]string{`{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Test":"TestA"}`}, "FAILED", []string{"p.TestA"}, nil, []string{"p"}},
		"go that was cut after a first run": {[]string{`{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}
{"Action":"pass","Package":"p","Test":"TestB"}`}, "FAILED", []string{"p.TestA", "p.TestB"}, nil, []string{"p"}},
		"go": {[]string{`{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"x"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}`}, "WARNED", []string{"p.TestA"}, []string{"p.TestB"}, nil},
		"go that ended early": {[]string{`{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}`}, "FAILED", nil, nil, []string{"p", "p.TestA"}},
		"go that did not build": {[]string{`{"ImportPath":"p","Action":"build-output","Output":"x"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p"}`}, "FAILED", nil, nil, []string{"p"}},
	} {
		t.Run(name, func(t *testing.T) {
			var files []evidence.Brought
			for _, content := range c.files {
				files = append(files, evidence.Brought{Path: "r", Content: []byte(content)})
			}
			p, err := evidence.TestResult(files, "https://ci.example.com/1")
			must(t, err)
			var message testresult.TestResult
			must(t, protojson.Unmarshal(p.Body, &message))
			if p.Type != attest.TypeTestResult || message.Result != c.result || message.Url != "https://ci.example.com/1" || len(message.Configuration) != len(files) {
				t.Errorf("got %s", p.Body)
			}
			for _, have := range [][2][]string{{message.PassedTests, c.passed}, {message.WarnedTests, c.warned}, {message.FailedTests, c.failed}} {
				if !slices.Equal(have[0], have[1]) {
					t.Errorf("have %q, want %q", have[0], have[1])
				}
			}
		})
	}
}

// Whatever is read gives a predicate that can be read, or an error.
func FuzzTestResult(f *testing.F) {
	f.Add([]byte(`<testsuites><testsuite name="s"><testcase name="a"/></testsuite></testsuites>`))
	f.Add([]byte(`{"Action":"pass","Package":"p","Test":"TestA"}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		p, err := evidence.TestResult([]evidence.Brought{{Path: "r", Content: content}}, "")
		if err != nil {
			return
		}
		var message testresult.TestResult
		must(t, protojson.Unmarshal(p.Body, &message))
		if len(message.PassedTests)+len(message.WarnedTests)+len(message.FailedTests) == 0 || !json.Valid(p.Body) {
			t.Errorf("no test, and no error: %s", p.Body)
		}
	})
}
