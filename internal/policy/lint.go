package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Lint is something in a policy that most often does not mean what was meant.
type Lint struct {
	Place string // file:line
	What  string
	Cure  string // what to do
}

// Check finds the traps of policies before a gate or a cluster falls into them.
func Check(ctx context.Context, policies []Policy) []Lint {
	var found []Lint
	for _, p := range policies {
		for _, problem := range p.problems {
			place, what, ok := strings.Cut(problem, ": ")
			if !ok || !strings.HasPrefix(place, clean(p.Name())+":") {
				place, what = clean(p.Name()), problem
			}
			found = append(found, Lint{Place: place, What: what, Cure: "mend it: as it is, the policy decides nothing"})
		}
		if len(p.problems) > 0 || p.compiler == nil {
			continue
		}
		found = append(found, p.checkRules()...)
		found = append(found, p.checkAlias()...)
		found = append(found, p.checkNegated()...)
		found = append(found, p.checkReads(ctx)...)
		found = append(found, p.checkEmpty(ctx)...)
	}
	return found
}

// lint returns a finding at a place of the policy.
func (p Policy) lint(place *ast.Location, what, cure string) Lint {
	line := 1
	if place != nil {
		line = place.Row
	}
	return Lint{Place: fmt.Sprintf("%s:%d", clean(p.Name()), line), What: what, Cure: cure}
}

// checkRules looks at how a policy answers the controller.
func (p Policy) checkRules() []Lint {
	if p.dialect != Sigstore {
		return nil
	}
	var found []Lint
	passes, fails := false, false
	for _, rule := range p.module.Rules {
		if ruleName(rule) != "isCompliant" {
			continue
		}
		if rule.Default && isTrue(rule.Head.Value) {
			found = append(found, p.lint(rule.Location, "isCompliant is true by default: whatever is not refused passes", "write default isCompliant = false"))
		}
		element := elementOf(rule)
		if element == nil {
			continue
		}
		if object, ok := element.Value.(ast.Object); ok {
			result := object.Get(ast.StringTerm("result"))
			passes = passes || isTrue(result)
			fails = fails || !isTrue(result)
		}
		found = append(found, p.checkElement(rule, element)...)
	}
	if passes && fails {
		found = append(found, p.lint(p.module.Package.Location, "isCompliant holds true results beside others: one true outweighs every failure", "let one rule give the result, or compile the policy from deny rules"))
	}
	return found
}

func isTrue(t *ast.Term) bool { return t != nil && t.Equal(ast.BooleanTerm(true)) }

// checkElement looks at what a rule puts into the set isCompliant.
func (p Policy) checkElement(rule *ast.Rule, element *ast.Term) []Lint {
	if isText(element) {
		return []Lint{p.lint(rule.Location, "isCompliant is a set of texts, on which the controller panics or refuses", `use {"result": false, "error": TEXT}`)}
	}
	if object, ok := element.Value.(ast.Object); ok {
		result, warning := object.Get(ast.StringTerm("result")), object.Get(ast.StringTerm("warning"))
		warns := warning != nil && !warning.Equal(ast.StringTerm(""))
		if warns && result != nil && !result.Equal(ast.BooleanTerm(false)) {
			return []Lint{p.lint(rule.Location, "a true result with a warning is refused by the controller", "leave the warning out")}
		}
	}
	return nil
}

// checkReads looks at what a policy of the project's own dialect reads.
func (p Policy) checkReads(ctx context.Context) []Lint {
	if p.dialect != Hallmark {
		return nil
	}
	var found []Lint
	if p.reads.all && !p.deniesNothing(ctx) {
		found = append(found, p.lint(p.module.Package.Location, "what is read of input is known only when the policy runs: evidence that is missing goes unnoticed",
			"name what is read: input.scan, input.attestations.custom"))
	}
	for _, name := range slices.Sorted(maps.Keys(p.meta.params)) {
		if !slices.Contains(p.reads.params, name) {
			found = append(found, p.lint(p.module.Package.Location, fmt.Sprintf("the parameter %s is declared and never read", clean(name)), "read data.params."+clean(name)+", or leave it out"))
		}
	}
	return found
}

