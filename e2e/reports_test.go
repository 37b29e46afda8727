package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// The reports of a real run, against the schemas that are published for them, and
// those that are written down where none is.
func TestReportsAreWhatTheirReadersExpect(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	if _, err := world.PushSample(t.Context(), p.host+"/sample/app:v1"); err != nil {
		t.Fatal(err)
	}
	p.keys("cosign")
	ran := p.run("hallmark", "run", p.host+"/sample/app:v1", "--key", "cosign.key", "--vuln-db", database,
		"--vuln-db-max-age", anyAge, "--severity-cutoff", "high", "--output-dir", "out")
	if ran.code != 3 {
		t.Fatalf("exit %d: %s", ran.code, ran.stderr)
	}

	cycloneDX := "github.com/CycloneDX/cyclonedx-go"
	for _, report := range []struct {
		name, schema string
		others       map[string]string
	}{
		{"verdict.json", "../docs/schema/verdict.json", nil},
		{"results.sarif", module(t, "github.com/anchore/grype", "grype/presenter/sarif/testdata/sarif-schema-2.1.0.json"), nil},
		{"gl-sbom.cdx.json", module(t, cycloneDX, "schema/bom-1.6.schema.json"), map[string]string{
			"http://cyclonedx.org/schema/spdx.schema.json":     module(t, cycloneDX, "schema/spdx.schema.json"),
			"http://cyclonedx.org/schema/jsf-0.82.schema.json": module(t, cycloneDX, "schema/jsf-0.82.schemax.json"),
		}},
		{"gl-container-scanning-report.json", "../internal/report/testdata/schema/gitlab-container-scanning.json", nil},
		{"gl-code-quality-report.json", "../internal/report/testdata/schema/gitlab-code-quality.json", nil},
	} {
		t.Run(report.name, func(t *testing.T) {
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(p.read("out/" + report.name)))
			if err != nil {
				t.Fatal(err)
			}
			if err := compiled(t, report.schema, report.others).Validate(value); err != nil {
				t.Errorf("%.3000v", err)
			}
		})
	}
	t.Run("junit.xml", func(t *testing.T) {
		out, err := exec.CommandContext(t.Context(), "xmllint", "--noout", "--schema", "testdata/schema/junit.xsd", filepath.Join(p.dir, "out", "junit.xml")).CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("report.html", func(t *testing.T) {
		b := openPage(t, filepath.Join(p.dir, "out", "report.html"))
		if got := b.text(`document.querySelector("h1").innerText`); !strings.Contains(got, "Denied") {
			t.Errorf("the heading is %q", got)
		}
		b.screenshot("report-real")
		b.quiet()
	})
}

// TestHostileJUnitIsValid: what names do to XML is judged by another parser, too.
func TestHostileJUnitIsValid(t *testing.T) {
	for _, name := range []string{"hostile.xml", "denied.xml", "passed.xml"} {
		path := filepath.Join("..", "internal", "report", "testdata", name)
		if out, err := exec.CommandContext(t.Context(), "xmllint", "--noout", "--schema", "testdata/schema/junit.xsd", path).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

func compiled(t *testing.T, path string, others map[string]string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	for address, file := range others {
		decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(readFile(t, file)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiler.AddResource(address, decoded); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(readFile(t, path)))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("file:///schema.json", schema); err != nil {
		t.Fatal(err)
	}
	out, err := compiler.Compile("file:///schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// module is a file of a module that this one depends on.
func module(t *testing.T, path, file string) string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), filepath.FromSlash(file))
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
