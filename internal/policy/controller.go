package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
)

// controllerOPA is the version of OPA that the oldest supported Policy Controller
// is built with, v0.14.0.
const controllerOPA = "v1.4.0"

// maxModule bounds one compiled module, in bytes.
const maxModule = 128 << 10

// asControllerTakesIt writes a module and makes sure that the controller's own OPA
// would take it.
func asControllerTakesIt(module *ast.Module) (string, error) {
	text, err := format.AstWithOpts(module, format.Opts{IgnoreLocations: true, RegoVersion: ast.RegoV0CompatV1})
	if err != nil {
		return "", fmt.Errorf("writing it as one module: %w", err)
	}
	if len(text) > maxModule {
		return "", fmt.Errorf("it comes to a module of %d bytes, over the limit of %d (128 KiB)", len(text), maxModule)
	}
	if err := checkController(string(text)); err != nil {
		return "", fmt.Errorf("the controller would refuse it: %s", strings.Join(explain(err), "; "))
	}
	return string(text), nil
}

// checkController compiles a module as the controller does, with the built-in
// functions that it has and that policies may use.
func checkController(text string) error {
	known, err := ast.LoadCapabilitiesVersion(controllerOPA)
	if err != nil {
		return err
	}
	ours := capabilities(ast.RegoV0)
	known.AllowNet = []string{}
	ours.Builtins = slices.DeleteFunc(ours.Builtins, func(b *ast.Builtin) bool { // what is deprecated only these know
		return !slices.ContainsFunc(known.Builtins, func(k *ast.Builtin) bool { return k.Name == b.Name })
	})
	known.Builtins = ours.Builtins
	module, err := ast.ParseModuleWithOpts("sigstore.rego", text, ast.ParserOptions{RegoVersion: ast.RegoV0, Capabilities: known})
	if err != nil {
		return err
	}
	if err := nothingElse(module); err != nil {
		return err
	}
	compiler := ast.NewCompiler().WithCapabilities(known).WithDefaultRegoVersion(ast.RegoV0)
	compiler.Compile(map[string]*ast.Module{"sigstore.rego": module})
	if compiler.Failed() {
		return compiler.Errors
	}
	return nil
}

// nothingElse refuses references to documents: there are none in the cluster, and a
// rule that reads one never holds.
func nothingElse(module *ast.Module) error {
	var err error
	for _, rule := range module.Rules {
		ast.WalkTerms(rule, func(t *ast.Term) bool {
			if ref, ok := t.Value.(ast.Ref); ok && ref.HasPrefix(ast.DefaultRootRef) {
				err = fmt.Errorf("it refers to %s, which is neither a rule nor a parameter", ref)
			}
			return false
		})
	}
	return err
}