// deniesNothing reports whether a policy denies an image without any evidence.
func (p Policy) deniesNothing(ctx context.Context) bool {
	said, err := Rules{Limit: p.limit}.askJoined(ctx, p, &joined{evidence: Evidence{Now: time.Now()}}, question{}, nil)
	denied, unknown := said["deny"], said["undecided"]
	return err == nil && (denied.some() || unknown.some())
}

// checkEmpty asks a policy about evidence that says nothing, which should not be
// enough, and which should not keep it busy.
func (p Policy) checkEmpty(ctx context.Context) []Lint {
	now := time.Now()
	passes, err := false, error(nil)
	switch {
	case p.dialect != Hallmark:
		passes, err = p.passesEmpty(ctx, now)
	case len(p.attested()) > 0 && len(p.unset()) == 0:
		passes, err = p.passesOnNothing(ctx, now)
	}
	if late, ok := errors.AsType[lateError](err); ok {
		return []Lint{p.lint(p.module.Package.Location, fmt.Sprintf("it did not come to an end within %s on attestations whose predicate is empty", late.limit),
			"look for loops within loops: each multiplies the work")}
	}
	if !passes {
		return nil
	}
	return []Lint{p.lint(p.module.Package.Location, "it passes on attestations whose predicate is empty", "ask for what has to be there, not only against what must not")}
}

// passesEmpty evaluates a policy on a statement with an empty predicate.
func (p Policy) passesEmpty(ctx context.Context, now time.Time) (bool, error) {
	query, err := p.prepare(ctx)
	if err != nil {
		return false, err
	}
	e := evaluation{query: query, limit: p.limit, now: now, dialect: p.dialect, strays: p.strays}
	statement := ast.NewObject(
		[2]*ast.Term{ast.StringTerm("predicateType"), ast.StringTerm(p.meta.predicateType)},
		[2]*ast.Term{ast.StringTerm("predicate"), ast.ObjectTerm()},
	)
	found, err := e.eval(ctx, p.view(statement), "nothing")
	return e.answer(found, err, "nothing").outcome == Pass, err
}

// passesOnNothing evaluates a policy of the project's own dialect on an input in
// which each attestation that it reads is there and says nothing.
func (p Policy) passesOnNothing(ctx context.Context, now time.Time) (bool, error) {
	query, err := p.prepareJoined(ctx)
	if err != nil {
		return false, err
	}
	attestations := ast.NewObject()
	input := ast.NewObject(
		[2]*ast.Term{ast.StringTerm("now"), ast.StringTerm(now.UTC().Format(time.RFC3339))},
		[2]*ast.Term{ast.StringTerm("image"), ast.ObjectTerm()},
		[2]*ast.Term{ast.StringTerm("attestations"), ast.NewTerm(attestations)},
	)
	empty := ast.ObjectTerm([2]*ast.Term{ast.StringTerm("predicate"), ast.ObjectTerm()})
	for _, n := range p.attested() {
		input.Insert(ast.StringTerm(string(n)), ast.ObjectTerm())
		for _, uri := range n.types() {
			attestations.Insert(ast.StringTerm(attest.ShortType(uri)), ast.ArrayTerm(empty))
		}
	}
	e := evaluation{query: query, limit: p.limit, now: now, dialect: Hallmark, strays: p.strays}
	found, err := e.eval(ctx, input, "nothing")
	denied, ok := found["deny"].([]any)
	unknown, _ := found["undecided"].([]any)
	return err == nil && ok && len(denied)+len(unknown) == 0 && p.has("deny"), err
}

// String returns the finding as one line.
func (l Lint) String() string {
	return strings.Join([]string{l.Place + ": " + l.What, "    " + l.Cure}, "\n")
}
