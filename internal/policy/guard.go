package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// guards are the built-in functions that a compiled policy calls through a rule of
// its own.
//
// To the controller a built-in function that fails is undefined, and a deny that
// goes on from there denies nothing. To the gate it is an error. So that it is one
// in the cluster, too, each call goes through a function that has two values where
// the built-in one has none: OPA then ends the evaluation.
type guards map[string]*ast.Builtin

// guard moves the calls of a rule behind the guards.
func (g guards) guard(rule *ast.Rule) {
	ast.WalkNodes(rule, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Expr:
			if terms, ok := node.Terms.([]*ast.Term); ok {
				g.replace(terms[0])
			}
		case *ast.Term:
			if call, ok := node.Value.(ast.Call); ok {
				g.replace(call[0])
			}
		}
		return false
	})
}

func (g guards) replace(operator *ast.Term) {
	b, known := ast.BuiltinMap[operator.Value.String()]
	if !known || !mayFail(b) {
		return
	}
	g[b.Name] = b
	operator.Value = ast.Ref{ast.VarTerm(guardName(b))}
}

func guardName(b *ast.Builtin) string { return "must_" + strings.Map(plainLetter, b.Name) }

// mayFail reports whether a built-in function fails on some values, and has a
// value for all others. Comparisons have one for all, and the least of nothing is
// undefined without a failure.
func mayFail(b *ast.Builtin) bool {
	switch b.Name {
	case "assign", "eq", "equal", "neq", "lt", "lte", "gt", "gte", "min", "max", "print", "trace":
		return false
	}
	return !b.Relation && b.Decl.Arity() > 0 && !strings.HasPrefix(b.Name, "internal.")
}

// rules returns the functions that stand before the built-in ones.
func (g guards) rules() ([]*ast.Rule, error) {
	if len(g) == 0 {
		return nil, nil
	}
	var text strings.Builder
	text.WriteString("package sigstore\nmust_one(found) := found if count(found) == 1\nmust_one([]) := [\"failed\", \"undefined\"]\n")
	for _, name := range slices.Sorted(maps.Keys(g)) {
		var args []string
		for i := range g[name].Decl.Arity() {
			args = append(args, fmt.Sprintf("x%d", i))
		}
		list := strings.Join(args, ", ")
		fmt.Fprintf(&text, "%s(%s) := value if { found := [y | y := %s(%s)]; some value in must_one(found) }\n", guardName(g[name]), list, name, list)
	}
	module, err := ast.ParseModuleWithOpts("guards", text.String(), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, err
	}
	return module.Rules, nil
}
