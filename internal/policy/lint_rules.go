package policy

import (
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// elementOf returns what a rule puts into a set, also where it has a name first; nil
// for a rule that makes no set.
func elementOf(rule *ast.Rule) *ast.Term {
	key := rule.Head.Key
	if key == nil {
		return nil
	}
	for _, e := range rule.Body {
		if (e.IsAssignment() || e.IsEquality()) && e.Operand(0).Equal(key) {
			return e.Operand(1)
		}
	}
	return key
}

// isText reports whether a term is a text, or a call that makes one.
func isText(t *ast.Term) bool {
	if call, ok := t.Value.(ast.Call); ok {
		b, known := ast.BuiltinMap[call[0].Value.String()]
		return known && types.Compare(b.Decl.Result(), types.S) == 0
	}
	_, ok := t.Value.(ast.String)
	return ok
}

// checkAlias finds fields that the alias vuln drops in the cluster.
func (p Policy) checkAlias() []Lint {
	if p.dialect != Sigstore || p.meta.predicateType != attest.TypeVuln {
		return nil
	}
	var found []Lint
	predicate := ast.InputRootRef.Append(ast.StringTerm("predicate"))
	ast.WalkRefs(p.module, func(ref ast.Ref) bool {
		if !ref.HasPrefix(predicate) || len(ref) < 3 {
			return false
		}
		field, ok := ref[2].Value.(ast.String)
		if ok && !slices.Contains([]string{"invocation", "scanner", "metadata"}, string(field)) {
			found = append(found, p.lint(ref[0].Location, fmt.Sprintf("the controller drops predicate.%s where the type is the alias vuln", clean(string(field))),
				"name the type by its URI in the cluster, as policy compile does"))
		}
		return false
	})
	return found
}

// checkNegated finds negated calls on what may be absent. Rego looks up the arguments
// before it negates: where one is absent, not f(x) does not hold, and a rule that was
// to catch the worst catches nothing.
func (p Policy) checkNegated() []Lint {
	modules, err := p.resolved()
	if err != nil {
		return nil // it compiled before
	}
	var found []Lint
	for _, module := range modules {
		if !module.Package.Path.Equal(p.module.Package.Path) {
			continue
		}
		ast.WalkExprs(module, func(e *ast.Expr) bool {
			if ref := p.mayLack(e); ref != nil {
				found = append(found, p.lint(e.Location, fmt.Sprintf("where %s is absent, this negation does not hold: its arguments are looked up first", clean(ref.String())),
					"ask for it in a rule of its own, or use object.get(input, [PATH], DEFAULT)"))
			}
			return false
		})
	}
	return found
}

// mayLack returns a reference to the input in the arguments of a negated call that
// need not be there; nil: there is none. Comparisons for equality hold where a side
// is absent, and what is inside of a comprehension makes that empty.
func (p Policy) mayLack(e *ast.Expr) ast.Ref {
	if !e.Negated || !e.IsCall() || e.IsEquality() || e.Operator().String() == ast.Equal.Name {
		return nil
	}
	var lacking ast.Ref
	visitor := ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case *ast.ArrayComprehension, *ast.SetComprehension, *ast.ObjectComprehension:
			return true
		case ast.Ref:
			if x.HasPrefix(ast.InputRootRef) && len(x) > p.given(x) {
				lacking = x
			}
		}
		return false
	})
	for _, operand := range e.Operands() {
		visitor.Walk(operand)
	}
	return lacking
}

// given returns how many parts of a reference to the input are always there.
func (p Policy) given(ref ast.Ref) int {
	word, _ := textAt(ref, 1)
	switch {
	case p.dialect == Sigstore || p.dialect == Cosign:
		if slices.Contains([]string{"_type", "predicateType", "subject", "predicate"}, word) {
			return 2
		}
	case p.dialect == Hallmark && slices.Contains([]string{"attestations", "image"}, word):
		if second, _ := textAt(ref, 2); slices.Contains(p.meta.optional, second) {
			return 2
		}
		return 3
	case p.dialect == Hallmark && !slices.Contains(p.meta.optional, word):
		return 2
	}
	return 1
}
