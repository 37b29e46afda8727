package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Suite is what the unit tests of policies came to.
type Suite struct {
	Tests    []TestResult
	Coverage map[string]float64 // of each file that is no test, in percent of its lines
	Total    float64            // of all these files, in percent
}

// TestResult is one test: a rule test_NAME of a file NAME_test.rego.
type TestResult struct {
	File string
	Name string
	Why  string // it failed; empty: it passed
}

const testSuffix = "_test.rego"

// ReadTests returns the test files of paths: *_test.rego in folders, and beside a
// file the one of its name.
func ReadTests(paths []string) ([]File, error) {
	var names []string
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil || entry.IsDir():
				return err
			case !strings.HasSuffix(name, testSuffix) && name == path:
				if beside := strings.TrimSuffix(name, ".rego") + testSuffix; exists(beside) {
					names = append(names, beside)
				}
			case strings.HasSuffix(name, testSuffix):
				names = append(names, name)
			}
			return nil
		})
		if err != nil {
			return nil, fault.Undecidedf("reading the tests of %s: %w", path, cause(err))
		}
	}
	slices.Sort(names)
	var files []File
	for _, name := range slices.Compact(names) {
		text, err := read(name)
		if err != nil {
			return nil, fault.Undecidedf("reading the tests %s: %w", name, err)
		}
		files = append(files, File{Name: filepath.ToSlash(name), Text: text})
	}
	return files, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// RunTests runs the tests on the policies that they are for: those of the package
// that a test file is in (with or without _test), and, of dialects that have one
// package for all, the file of its name. No test at all is an error, and so is a
// file that cannot be compiled.
func RunTests(ctx context.Context, policies, tests []File, s Setting) (Suite, error) {
	suite := Suite{Coverage: map[string]float64{}}
	covered, lines := 0, 0
	for _, test := range tests {
		modules, err := together(test, policies)
		if err != nil {
			return Suite{}, err
		}
		report, err := suite.run(ctx, test, modules, s)
		if err != nil {
			return Suite{}, err
		}
		for name, file := range report.Files {
			if name != test.Name {
				suite.Coverage[name] = max(suite.Coverage[name], file.Coverage)
				covered, lines = covered+file.CoveredLines, lines+file.CoveredLines+file.NotCoveredLines
			}
		}
	}
	if len(suite.Tests) == 0 {
		return Suite{}, fault.WithHint(errors.New("running the tests: there are none"), "write rules test_NAME in files NAME_test.rego")
	}
	if lines > 0 {
		suite.Total = 100 * float64(covered) / float64(lines)
	}
	return suite, nil
}

// together returns a test file's module with those that it is about.
func together(test File, policies []File) (map[string]*ast.Module, error) {
	own, version, err := parseAny(test)
	if err != nil {
		return nil, err
	}
	about := strings.TrimSuffix(own.Package.Path.String(), "_test")
	modules := map[string]*ast.Module{test.Name: own}
	for _, f := range policies {
		if declared(f.source()).version != version {
			continue
		}
		module, _, err := parseAny(f)
		if err != nil {
			return nil, err
		}
		path := module.Package.Path
		m, _ := mannerOf(path)
		sameName := strings.TrimSuffix(f.Name, ".rego")+testSuffix == test.Name
		if isLibrary(path) || path.String() == about && (m.dialect == Hallmark || sameName) {
			modules[f.Name] = module
		}
	}
	return modules, nil
}

func parseAny(f File) (*ast.Module, ast.RegoVersion, error) {
	version := declared(f.source()).version
	module, err := ast.ParseModuleWithOpts(f.Name, f.source(), ast.ParserOptions{
		ProcessAnnotation: true, RegoVersion: version, Capabilities: capabilities(version),
	})
	if err == nil && module == nil {
		err = errors.New("the file is empty")
	}
	if err != nil {
		return nil, version, fmt.Errorf("running the tests: %s", strings.Join(explain(err), "; "))
	}
	return module, version, nil
}

// run runs the tests of one file.
func (s *Suite) run(ctx context.Context, test File, modules map[string]*ast.Module, setting Setting) (cover.Report, error) {
	params, err := testParams(modules, setting)
	if err != nil {
		return cover.Report{}, err
	}
	version := declared(test.source()).version
	tracer := cover.New()
	store := inmem.NewFromObject(map[string]any{"params": params})
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return cover.Report{}, fmt.Errorf("running the tests: %w", err)
	}
	limit := cmp.Or(setting.Limit, defaultLimit)
	runner := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithCapabilities(capabilities(version)).WithDefaultRegoVersion(version)).
		SetDefaultRegoVersion(version).SetStore(store).SetModules(modules).
		SetCoverageQueryTracer(tracer).RaiseBuiltinErrors(true).SetTimeout(limit)
	results, err := inTime(ctx, test, &strays{}, func() (chan *tester.Result, error) { return runner.RunTests(ctx, txn) })
	if err != nil {
		store.Abort(ctx, txn)
		return cover.Report{}, fmt.Errorf("running the tests of %s: %s", test.Name, strings.Join(explain(err), "; "))
	}
	if err := s.collect(ctx, test, results, limit); err != nil {
		return cover.Report{}, err // the test that is stuck still uses the store and the tracer
	}
	store.Abort(ctx, txn)
	return tracer.Report(modules), nil
}

// testParams returns data.params for the tests of a file: those of the policies that
// it is about.
func testParams(modules map[string]*ast.Module, setting Setting) (map[string]any, error) {
	params := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		module := modules[name]
		meta, err := readMetadata(module, setting.Controls)
		if err != nil {
			return nil, fmt.Errorf("running the tests: %w", err)
		}
		own, _ := mannerOf(module.Package.Path)
		value, err := meta.paramsFrom(setting.Params[parsed{module: module, manner: own}.key()])
		if err != nil {
			return nil, fault.Undecidedf("running the tests: %s: %w", name, err)
		}
		if given, err := ast.JSON(value); err == nil {
			more, _ := given.(map[string]any)
			maps.Copy(params, more)
		}
	}
	return params, nil
}

// collect takes the results of the tests as they come. The runner ends a test at its
// limit; one that does not heed that is not waited for.
func (s *Suite) collect(ctx context.Context, test File, results <-chan *tester.Result, limit time.Duration) error {
	for {
		select {
		case r, more := <-results:
			if !more {
				return nil
			}
			s.Tests = append(s.Tests, resultOf(test, r))
		case <-time.After(limit + grace):
			return fmt.Errorf("running the tests of %s: one did not stop at the limit of %s: a built-in function does not come to an end", test.Name, limit)
		case <-ctx.Done():
			return fmt.Errorf("running the tests of %s: %w", test.Name, ctx.Err())
		}
	}
}

func resultOf(test File, r *tester.Result) TestResult {
	out := TestResult{File: test.Name, Name: r.Name}
	switch {
	case r.Error != nil:
		out.Why = clean(r.Error.Error())
	case r.Fail:
		out.Why = "it does not hold"
	case r.Skip:
		out.Why = "it is marked as one to skip (todo_)"
	}
	if out.Why != "" && r.Location != nil {
		out.File = fmt.Sprintf("%s:%d", test.Name, r.Location.Row)
	}
	return out
}
