package evidence

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
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
	suites []suite
	test   string // under way
	came   outcome
}

// suite is a testsuite under way.
type suite struct {
	name   string
	claims int // failures and errors, as its attributes say
	found  int // cases that failed
}

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
	case "testsuite":
		j.suites = append(j.suites, suite{name: attribute(e, "name"), claims: number(e, "failures") + number(e, "errors")})
	case "testcase":
		j.test, j.came = strings.TrimPrefix(attribute(e, "classname")+"."+attribute(e, "name"), "."), passed
		switch attribute(e, "status") {
		case "skipped", "disabled", "notrun":
			j.came = warned
		}
	case "failure", "error":
		j.came = failed
	case "skipped", "flakyFailure", "flakyError":
		j.came = max(j.came, warned)
	}
	return nil
}

func (j *junit) end(name string) error {
	j.open = j.open[:len(j.open)-1]
	switch name {
	case "testcase":
		if j.came == failed {
			for i := range j.suites {
				j.suites[i].found++
			}
		}
		test := j.test
		j.test = ""
		return j.into.add(test, j.came)
	case "testsuite":
		s := j.suites[len(j.suites)-1]
		j.suites = j.suites[:len(j.suites)-1]
		if s.claims > s.found {
			return j.into.add(fmt.Sprintf("%s (%d failures are counted, %d are told)", s.name, s.claims, s.found), failed)
		}
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

func number(e xml.StartElement, name string) int {
	n, err := strconv.Atoi(attribute(e, name))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
