package policy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Policy is one policy file, compiled, or the reasons why it could not be. Load
// makes it; the zero value is never satisfied.
type Policy struct {
	parsed
	sources  map[string]*ast.Module // the file's module, and those of the libraries that it refers to
	compiler *ast.Compiler
	reads    reading
	params   ast.Value // data.params, as its own dialect sees it
	imported []File    // the libraries that it uses
	known    Controls  // that it was compiled with
	limit    time.Duration
	strays   *strays
	problems []string
}

// Name returns the file's path as it was found, with forward slashes.
func (p Policy) Name() string { return p.File.Name }

// Problems returns why the file is not a policy, each with file, line and the
// compiler's words. It is empty for a policy that can be evaluated.
func (p Policy) Problems() []string { return p.problems }

// Digest returns the digest of the file's text, sha256:…; of a policy that uses
// libraries, that of its own digest and theirs, a line each, sorted.
func (p Policy) Digest() string {
	own := digestOf([]byte(p.Text))
	if len(p.imported) == 0 {
		return own
	}
	all := []string{own}
	for _, f := range p.imported {
		all = append(all, digestOf([]byte(f.Text)))
	}
	slices.Sort(all)
	return digestOf([]byte(strings.Join(all, "\n")))
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// ParamsDigest returns the digest of the policy's parameters as JSON with sorted
// keys, sha256:…, or nothing for a policy without.
func (p Policy) ParamsDigest() string {
	object, ok := p.params.(ast.Object)
	if !ok || object.Len() == 0 {
		return ""
	}
	value, err := ast.JSON(object)
	if err != nil {
		return ""
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return digestOf(encoded)
}

// Setting is what policies are compiled with.
type Setting struct {
	Params    Params            // that the job gives; what no policy reads is an error
	SetParams map[string]Params // that came with sets of policies, by their artifact; those of the job go before them
	Controls  Controls          // that policies may claim
	Limit     time.Duration     // of one evaluation of Check or RunTests; 0: 10 seconds
}

// Compile is CompileContext without an end from outside.
func Compile(files []File, s Setting) []Policy { return CompileContext(context.Background(), files, s) }

// CompileContext turns files into policies, in their order. Files of package
// hallmark.lib.NAME are no policies: they are there for the others to import, for
// those of the same artifact if they are from one. A file that is not valid becomes
// a Policy that says why, and so does one that OPA does not come to an end with in
// time.
func CompileContext(ctx context.Context, files []File, s Setting) []Policy {
	limit := cmp.Or(s.Limit, defaultLimit)
	var policies []Policy
	libraries := map[string]map[string]parsed{} // of an artifact, by their names
	abandoned := &strays{}
	for _, f := range files {
		p, err := inTime(ctx, f, abandoned, func() (parsed, error) { return parse(f, s.Controls) })
		switch {
		case err != nil:
			policies = append(policies, Policy{parsed: parsed{File: f}, problems: explain(err)})
		case isLibrary(p.module.Package.Path):
			if libraries[f.Artifact] == nil {
				libraries[f.Artifact] = map[string]parsed{}
			}
			libraries[f.Artifact][f.Name] = p
		default:
			policies = append(policies, Policy{parsed: p})
		}
	}
	for i, p := range policies {
		p.known, p.limit, p.strays = s.Controls, limit, abandoned
		policies[i] = p
		if p.module == nil {
			continue
		}
		built, err := inTime(ctx, p.File, abandoned, func() (Policy, error) {
			own := p
			err := own.build(libraries[p.Artifact], s)
			return own, err
		})
		if built.module != nil {
			policies[i] = built
		}
		policies[i].problems = explain(err)
	}
	return policies
}

// compileLimit bounds each step from the text of a file to a policy.
const compileLimit = 10 * time.Second

// inTime does a step with a file, within the limit: a few lines of Rego can keep OPA's
// compiler busy for ever.
func inTime[T any](ctx context.Context, f File, s *strays, step func() (T, error)) (T, error) {
	bounded, cancel := context.WithTimeout(ctx, compileLimit)
	defer cancel()
	out, err := attempt(bounded, s, step)
	switch {
	case errors.Is(err, errStuck) && ctx.Err() != nil:
		err = fmt.Errorf("%s:1: compiling it was stopped: %w", f.Name, ctx.Err())
	case errors.Is(err, errStuck):
		err = fmt.Errorf("%s:1: compiling it did not come to an end within %s, and was abandoned: comprehensions within comprehensions multiply the work", f.Name, compileLimit)
	}
	return out, err
}

// build compiles the module with the libraries that it imports; its problems are
// all of those that the compiler finds.
func (p *Policy) build(libraries map[string]parsed, s Setting) error {
	modules := map[string]*ast.Module{p.File.Name: p.module.Copy()}
	if p.dialect == Hallmark {
		addImported(modules, p.module, libraries)
		for name := range modules {
			if name != p.File.Name {
				p.imported = append(p.imported, libraries[name].File)
			}
		}
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities(p.version)).WithDefaultRegoVersion(p.version)
	compiler.Compile(modules)
	if compiler.Failed() {
		return compiler.Errors
	}
	if err := checkDocuments(p.module, compiler, p.dialect); err != nil {
		return err
	}
	p.sources, p.reads, p.compiler = modules, readsOf(compiler), compiler
	if p.dialect != Hallmark {
		return nil
	}
	if err := p.checkWords(); err != nil {
		return err
	}
	value, err := p.meta.paramsFrom(s.Params.over(s.SetParams[p.Artifact], p.key()))
	p.params = value
	return err
}

// checkDocuments refuses a policy that refers to what is not there: a shared rule
// that was not given, or a document that nobody loads. A deny that reads it would
// never hold. Only the project's own dialect has data.params.
func checkDocuments(module *ast.Module, compiler *ast.Compiler, dialect Dialect) error {
	var err error
	there := "there is no data"
	known := func(ref ast.Ref) bool { return len(compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{})) > 0 }
	if dialect == Hallmark {
		there = "of data there is data.params alone"
		isRule, params := known, ast.Ref{ast.DefaultRootDocument, ast.StringTerm("params")}
		known = func(ref ast.Ref) bool { return ref.HasPrefix(params) || isRule(ref) }
	}
	for _, compiled := range compiler.Modules {
		ast.WalkRefs(compiled, func(ref ast.Ref) bool {
			if err == nil && ref.HasPrefix(ast.DefaultRootRef) && !known(ref) {
				place := ref[0].Location
				if place == nil {
					place = module.Package.Location
				}
				err = at(place, "it refers to %s, which is not there: shared rules have to be given, too, and %s", clean(ref.String()), there)
			}
			return false
		})
	}
	return err
}

// addImported adds the libraries that a module refers to, and those that they
// refer to.
func addImported(modules map[string]*ast.Module, from *ast.Module, libraries map[string]parsed) {
	var refers []string
	for _, i := range from.Imports {
		refers = append(refers, i.Path.String())
	}
	ast.WalkRefs(from, func(r ast.Ref) bool {
		refers = append(refers, r.String())
		return false
	})
	for name, library := range libraries {
		path := library.module.Package.Path.String()
		used := slices.ContainsFunc(refers, func(r string) bool { return r == path || strings.HasPrefix(r, path+".") })
		if _, have := modules[name]; used && !have {
			modules[name] = library.module.Copy()
			addImported(modules, library.module, libraries)
		}
	}
}

// about reports whether the policy is about attestations of a type.
func (p Policy) about(predicateType string) bool {
	return p.meta.predicateType == "" || attest.SameType(p.meta.predicateType, predicateType)
}

// explain returns the sentences of an error of the parser or compiler, or of
// this package. The compiler's excerpt of the source below a sentence is left
// out.
func explain(err error) []string {
	var sentences reasons
	explainInto(&sentences, err)
	return messages(sentences.list())
}

func explainInto(sentences *reasons, err error) {
	var all ast.Errors
	var one *ast.Error
	joined, several := err.(interface{ Unwrap() []error }) //nolint:errorlint // a joined error itself
	switch {
	case err == nil:
	case several:
		for _, e := range joined.Unwrap() {
			explainInto(sentences, e)
		}
	case errors.As(err, &all):
		for _, e := range all {
			sentences.add(at(e.Location, "%s: %s", e.Code, meant(e)).Error())
		}
	case errors.As(err, &one):
		sentences.add(at(one.Location, "%s: %s", one.Code, meant(one)).Error())
	default:
		sentences.add(err.Error())
	}
}

// meant returns the words of an error of OPA's. Of a built-in function that no policy
// may call, OPA only says that it is not defined.
func meant(e *ast.Error) string {
	name, undefined := strings.CutPrefix(e.Message, "undefined function ")
	if why, refused := whyRefused(name); undefined && refused {
		return fmt.Sprintf("%s: policies may not call it, %s", e.Message, why)
	}
	return e.Message
}
