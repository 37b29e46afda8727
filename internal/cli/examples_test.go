package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/hallmark-ci/hallmark/internal/ci"
)

// Every example, every workflow and every YAML in the documents is read as its
// host reads it, and may use only what there is.

const (
	ownAction    = "hallmark-ci/hallmark@v1"
	ownWorkflow  = "hallmark-ci/hallmark/.github/workflows/attest.yml@v1"
	ownCheckout  = "./.hallmark" // of the action, in the commit that a workflow is of
	ownComponent = "$CI_SERVER_FQDN/hallmark-ci/hallmark/hallmark@1"
	ownBuilder   = "$CI_SERVER_FQDN/hallmark-ci/hallmark/build-and-attest@1"
)

// pinnedAction is an action of others: they are named by their commit.
var pinnedAction = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)

// node is a mapping of a YAML document.
type node = map[string]any

func TestExamplesUseWhatThereIs(t *testing.T) {
	checked := 0
	for name, content := range yamlOfTheProject(t) {
		decoder := yaml.NewDecoder(bytes.NewReader(content))
		for {
			var document any
			err := decoder.Decode(&document)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, content)
			}
			walk(document, func(n node) {
				if err := checkUse(t, n); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				checked++
			})
			if err := checkPermissions(document); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d mappings were looked at", checked)
	}
}

// yamlOfTheProject returns the YAML files of the examples and workflows, and the
// blocks of YAML in the documents.
func yamlOfTheProject(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, pattern := range []string{"examples/*/*.yml", ".github/workflows/*.yml", "gitlab-component/.gitlab-ci.yml", "gitlab-component/templates/*/*.yml", "README.md", "docs/*.md", "gitlab-component/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("nothing is %s: %v", pattern, err)
		}
		for _, path := range found {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if filepath.Ext(path) == ".yml" {
				out[path] = content
				continue
			}
			for i, m := range block.FindAllSubmatch(content, -1) {
				out[fmt.Sprintf("%s (block %d)", path, i+1)] = m[1]
			}
		}
	}
	return out
}

func walk(value any, visit func(node)) {
	switch v := value.(type) {
	case node:
		visit(v)
		for _, inner := range v {
			walk(inner, visit)
		}
	case []any:
		for _, inner := range v {
			walk(inner, visit)
		}
	}
}

// checkUse checks a mapping that uses the action, the workflow or the component.
func checkUse(t *testing.T, n node) error {
	t.Helper()
	uses, component := textOf(n, "uses"), textOf(n, "component")
	file := cmp.Or(textOf(n, "file"), textOf(n, "local"))
	switch {
	case uses == ownAction, uses == ownCheckout:
		return known(n["with"], append(lower(actionInputs()[3:]), inputCommand), "image")
	case uses == ownWorkflow:
		return known(n["with"], workflowInputs(t), "image")
	case strings.Contains(uses, "hallmark"):
		return fmt.Errorf("%s is not where it is used from", uses)
	case uses != "" && !strings.HasPrefix(uses, "./") && !pinnedAction.MatchString(uses):
		return fmt.Errorf("%s is not pinned by its commit: what a tag names can change", uses)
	case component == ownComponent || file == "/templates/hallmark/template.yml":
		return known(n["inputs"], componentNames(t, "hallmark"), "image")
	case component == ownBuilder:
		return known(n["inputs"], componentNames(t, "build-and-attest"), "")
	case strings.Contains(component, "hallmark") && !strings.Contains(component, "$CI_PROJECT_PATH"):
		return fmt.Errorf("%s is not where it is included from", component)
	}
	return knownVariables(n)
}

// textOf returns a text of a mapping, or nothing.
func textOf(n node, name string) string {
	text, _ := n[name].(string)
	return text
}

// known checks that only known inputs are set, and the needed one if there is one.
func known(with any, names []string, needed string) error {
	set, _ := with.(node)
	for name := range set {
		if !slices.Contains(names, name) {
			return fmt.Errorf("%s is no input", name)
		}
	}
	if needed != "" && set[needed] == nil {
		return fmt.Errorf("the input %s is missing", needed)
	}
	return nil
}

// knownVariables checks the variables that a mapping sets.
func knownVariables(n node) error {
	for name := range n {
		if strings.HasPrefix(name, "HALLMARK_") && !slices.Contains(ownVariables(), name) {
			return fmt.Errorf("%s is no variable of Hallmark's", name)
		}
	}
	return nil
}

