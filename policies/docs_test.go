package policies_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/policies"
)

var update = flag.Bool("update", false, "write docs/policies anew") //nolint:gochecknoglobals // as the flag package has it

// page is what a policy's METADATA say.
type page struct {
	Name        string
	Title       string
	Description string
	Custom      struct {
		Severity string   `json:"severity"`
		Fix      string   `json:"fix"`
		Optional []string `json:"optional"`
		Controls []struct {
			Framework string `json:"framework"`
			Control   string `json:"control"`
		} `json:"controls"`
		Params map[string]struct {
			Default     json.RawMessage `json:"default"`
			Description string          `json:"description"`
		} `json:"params"`
	}
}

// The pages are made from the policies: go test ./policies -update.
func TestPages(t *testing.T) {
	folder := filepath.Join("..", "docs", "policies")
	want := map[string][]byte{}
	var pages []page
	for _, name := range policies.Names() {
		p := readPage(t, name)
		pages = append(pages, p)
		want[name+".md"] = p.markdown()
	}
	want["README.md"] = index(pages)
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		have, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want[e.Name()]) {
			t.Errorf("%s is not what the policy says: run go test ./policies -update", e.Name())
		}
		delete(want, e.Name())
	}
	for name := range want {
		t.Errorf("there is no %s: run go test ./policies -update", name)
	}
}

func readPage(t *testing.T, name string) page {
	t.Helper()
	p := page{Name: name}
	for _, a := range modules(t, name)[name+".rego"].Annotations {
		if a.Title == "" {
			continue
		}
		p.Title, p.Description = a.Title, strings.TrimSpace(a.Description)
		encoded, err := json.Marshal(a.Custom)
		if err == nil {
			err = json.Unmarshal(encoded, &p.Custom)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return p
}

func (p page) markdown() []byte {
	var out bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("# %s\n\n%s\n", p.Title, p.Description)
	line("    hallmark gate IMAGE --key cosign.pub --policy hallmark:%s\n", p.Name)
	line("Severity: %s.", p.Custom.Severity)
	if p.Custom.Fix != "" {
		line("If it denies: %s.", p.Custom.Fix)
	}
	if len(p.Custom.Optional) > 0 {
		line("Evidence that it can do without: %s.", strings.Join(p.Custom.Optional, ", "))
	}
	if len(p.Custom.Params) > 0 {
		line("\n## Parameters\n\nIn the file of `--policy-data`, `%s: {NAME: VALUE}`. An empty value leaves the policy undecided, unless the default is empty or the meaning says what `[]` is.\n\n| name | default | meaning |\n|---|---|---|", p.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Custom.Params)) {
		param := p.Custom.Params[name]
		preset := "none: undecided until it is set"
		if param.Default != nil {
			preset = "`" + string(param.Default) + "`"
		}
		line("| %s | %s | %s |", name, preset, param.Description)
	}
	line("\n## Controls\n\nWhat it passes or denies bears on:\n")
	byFramework := map[string][]string{}
	for _, c := range p.Custom.Controls {
		byFramework[c.Framework] = append(byFramework[c.Framework], c.Control)
	}
	for _, framework := range slices.Sorted(maps.Keys(byFramework)) {
		line("- %s: %s", framework, strings.Join(byFramework[framework], ", "))
	}
	line("\nIts text is [%s.rego](../../policies/%s.rego), its tests [%s_test.rego](../../policies/%s_test.rego).", p.Name, p.Name, p.Name, p.Name)
	return out.Bytes()
}

func index(pages []page) []byte {
	var out bytes.Buffer
	out.WriteString("# Policies that ship\n\n`--policy hallmark:NAME` names one, `hallmark:baseline` those that need nothing but what `hallmark run` makes, `hallmark:all` every one.\n" +
		"How to write your own is in [policies.md](../policies.md).\n\n| policy | what it proves | in the baseline | parameters to set |\n|---|---|---|---|\n")
	for _, p := range pages {
		var unset []string
		for _, name := range slices.Sorted(maps.Keys(p.Custom.Params)) {
			if p.Custom.Params[name].Default == nil {
				unset = append(unset, name)
			}
		}
		baseline := ""
		if slices.Contains(policies.Expand(policies.Baseline), p.Name) {
			baseline = "yes"
		}
		fmt.Fprintf(&out, "| [%s](%s.md) | %s | %s | %s |\n", p.Name, p.Name, p.Title, baseline, strings.Join(unset, ", "))
	}
	return out.Bytes()
}

// Titles and descriptions are one sentence or more, and end like ones.
func TestWords(t *testing.T) {
	for _, name := range policies.Names() {
		p := readPage(t, name)
		if strings.HasSuffix(p.Title, ".") || !strings.HasSuffix(p.Description, ".") {
			t.Errorf("%s: %q, %q", name, p.Title, p.Description)
		}
		for param, d := range p.Custom.Params {
			if d.Description == "" || !ast.IsVarCompatibleString(param) {
				t.Errorf("%s: the parameter %s is not described", name, param)
			}
		}
	}
}
