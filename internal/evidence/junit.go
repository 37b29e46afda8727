package evidence

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxDepth bounds how deep the elements of a JUnit file may lie in each other.
const maxDepth = 100

// junit reads a JUnit file element by element. Nobody has written down what the
// format is; read is what is common to those who write it.
type junit struct {
	into   *tests
	open   []string // names of the elements around
	suites []suite  // under way, the root included
	inTest bool
	test   string // under way
	came   outcome
}

// suite is a testsuite or the testsuites around them, under way.
type suite struct {
	name   string
	claims counts // as its attributes say
	found  counts // as its cases tell
	failed bool   // it says so itself
}

// counts are numbers of test cases.
type counts struct{ tests, failed int }

// readJUnit reads JUnit XML. A document with a type of its own, in which entities
// could swell, is refused.
func readJUnit(content []byte, into *tests) error {
	decoder := xml.NewDecoder(bytes.NewReader(content))
	j := junit{into: into}
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("it is not well-formed XML: %s", plain.Line(err.Error(), maxQuoted))
		}
		switch t := token.(type) {
		case xml.Directive:
			return errors.New("it declares a document type, which JUnit XML has not")
		case xml.StartElement:
			err = j.start(t)
		case xml.EndElement:
			err = j.end(t.Name.Local)
		}
		if err != nil {
			return err
		}
	}
}

func (j *junit) start(e xml.StartElement) error {
	name := e.Name.Local
	if len(j.open) == 0 && name != "testsuites" && name != "testsuite" {
		return fmt.Errorf("it is not JUnit XML: its root is %q", plain.Line(name, maxQuoted))
	}
	if j.open = append(j.open, name); len(j.open) > maxDepth {
		return fmt.Errorf("its elements lie more than %d deep", maxDepth)
	}
	switch name {
	case "testsuite", "testsuites":
		return j.startSuite(e)
	case "testcase":
		return j.startCase(e)
	case "failure", "error", "rerunFailure", "rerunError":
		j.fail()
	case "skipped", "flakyFailure", "flakyError":
		j.came = max(j.came, warned)
	}
	return nil
}

// fail makes the test under way one that failed, or the suite where no test is.
func (j *junit) fail() {
	j.came = failed
	if !j.inTest && len(j.suites) > 0 {
		j.suites[len(j.suites)-1].failed = true
	}
}

func (j *junit) startSuite(e xml.StartElement) error {
	s := suite{name: cmp.Or(attribute(e, "name"), e.Name.Local)}
	for _, count := range []struct {
		attribute string
		into      *int
	}{{"tests", &s.claims.tests}, {"failures", &s.claims.failed}, {"errors", &s.claims.failed}} {
		n, err := number(e, count.attribute)
		if err != nil {
			return fmt.Errorf("the suite %q: %w", plain.Line(s.name, maxQuoted), err)
		}
		*count.into += n
	}
	s.failed = came(e) == failed
	j.suites = append(j.suites, s)
	return nil
}

func (j *junit) startCase(e xml.StartElement) error {
	if j.inTest {
		return errors.New("a testcase lies in another")
	}
	j.inTest, j.came = true, came(e)
	j.test = strings.TrimPrefix(attribute(e, "classname")+"."+attribute(e, "name"), ".")
	return nil
}

// came returns what an element says of itself, as the tools do that write no child for it: CTest and GoogleTest say
// it in status, GoogleTest in result, too. What a word means that nobody knows could be that it failed.
func came(e xml.StartElement) outcome {
	worst := passed
	for _, name := range []string{"status", "result"} {
		switch strings.ToLower(strings.TrimSpace(attribute(e, name))) {
		case "", "passed", "pass", "success", "successful", "succeeded", "ok", "true",
			"run", "executed", "completed", "complete", "finished":
		case "skipped", "skip", "disabled", "notrun", "not_run", "ignored", "suppressed", "pending", "flaky", "warning":
			worst = max(worst, warned)
		default:
			worst = failed
		}
	}
	return worst
}

func (j *junit) end(name string) error {
	j.open = j.open[:len(j.open)-1]
	switch name {
	case "testcase":
		for i := range j.suites {
			j.suites[i].found.tests++
			if j.came == failed {
				j.suites[i].found.failed++
			}
		}
		j.inTest = false
		return j.into.add(j.test, j.came)
	case "testsuite", "testsuites":
		s := j.suites[len(j.suites)-1]
		j.suites = j.suites[:len(j.suites)-1]
		return s.check(j.into)
	}
	return nil
}

// check adds a failure for what a suite counts and its cases do not tell.
func (s suite) check(into *tests) error {
	switch {
	case s.claims.failed > s.found.failed:
		return into.add(s.name+fmt.Sprintf(" (%d failures are counted, %d are told)", s.claims.failed, s.found.failed), failed)
	case s.claims.tests > s.found.tests:
		return into.add(fmt.Sprintf("%s (%d tests are counted, %d are told)", s.name, s.claims.tests, s.found.tests), failed)
	case s.failed && s.found.failed == 0:
		return into.add(fmt.Sprintf("%s (it failed, and none of its tests did)", s.name), failed)
	}
	return nil
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// number returns a count, zero for none.
func number(e xml.StartElement, name string) (int, error) {
	text := strings.TrimSpace(attribute(e, name))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return 0, fmt.Errorf("%s is %q, which is no number of tests", name, plain.Line(text, maxQuoted))
	}
	return n, nil
}
