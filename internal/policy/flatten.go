package policy

import (
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// flattened is what a policy and the libraries that it refers to come to in a
// single package, where the cluster can take them: rules under names of their own,
// and the parameters as a value.
type flattened struct {
	rules  []*ast.Rule
	names  map[string]string // a rule's full reference → its name here
	taken  map[string]bool   // names that are in use, of rules or variables
	guards guards
}

// parametersRule is the name of the rule that stands for data.params.
const parametersRule = "policy_params"

// flatten returns the rules of the modules that the policy is made of. Its own
// begin with policy_, those of a library with lib_ and the library's name.
func (p Policy) flatten() ([]*ast.Rule, error) {
	modules, err := p.resolved()
	if err != nil {
		return nil, err
	}
	f := flattened{names: map[string]string{}, taken: map[string]bool{}, guards: guards{}}
	for _, module := range modules {
		ast.WalkVars(module, func(v ast.Var) bool {
			f.taken[string(v)] = true
			return false
		})
	}
	for _, module := range modules {
		f.name(module)
	}
	for _, module := range modules {
		f.take(module)
	}
	if p.params != nil {
		f.rules = append(f.rules, constant(parametersRule, p.params))
	}
	more, err := f.guards.rules()
	return append(f.rules, more...), err
}

// resolved returns the modules as the compiler has them once every import and
// every name of a rule is a full reference, in the order of their packages.
func (p Policy) resolved() ([]*ast.Module, error) {
	var modules []*ast.Module
	compiler := ast.NewCompiler().WithCapabilities(capabilities(p.version)).WithDefaultRegoVersion(p.version)
	compiler.WithStageAfterID(ast.StageResolveRefs, ast.CompilerStageDefinition{
		Name: "Flatten", MetricName: "flatten", Stage: func(c *ast.Compiler) *ast.Error {
			for _, m := range c.Modules {
				modules = append(modules, m.Copy())
			}
			return nil
		},
	})
	compiler.Compile(p.sources)
	if compiler.Failed() {
		return nil, compiler.Errors
	}
	slices.SortFunc(modules, func(a, b *ast.Module) int {
		return strings.Compare(a.Package.Path.String(), b.Package.Path.String())
	})
	return modules, nil
}

// name gives every rule of a module a name that nothing else has.
func (f *flattened) name(module *ast.Module) {
	prefix := "policy_"
	if isLibrary(module.Package.Path) {
		word, _ := module.Package.Path[3].Value.(ast.String)
		prefix = "lib_" + strings.Map(plainLetter, string(word)) + "_"
	}
	for _, rule := range module.Rules {
		full := module.Package.Path.String() + "." + ruleName(rule)
		if _, have := f.names[full]; have {
			continue
		}
		name := prefix + ruleName(rule)
		for f.taken[name] {
			name += "_"
		}
		f.names[full], f.taken[name] = name, true
	}
}

func plainLetter(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '_'
}

// take moves a module's rules.
func (f *flattened) take(module *ast.Module) {
	for _, rule := range module.Rules {
		ast.WalkTerms(rule, func(t *ast.Term) bool {
			if ref, ok := t.Value.(ast.Ref); ok && ref.HasPrefix(ast.DefaultRootRef) {
				t.Value = f.move(ref)
			}
			return false
		})
		unshadow(rule)
		f.guards.guard(rule)
		name := f.names[module.Package.Path.String()+"."+ruleName(rule)]
		for r := rule; r != nil; r = r.Else {
			r.Head.Name = ast.Var(name)
			r.Head.Reference[0] = ast.VarTerm(name)
			r.Annotations = nil
		}
		f.rules = append(f.rules, rule)
	}
}

// move returns what a reference to a document is called here. One to anything but
// rules and parameters has no name: it stays, and is refused later.
func (f *flattened) move(ref ast.Ref) ast.Ref {
	if params := (ast.Ref{ast.DefaultRootDocument, ast.StringTerm("params")}); ref.HasPrefix(params) {
		return append(ast.Ref{ast.VarTerm(parametersRule)}, ref[2:]...)
	}
	for length := len(ref); length > 1; length-- {
		if name, ok := f.names[ref[:length].String()]; ok {
			return append(ast.Ref{ast.VarTerm(name)}, ref[length:]...)
		}
	}
	return ref
}

// unshadow renames a local variable that older Rego may call data, and newer may
// not.
func unshadow(rule *ast.Rule) {
	data, declared := ast.Var("data"), false
	isData := func(t *ast.Term) bool {
		ref, ok := t.Value.(ast.Ref)
		return ok && len(ref) == 1 && ref[0].Value.Compare(data) == 0 // as the parser reads the word
	}
	ast.WalkExprs(rule, func(e *ast.Expr) bool {
		some, ok := e.Terms.(*ast.SomeDecl)
		declared = declared || e.IsAssignment() && isData(e.Operand(0)) || ok && slices.ContainsFunc(some.Symbols, isData)
		return false
	})
	if !declared {
		return
	}
	ast.WalkTerms(rule, func(t *ast.Term) bool {
		if v, ok := t.Value.(ast.Var); ok && v == data {
			t.Value = ast.Var("data_")
		}
		return false
	})
}

// constant returns a rule that is a value.
func constant(name string, value ast.Value) *ast.Rule {
	return &ast.Rule{
		Head: &ast.Head{Name: ast.Var(name), Reference: ast.Ref{ast.VarTerm(name)}, Value: ast.NewTerm(value), Assign: true},
		Body: ast.NewBody(ast.NewExpr(ast.BooleanTerm(true))),
	}
}

// has reports whether a module of the policy's own has a rule.
func (p Policy) has(rule string) bool {
	return p.module != nil && slices.ContainsFunc(p.module.Rules, func(r *ast.Rule) bool { return ruleName(r) == rule })
}
