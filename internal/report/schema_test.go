package report_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema compiles a JSON schema file, which may refer to others by their URLs.
func schema(t *testing.T, path string, others map[string]string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	for url, file := range others {
		must(t, compiler.AddResource(url, decoded(t, file)))
	}
	must(t, compiler.AddResource("file:///schema.json", decoded(t, path)))
	compiled, err := compiler.Compile("file:///schema.json")
	must(t, err)
	return compiled
}

func decoded(t *testing.T, path string) any {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(content))
	must(t, err)
	return document
}

// conforms checks a document against a schema.
func conforms(t *testing.T, s *jsonschema.Schema, document []byte) {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	must(t, err)
	if err := s.Validate(value); err != nil {
		t.Errorf("%.2000v", err)
	}
}

// moduleFile is a file of a module that this one depends on: the published schemas
// are there.
func moduleFile(t *testing.T, module, path string) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	must(t, err)
	return filepath.Join(strings.TrimSpace(string(dir)), filepath.FromSlash(path))
}

// sarifSchema is OASIS' schema of SARIF 2.1.0, as grype has it for its own tests.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	return schema(t, moduleFile(t, "github.com/anchore/grype", "grype/presenter/sarif/testdata/sarif-schema-2.1.0.json"), nil)
}
