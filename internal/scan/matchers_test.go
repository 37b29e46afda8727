package scan

import (
	"errors"
	"testing"

	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/vulnerability"
)

// failing is a matcher that fails as grype's own do: without the word fatal.
type failing struct{ match.Matcher }

func (failing) Match(vulnerability.Provider, pkg.Package) ([]match.Match, []match.IgnoreFilter, error) {
	return nil, nil, errors.New("no such table")
}

// TestEveryErrorOfAMatcherIsFatal: grype ends the scan at those only.
func TestEveryErrorOfAMatcherIsFatal(t *testing.T) {
	matchers := strictMatchers()
	if len(matchers) < 10 {
		t.Fatalf("%d matchers", len(matchers))
	}
	for _, m := range matchers {
		strict, ok := m.(strictMatcher)
		if !ok {
			t.Errorf("the matcher %s is not strict", m.Type())
			continue
		}
		strict.Matcher = failing(strict)
		if _, _, err := strict.Match(nil, pkg.Package{}); !match.IsFatalError(err) {
			t.Errorf("%s: err = %v, want a fatal one", m.Type(), err)
		}
	}
}
