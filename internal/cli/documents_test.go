package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/hallmark-ci/hallmark/internal/ci"
)

// documents are the files in which the table of inputs appears, and what of it
// stands there between two marks.
func documents() map[string]func() string {
	return map[string]func() string{
		"README.md":  inputsTable,
		"action.yml": actionTable,
		"gitlab-component/templates/hallmark/template.yml": func() string { return componentInputs("") },
		"gitlab-component/templates/build-and-attest/template.yml": func() string {
			return componentInputs("$CI_REGISTRY_IMAGE:$CI_COMMIT_SHA")
		},
	}
}

// TestDocumentsListTheInputs keeps the README, the action and the component what
// the table in the code is. With -update it writes them.
func TestDocumentsListTheInputs(t *testing.T) {
	for name, table := range documents() {
		rewrite(t, name, "inputs", table())
	}
	rewrite(t, "gitlab-component/templates/hallmark/template.yml", "variables", componentVariables())
	rewrite(t, "gitlab-component/templates/hallmark/template.yml", "decides", componentDeciding())
	rewrite(t, "gitlab-component/templates/build-and-attest/template.yml", "handed on", handedOn())
}

// rewrite compares what stands between the marks <NAME> and </NAME> of a file, or
// writes it.
func rewrite(t *testing.T, file, mark, want string) {
	t.Helper()
	path := filepath.Join("..", "..", file)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "# "+mark+"\n", "# /"+mark
	if strings.HasSuffix(file, ".md") {
		begin, end = "<!-- "+mark+" -->\n", "<!-- /"+mark
	}
	before, rest, found := strings.Cut(string(content), begin)
	inside, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no %q and %q", file, begin, end)
	}
	indent := inside[strings.LastIndexByte(inside, '\n')+1:] // of the mark
	if whole := before + begin + want + indent + end + after; whole != string(content) {
		if !*update {
			t.Errorf("the %s in %s are not those of the code; write them with: go test ./internal/cli -run Documents -update", mark, file)
		} else if err := os.WriteFile(path, []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// hosted returns the inputs of what runs in a CI job, each name once.
func hosted() []input {
	seen := map[string]bool{}
	return slices.DeleteFunc(inputs(), func(i input) bool {
		again := seen[i.name]
		seen[i.name] = true
		return again || !slices.ContainsFunc(i.commands, func(c string) bool {
			return !slices.Contains([]string{cmdDemo, cmdKeygen, cmdVersion, cmdPolicyCompile, cmdPolicyLint, cmdPolicyTest, cmdPolicyPush}, c)
		})
	})
}

func described(i input) string {
	words := i.usage
	if i.kind == list {
		words += "; one entry a line"
	}
	if i.preset != "" {
		words += " (default: " + i.preset + ")"
	}
	return words
}

func quotedLines(s string) string {
	content, err := json.Marshal(s) // a JSON string is one of YAML
	if err != nil {
		panic(err)
	}
	return string(content)
}

func actionTable() string {
	var out strings.Builder
	for _, i := range hosted() {
		more := ""
		switch i.name {
		case "image":
			more = ", required: true"
		case "github-token":
			more = ", default: \"${{ github.token }}\""
		}
		fmt.Fprintf(&out, "  %s: {description: %s%s}\n", i.name, quotedLines(described(i)), more)
	}
	return out.String()
}

// choices are the words that an input takes, where there are few.
func choices(name string) string {
	return map[string]string{
		"severity-cutoff":    "none, negligible, low, medium, high, critical",
		"tlog":               "auto, \"true\", \"false\"",
		"provenance":         "auto, \"true\", \"false\"",
		"attestation-format": "att, bundle, both",
		"gate":               "enforce, warn",
		"log-format":         "auto, text, json",
		"output":             "table, json",
	}[name]
}

// componentInputs returns the inputs of a component. The image is one that has to be
// named unless there is a default.
func componentInputs(image string) string {
	var out strings.Builder
	for _, i := range hosted() {
		words := strings.Replace(described(i), "; one entry a line", "", 1)
		kind, preset := "string", quotedLines(i.preset)
		switch i.kind {
		case boolean:
			kind, preset = "boolean", i.preset
		case list:
			kind, preset = "array", "[]"
		case text, span:
		}
		fmt.Fprintf(&out, "    %s:\n      type: %s\n      description: %s\n", i.name, kind, quotedLines(words))
		if options := choices(i.name); options != "" {
			fmt.Fprintf(&out, "      options: [%s]\n", options)
		}
		if i.name == "image" {
			preset = quotedLines(image)
		}
		if i.name != "image" || image != "" {
			fmt.Fprintf(&out, "      default: %s\n", preset)
		}
	}
	return out.String()
}

// componentVariables hands on the inputs that decide nothing, which a variable of
// the project may set as well. In a block, no quote in a value can end it. A list
// arrives as a JSON array, in a block with a line end, for alone it would be no string.
func componentVariables() string {
	var out strings.Builder
	for _, i := range hosted() {
		if !i.decides {
			fmt.Fprintf(&out, "    %s: |\n      $[[ inputs.%s ]]\n", ci.Variable(i.name), i.name)
		}
	}
	return out.String()
}

// componentDeciding hands on the inputs that decide, in a document that the shell
// takes as it is: no value is expanded or can end a quote.
func componentDeciding() string {
	var out strings.Builder
	for _, i := range hosted() {
		if i.decides {
			fmt.Fprintf(&out, "      %s=$[[ inputs.%s ]]\n", i.name, i.name)
		}
	}
	return out.String()
}

// handedOn returns the inputs that one component gives another.
func handedOn() string {
	var out strings.Builder
	for _, i := range hosted() {
		fmt.Fprintf(&out, "      %s: $[[ inputs.%s ]]\n", i.name, i.name)
	}
	return out.String()
}

// What the hosts demand of the two files beyond the table.
func TestActionIsWellFormed(t *testing.T) {
	var action struct {
		Inputs, Outputs map[string]struct{ Description string }
		Runs            struct {
			Using, Image string
			Args         []string
		}
	}
	decodeYAML(t, "action.yml", 0, &action)
	for _, name := range ci.Outputs() {
		if action.Outputs[name].Description == "" {
			t.Errorf("action.yml does not describe the output %s", name)
		}
	}
	if len(action.Outputs) != len(ci.Outputs()) || len(action.Inputs) != len(hosted())+1 {
		t.Errorf("action.yml has %d outputs and %d inputs", len(action.Outputs), len(action.Inputs))
	}
	if action.Runs.Using != "docker" || action.Runs.Image != "Dockerfile" || !slices.Equal(action.Runs.Args, []string{"${{ inputs.command }}", "--" + stepFlag + "=" + string(byAction)}) {
		t.Errorf("action.yml runs %+v", action.Runs)
	}
}

func TestComponentIsWellFormed(t *testing.T) {
	var component struct {
		Spec struct {
			Inputs map[string]struct{ Type, Description string }
		}
	}
	decodeYAML(t, "gitlab-component/templates/hallmark/template.yml", 0, &component)
	for name, i := range component.Spec.Inputs {
		if i.Type == "" || i.Description == "" || len(i.Description) >= 1024 {
			t.Errorf("the component's input %s has the type %q and a description of %d bytes", name, i.Type, len(i.Description))
		}
	}
	var jobs map[string]any
	decodeYAML(t, "gitlab-component/templates/hallmark/template.yml", 1, &jobs)
	if len(jobs) != 1 {
		t.Errorf("a component must have no global keywords, and this has one job: %v", jobs)
	}
}

// decodeYAML reads the nth document of a file.
func decodeYAML(t *testing.T, file string, n int, into any) {
	t.Helper()
	content, err := os.Open(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	decoder := yaml.NewDecoder(content)
	for range n {
		if err := decoder.Decode(new(any)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
