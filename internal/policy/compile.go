package policy

import (
	"errors"
	"fmt"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// The names that the Policy Controller's dialect prescribes.
const (
	packageName = "sigstore"
	ruleName    = "isCompliant"
)

// Policy is one policy file, compiled, or the reasons why it could not be. Load
// makes it; the zero value is never satisfied.
type Policy struct {
	name          string
	title         string
	predicateType string // URI; empty: every attestation is tried
	compiler      *ast.Compiler
	problems      []string
}

// Name returns the file's path as it was found, with forward slashes.
func (p Policy) Name() string { return p.name }

// Problems returns why the file is not a policy, each with file, line and the
// compiler's words. It is empty for a policy that can be evaluated.
func (p Policy) Problems() []string { return p.problems }

// compile turns a file's text into a policy.
func compile(name, text string) Policy {
	p := Policy{name: name}
	module, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{
		ProcessAnnotation: true,
		RegoVersion:       ast.RegoV0,
		Capabilities:      capabilities(),
	})
	if err == nil && module == nil {
		err = fmt.Errorf("%s: the file is empty", name)
	}
	if err == nil {
		err = p.annotate(module)
	}
	if err == nil {
		err = checkForm(module)
	}
	if err == nil {
		err = checkKeywords(module)
	}
	if err == nil {
		err = p.build(module)
	}
	p.problems = explain(err)
	return p
}

// build compiles the module; its problems are all of those that the compiler
// finds.
func (p *Policy) build(module *ast.Module) error {
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV0)
	compiler.Compile(map[string]*ast.Module{p.name: module})
	if compiler.Failed() {
		return compiler.Errors
	}
	p.compiler = compiler
	return nil
}

// capabilities returns what a policy may use: the built-in functions without
// those that look outside, no host on the network (nil would mean any), and of
// the language what the Policy Controller's older OPA knows too.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(ast.RegoV0))
	c.AllowNet = []string{}
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return b.Name == ast.HTTPSend.Name || b.Name == ast.NetLookupIPAddr.Name || b.Name == ast.OPARuntime.Name
	})
	c.Features = slices.DeleteFunc(c.Features, func(f string) bool {
		return f == ast.FeatureRegoV2 || f == ast.FeatureRegoV2Import
	})
	c.FutureKeywords = []string{"contains", "every", "if", "in"}
	return c
}

// checkForm checks for the package and the rule that will be asked for: an
// evaluation of anything else would just be undefined.
func checkForm(module *ast.Module) error {
	want := ast.Ref{ast.DefaultRootDocument, ast.StringTerm(packageName)}
	if !module.Package.Path.Equal(want) {
		return at(module.Package.Location, "the package is not %s", packageName)
	}
	for _, rule := range module.Rules {
		if rule.Head.Ref()[0].Value.Compare(ast.Var(ruleName)) != 0 {
			continue
		}
		if len(rule.Head.Args) > 0 {
			return at(rule.Location, "%s is a function, not a rule", ruleName)
		}
		return nil
	}
	return at(module.Package.Location, "there is no rule %s", ruleName)
}

// annotate reads the file's METADATA: title, and custom.predicateType, at
// whichever package or rule they stand. Two types that differ are refused: the
// file is one policy.
func (p *Policy) annotate(module *ast.Module) error {
	for _, a := range module.Annotations {
		if p.title == "" {
			p.title = clean(a.Title)
		}
		value, ok := a.Custom["predicateType"]
		if !ok {
			continue
		}
		word, ok := value.(string)
		if !ok {
			return at(a.Location, "custom.predicateType is not a string")
		}
		uri, err := attest.ParseType(word)
		if err != nil {
			return at(a.Location, "custom.predicateType: %w", err)
		}
		if p.predicateType != "" && !attest.SameType(p.predicateType, uri) {
			return at(a.Location, "custom.predicateType %q is not the %q from before", uri, p.predicateType)
		}
		p.predicateType = uri
	}
	return nil
}

// about reports whether the policy is about attestations of a type.
func (p Policy) about(predicateType string) bool {
	return p.predicateType == "" || attest.SameType(p.predicateType, predicateType)
}

// at returns an error with its place in the file, in the compiler's form.
func at(place *ast.Location, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	if place == nil {
		return err
	}
	return fmt.Errorf("%s:%d: %w", place.File, place.Row, err)
}

// explain returns the sentences of an error of the parser or compiler, or of
// this package. The compiler's excerpt of the source below a sentence is left
// out.
func explain(err error) []string {
	var sentences reasons
	var all ast.Errors
	var one *ast.Error
	switch {
	case err == nil:
	case errors.As(err, &all):
		for _, e := range all {
			sentences.add(at(e.Location, "%s: %s", e.Code, e.Message).Error())
		}
	case errors.As(err, &one):
		sentences.add(at(one.Location, "%s: %s", one.Code, one.Message).Error())
	default:
		sentences.add(err.Error())
	}
	return messages(sentences.list())
}
