package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

const (
	maxResults = 64 << 20 // bytes of one file of test results
	maxTests   = 100_000  // of all files
	maxTest    = 500      // bytes of a test's name
)

// outcome is what came of a test; of two with one name the worse one counts.
type outcome int

const (
	passed outcome = iota
	warned         // skipped, or passed when it was tried again
	failed
)

// tests collects what came of each test.
type tests struct{ outcomes map[string]outcome }

func (t *tests) add(name string, o outcome) error {
	name = plain.Line(name, maxTest)
	if name == "" {
		return errors.New("it holds a test without a name")
	}
	if earlier, ok := t.outcomes[name]; !ok || o > earlier {
		t.outcomes[name] = o
	}
	if len(t.outcomes) > maxTests {
		return fmt.Errorf("it holds more than %d tests, which is the limit", maxTests)
	}
	return nil
}

// Brought is a file that the user brought: where it was, and what is in it.
type Brought struct {
	Path    string
	Content []byte
}

// The predicate of in-toto's test results
// (https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md).
type testResult struct {
	Result        string       `json:"result"`
	Configuration []descriptor `json:"configuration"`
	URL           string       `json:"url,omitempty"`
	PassedTests   []string     `json:"passedTests"`
	WarnedTests   []string     `json:"warnedTests"`
	FailedTests   []string     `json:"failedTests"`
}

// TestResult returns files of test results as one predicate. url is where the tests
// ran. One test that failed makes the result FAILED; one that was skipped, or that
// passed only when it was tried again, makes it WARNED.
func TestResult(files []Brought, url string) (attest.Predicate, error) {
	p := testResult{Result: "PASSED", URL: url, Configuration: []descriptor{}, PassedTests: []string{}, WarnedTests: []string{}, FailedTests: []string{}}
	all := tests{map[string]outcome{}}
	for _, f := range files {
		if err := f.tests(&all); err != nil {
			return attest.Predicate{}, fmt.Errorf("reading the test results %s: %w", f.Path, err)
		}
		sum := sha256.Sum256(f.Content)
		p.Configuration = append(p.Configuration, descriptor{
			Name: plain.Line(f.Path, maxTest), Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])},
			Annotations: map[string]string{"role": "results"},
		})
	}
	for name, o := range all.outcomes {
		switch o {
		case failed:
			p.FailedTests = append(p.FailedTests, name)
		case warned:
			p.WarnedTests = append(p.WarnedTests, name)
		case passed:
			p.PassedTests = append(p.PassedTests, name)
		}
	}
	switch {
	case len(p.FailedTests) > 0:
		p.Result = "FAILED"
	case len(p.WarnedTests) > 0:
		p.Result = "WARNED"
	}
	for _, names := range [][]string{p.PassedTests, p.WarnedTests, p.FailedTests} {
		slices.Sort(names)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the test results: %w", err)
	}
	return attest.Predicate{Type: attest.TypeTestResult, Body: body}, nil
}

// tests reads one file, which must hold at least one test.
func (f Brought) tests(into *tests) error {
	one := tests{map[string]outcome{}}
	content := bytes.TrimSpace(bytes.TrimPrefix(f.Content, []byte("\ufeff")))
	var err error
	switch {
	case len(f.Content) > maxResults:
		return fmt.Errorf("it has %d bytes, the limit is %d (64 MiB)", len(f.Content), maxResults)
	case bytes.HasPrefix(content, []byte("<")):
		err = readJUnit(content, &one)
	case bytes.HasPrefix(content, []byte("{")):
		err = readGoTest(content, &one)
	default:
		err = errors.New("it is neither JUnit XML nor the output of go test -json")
	}
	if err != nil {
		return err
	}
	if len(one.outcomes) == 0 {
		return errors.New("it holds no test")
	}
	for name, o := range one.outcomes {
		if err := into.add(name, o); err != nil {
			return err
		}
	}
	return nil
}
