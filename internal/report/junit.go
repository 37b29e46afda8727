package report

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// The parts of JUnit's XML that hosts show
// (https://github.com/testmoapp/junitxml).

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property,omitempty"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string         `xml:"name,attr"`
	Class     string         `xml:"classname,attr"`
	Time      string         `xml:"time,attr"`
	Failure   *junitNotation `xml:"failure,omitempty"`
	Error     *junitNotation `xml:"error,omitempty"`
	SystemOut string         `xml:"system-out,omitempty"`
}

type junitNotation struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit returns junit.xml: a test case for every check, in a suite for the image,
// and one for each image of an index. What is denied has failed, what could not be
// decided is in error.
func JUnit(r pipeline.Result) ([]byte, error) {
	r = cleaned(r)
	all := junitSuites{Name: "Hallmark: " + requested(r)}
	at := map[string]int{}
	suite := func(platform string) *junitSuite {
		i, ok := at[platform]
		if !ok {
			i = len(all.Suites)
			at[platform] = i
			all.Suites = append(all.Suites, newSuite(r, platform))
		}
		return &all.Suites[i]
	}
	if r.Failure != nil || len(r.Verdict.Results) == 0 {
		suite("").add(jobCase(r))
	}
	for _, c := range r.Verdict.Results {
		suite(c.Platform).add(checkCase(c))
	}
	for _, s := range all.Suites {
		all.Tests, all.Failures, all.Errors = all.Tests+s.Tests, all.Failures+s.Failures, all.Errors+s.Errors
	}
	var out bytes.Buffer
	out.WriteString(xml.Header)
	encoder := xml.NewEncoder(&out)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return nil, fmt.Errorf("encoding %s: %w", fileJUnit, err)
	}
	out.WriteString("\n")
	return out.Bytes(), nil
}

func newSuite(r pipeline.Result, platform string) junitSuite {
	s := junitSuite{Name: requested(r), Time: "0", Properties: []junitProperty{{"image", pinned(r)}, {"verdict", outcome(r).String()}}}
	if platform != "" {
		s.Name += " " + platform
		s.Properties = append(s.Properties, junitProperty{"platform", platform})
	}
	return s
}

func (s *junitSuite) add(c junitCase) {
	s.Tests++
	if c.Failure != nil {
		s.Failures++
	}
	if c.Error != nil {
		s.Errors++
	}
	s.Cases = append(s.Cases, c)
}

// jobCase stands for the job itself, where it failed or nothing was asked of it: a
// file without a test case is an error to some of its readers.
func jobCase(r pipeline.Result) junitCase {
	c := junitCase{Name: "The job came to a verdict", Class: "hallmark.job", Time: "0"}
	if r.Failure != nil {
		c.Error = &junitNotation{Type: "failed", Message: r.Failure.Error(), Text: r.Failure.Error()}
	} else {
		c.SystemOut = headline(r)
	}
	return c
}

func checkCase(c policy.Result) junitCase {
	out := junitCase{Name: cmp.Or(c.Title, c.Name), Class: className(c), Time: "0", SystemOut: checkOutput(c)}
	if out.Name != c.Name {
		out.Name += " (" + c.Name + ")"
	}
	var first string
	lines := make([]string, len(c.Reasons))
	for i, reason := range c.Reasons {
		lines[i] = reason.String()
		first = cmp.Or(first, lines[i])
	}
	note := &junitNotation{Type: cmp.Or(c.Severity, c.Outcome.String()), Message: first, Text: strings.Join(lines, "\n")}
	if more := len(lines) - 1; more > 0 {
		note.Message = fmt.Sprintf("%s, and %d more", first, more)
	}
	switch c.Outcome {
	case policy.Deny:
		out.Failure = note
	case policy.Undecided:
		out.Error = note
	case policy.Pass:
		if len(lines) > 0 {
			out.SystemOut = strings.TrimPrefix(out.SystemOut+"\n"+note.Text, "\n")
		}
	}
	return out
}

// className groups checks: by the framework of their first control, else by the
// dialect of their policy.
func className(c policy.Result) string {
	switch {
	case len(c.Controls) > 0:
		return "hallmark." + strings.ReplaceAll(c.Controls[0].Framework, ".", "_")
	case c.Dialect != "":
		return "hallmark." + string(c.Dialect)
	}
	return "hallmark.built-in"
}

// checkOutput is what else a check says: its description, its controls, what it
// warns of and what was waived.
func checkOutput(c policy.Result) string {
	var lines []string
	if c.Description != "" {
		lines = append(lines, c.Description)
	}
	for _, k := range c.Controls {
		lines = append(lines, "control: "+k.Framework+" "+k.ID)
	}
	for _, w := range c.Warnings {
		lines = append(lines, "warning: "+w.String())
	}
	for _, w := range c.Waived {
		lines = append(lines, fmt.Sprintf("waived until %s by %s: %s (%s)", w.Until.UTC().Format(dayFormat), w.By, w.Reason.String(), w.Why))
	}
	return strings.Join(lines, "\n")
}
