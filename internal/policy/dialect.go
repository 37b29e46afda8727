package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// manner is how a dialect is written: what a file must hold, and in which Rego.
type manner struct {
	dialect Dialect
	version ast.RegoVersion
	rules   []string // one of them must be there
	asks    func(rule *ast.Rule) error
}

// mannerOf returns the manner of a package, and false for a package that is no
// dialect's.
func mannerOf(path ast.Ref) (manner, bool) {
	switch packageName := strings.TrimPrefix(path.String(), "data."); {
	case packageName == "sigstore":
		return manner{Sigstore, ast.RegoV0, []string{"isCompliant"}, noFunction}, true
	case packageName == "signature":
		return manner{Cosign, ast.RegoV0, []string{"allow"}, noFunction}, true
	case packageName == "compliance":
		return manner{Compliance, ast.RegoV1, []string{"compliant"}, noFunction}, true
	case isLibrary(path):
		return manner{Hallmark, ast.RegoV1, nil, nil}, true
	case strings.HasPrefix(packageName, "hallmark.") && len(path) == 3:
		return manner{Hallmark, ast.RegoV1, []string{"deny", "warn", "undecided"}, setOfReasons}, true
	}
	return manner{}, false
}

// isLibrary reports whether a package is shared code of the project's own
// dialect, hallmark.lib.NAME, and no policy.
func isLibrary(path ast.Ref) bool {
	return len(path) == 4 && strings.HasPrefix(path.String(), "data.hallmark.lib.")
}

// noFunction refuses a rule that takes arguments: nobody would call it.
func noFunction(rule *ast.Rule) error {
	if len(rule.Head.Args) > 0 {
		return at(rule.Location, "%s is a function, not a rule", ruleName(rule))
	}
	return nil
}

// setOfReasons refuses a deny, warn or undecided that is not a set: a second one of it would
// contradict the first, and a boolean has nothing to tell.
func setOfReasons(rule *ast.Rule) error {
	if rule.Head.RuleKind() != ast.MultiValue {
		return at(rule.Location, "%s is not a set: write %s contains MESSAGE if { … }", ruleName(rule), ruleName(rule))
	}
	return nil
}

// checkForm checks for the rules that will be asked for: an evaluation of
// anything else would just be undefined, or an empty set.
func (m manner) checkForm(module *ast.Module) error {
	if m.rules == nil {
		return nil
	}
	found := false
	for _, rule := range module.Rules {
		if !slices.Contains(m.rules, ruleName(rule)) {
			continue
		}
		if err := m.asks(rule); err != nil {
			return err
		}
		found = true
	}
	if !found {
		return at(module.Package.Location, "there is no rule %s", strings.Join(m.rules, " or "))
	}
	return nil
}

func ruleName(rule *ast.Rule) string {
	name, ok := rule.Head.Ref()[0].Value.(ast.Var)
	if !ok {
		return ""
	}
	return string(name)
}

// noDialect says which packages there are.
func noDialect(path ast.Ref, place *ast.Location) error {
	return at(place, "package %s is no policy's: use sigstore, signature, compliance, or hallmark.NAME (hallmark.lib.NAME for shared rules)",
		strings.TrimPrefix(path.String(), "data."))
}

// at returns an error with its place in the file, in the compiler's form.
func at(place *ast.Location, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if place == nil {
		return err
	}
	return fmt.Errorf("%s:%d: %w", place.File, place.Row, err)
}
