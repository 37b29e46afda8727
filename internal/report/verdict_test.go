package report_test

import (
	"errors"
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/report"
)

const verdictSchema = "../../docs/schema/verdict.json"

// closed returns the published schema, to which fields may be added, as one that
// refuses a field that it does not describe.
func closed(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document := decoded(t, verdictSchema)
	var shut func(at string, node any)
	shut = func(at string, node any) {
		object, _ := node.(map[string]any)
		properties, _ := object["properties"].(map[string]any)
		for name, p := range properties {
			field := p.(map[string]any)
			if field["$ref"] == nil && field["description"] == nil {
				t.Errorf("%s.%s is not described", at, name)
			}
			shut(at+"."+name, p)
		}
		if properties != nil {
			object["additionalProperties"] = false
		}
		definitions, _ := object["$defs"].(map[string]any)
		for name, p := range definitions {
			shut(name, p)
		}
		if items, ok := object["items"]; ok {
			shut(at+"[]", items)
		}
	}
	shut("", document)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	must(t, compiler.AddResource("file:///verdict.json", document))
	compiled, err := compiler.Compile("file:///verdict.json")
	must(t, err)
	return compiled
}

func TestTheVerdictIsAsPublished(t *testing.T) {
	published := closed(t)
	index := denied(t)
	index.Platforms = []pipeline.Result{denied(t), passed(t)}
	index.Platforms[0].Platform, index.Platforms[1].Platform = "linux/amd64", "linux/arm64"
	results := map[string]pipeline.Result{
		"denied": denied(t), "passed": passed(t), "index": index,
		"failed": {Reference: "registry.example/absent:v1", Failure: errors.New("no such image")},
	}
	for name, s := range hostile() {
		results["hostile: "+name] = spoiled(t, s)
	}
	for name, r := range results {
		t.Run(name, func(t *testing.T) {
			document, err := report.Verdict(r)
			must(t, err)
			conforms(t, published, document)
		})
	}
	for _, name := range []string{"testdata/denied.json", "testdata/passed.json"} {
		document, err := os.ReadFile(name)
		must(t, err)
		conforms(t, published, document)
	}
}

// A schema that takes anything says nothing.
func TestTheVerdictsSchemaRefuses(t *testing.T) {
	published := closed(t)
	for _, document := range []map[string]any{
		{},
		{"version": 1, "verdict": "maybe"},
	} {
		if published.Validate(document) == nil {
			t.Errorf("%v is taken", document)
		}
	}
}