func workflowInputs(t *testing.T) []string {
	t.Helper()
	var w struct {
		On struct {
			Call struct{ Inputs node } `yaml:"workflow_call"`
		}
	}
	decodeYAML(t, ".github/workflows/attest.yml", 0, &w)
	return keys(w.On.Call.Inputs)
}

// What the workflow for others runs is settled by the commit that they name. A tag of
// ours in it could move.
func TestTheReusableWorkflowRunsItsOwnCommit(t *testing.T) {
	var w struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses string
				Run  string
				With node
			}
		}
	}
	decodeYAML(t, ".github/workflows/attest.yml", 0, &w)
	checked, out := false, false
	for _, step := range w.Jobs["attest"].Steps {
		checked = checked || strings.Contains(step.Run, `"$COMMIT" =~ ^[0-9a-f]{40,64}$`)
		switch {
		case strings.HasPrefix(step.Uses, "hallmark-ci/"):
			t.Errorf("it uses %s, which can move", step.Uses)
		case textOf(step.With, "path") == ".hallmark":
			out = checked && textOf(step.With, "ref") == "${{ job.workflow_sha }}" && textOf(step.With, "repository") == "${{ job.workflow_repository }}"
		case step.Uses == ownCheckout && !out:
			t.Error("what it uses is not checked out from its own commit")
		}
	}
	if !out {
		t.Error("it does not check out its own commit")
	}
}

func componentNames(t *testing.T, name string) []string {
	t.Helper()
	var c struct{ Spec struct{ Inputs node } }
	decodeYAML(t, "gitlab-component/templates/"+name+"/template.yml", 0, &c)
	return keys(c.Spec.Inputs)
}

func keys(n node) []string {
	var names []string
	for name := range n {
		names = append(names, name)
	}
	return names
}

// checkPermissions checks that a job of GitHub's which signs as itself may have a
// token for it, and that what pushes to ghcr.io may.
func checkPermissions(document any) error {
	top, _ := document.(node)
	jobs, _ := top["jobs"].(node)
	for name, value := range jobs {
		job, _ := value.(node)
		permissions, _ := job["permissions"].(node)
		steps, _ := job["steps"].([]any)
		for _, value := range steps {
			step, _ := value.(node)
			with, _ := step["with"].(node)
			if step["uses"] != ownAction || with["push"] == false {
				continue
			}
			if with["key"] == nil && permissions["id-token"] != "write" {
				return fmt.Errorf("the job %s signs keyless without the permission id-token: write", name)
			}
			if with["registry-username"] == nil && permissions["packages"] != "write" {
				return fmt.Errorf("the job %s pushes without the permission packages: write", name)
			}
		}
	}
	return nil
}

// Each flag that a document or an example names is a flag of some command.
func TestDocumentsNameRealFlags(t *testing.T) {
	var names []string
	for _, i := range inputs() {
		names = append(names, i.name)
	}
	command := regexp.MustCompile(`hallmark (?:run|attest|verify|gate|inspect|sign) [^\n` + "`" + `]*`)
	flag := regexp.MustCompile(`\s--([a-z-]+)`)
	for _, pattern := range []string{"README.md", "docs/ci.md", "examples/*/*.yml", ".github/workflows/*.yml"} {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("nothing is %s: %v", pattern, err)
		}
		for _, path := range found {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range command.FindAllString(strings.ReplaceAll(string(content), "\\\n", " "), -1) {
				for _, m := range flag.FindAllStringSubmatch(line, -1) {
					if !slices.Contains(names, m[1]) {
						t.Errorf("%s: --%s is no flag: %s", path, m[1], line)
					}
				}
			}
		}
	}
}

// What a job of GitLab's hands to later ones is what the documents name.
func TestDocumentsNameRealOutputs(t *testing.T) {
	for _, file := range []string{"docs/ci.md", "gitlab-component/README.md"} {
		content, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range regexp.MustCompile(`HALLMARK_[A-Z_]+[A-Z]`).FindAllString(string(content), -1) {
			if !slices.Contains(ownVariables(), name) {
				t.Errorf("%s: %s is no variable of Hallmark's", file, name)
			}
		}
		for _, m := range regexp.MustCompile(`outputs\.([a-z-]+)`).FindAllStringSubmatch(string(content), -1) {
			if !slices.Contains(ci.Outputs(), m[1]) {
				t.Errorf("%s: %s is no output", file, m[1])
			}
		}
	}
}
