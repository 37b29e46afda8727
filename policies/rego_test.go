package policies_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/hallmark-ci/hallmark/policies"
)

// leastCoverage is how much of a policy its own tests have to reach, in percent of
// its lines.
const leastCoverage = 90

// Each policy has Rego tests beside it, which reach nearly all of it.
func TestRego(t *testing.T) {
	for _, name := range policies.Names() {
		t.Run(name, func(t *testing.T) {
			report := runRego(t, modules(t, name))
			if file := report.Files[name+".rego"]; file == nil || file.Coverage < leastCoverage {
				t.Errorf("its tests reach too little of it: %+v", file)
			}
		})
	}
}

// What the policies share is reached by the tests of those that use it.
func TestRegoOfTheLibrary(t *testing.T) {
	all := modules(t, policies.Names()...)
	for name, file := range runRego(t, all).Files {
		if strings.HasPrefix(name, "lib/") && file.Coverage < leastCoverage {
			t.Errorf("the tests reach too little of %s: %+v", name, file)
		}
	}
}

// runRego runs the tests in modules, and says what they reached.
func runRego(t *testing.T, modules map[string]*ast.Module) cover.Report {
	t.Helper()
	ctx := context.Background()
	store := inmem.NewFromObject(map[string]any{})
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Abort(ctx, txn)
	reached := cover.New()
	results, err := tester.NewRunner().SetStore(store).SetModules(modules).RaiseBuiltinErrors(true).
		CapturePrintOutput(true).SetCoverageQueryTracer(reached).RunTests(ctx, txn)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		if ran++; !r.Pass() {
			t.Errorf("%s %v %s", r, r.Error, r.Output)
		}
	}
	if ran == 0 {
		t.Error("there are no tests")
	}
	return reached.Report(modules)
}

// modules returns policies with their tests and all that they share.
func modules(t *testing.T, names ...string) map[string]*ast.Module {
	t.Helper()
	files, err := filepath.Glob("lib/*.rego")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "messages_test.rego")
	for _, name := range names {
		files = append(files, name+".rego", name+"_test.rego")
	}
	out := map[string]*ast.Module{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		module, err := ast.ParseModuleWithOpts(file, string(text), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.ToSlash(file)] = module
	}
	return out
}

// The names of files and packages are one.
func TestPackages(t *testing.T) {
	for file, module := range modules(t, policies.Names()...) {
		name := strings.ReplaceAll(strings.TrimSuffix(file, ".rego"), "-", "_")
		path := strings.Split(strings.TrimPrefix(module.Package.Path.String(), "data.hallmark."), ".")
		if want := strings.Split(name, "/"); !slices.Equal(path, want) {
			t.Errorf("%s is package %s", file, module.Package.Path)
		}
	}
}
