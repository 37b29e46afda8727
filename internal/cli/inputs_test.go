package cli

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of inputs into the documents that show it")

// inputsTable returns the table in Markdown.
func inputsTable() string {
	var out strings.Builder
	out.WriteString("| input | commands | default | meaning |\n|---|---|---|---|\n")
	for _, i := range inputs() {
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", i.name, strings.Join(i.commands, ", "), i.preset, cell(i))
	}
	return out.String()
}

func cell(i input) string {
	words := i.usage
	if i.kind == list {
		words += " (list)"
	}
	return strings.ReplaceAll(words, "|", "\\|")
}

// An input without a command, or twice for one command, could not be set.
func TestEachInputBelongsToACommandOnce(t *testing.T) {
	commands := []string{cmdRun, cmdRescan, cmdAttest, cmdVerify, cmdGate, cmdInspect, cmdSign, cmdKeygen, cmdDemo, cmdVersion, cmdPolicyCompile, cmdPolicyLint, cmdPolicyTest, cmdPolicyPush}
	for _, i := range inputs() {
		if len(i.commands) == 0 {
			t.Errorf("no command takes the input %s", i.name)
		}
		for _, c := range i.commands {
			if !slices.Contains(commands, c) {
				t.Errorf("the input %s is for %q, which is no command", i.name, c)
			}
		}
	}
	for _, c := range commands {
		var names []string
		for _, i := range inputsOf(c) {
			if slices.Contains(names, i.name) {
				t.Errorf("%s takes the input %s twice", c, i.name)
			}
			names = append(names, i.name)
		}
	}
}

// Whoever adds an input says whether the gate depends on it: if it does, no earlier
// step of a job may set it. When in doubt, it does.
func TestInputsThatDecideNothingAreKnown(t *testing.T) {
	free := []string{
		"registry-username", "registry-password", "github-token", "gitlab-token", "registry-mirror", "comment", "output-dir", "timeout",
		"log-format", "explain", "output", "parallel", "extract", "output-key-prefix", "name", "trust-root-ref", "coverage-min",
	}
	for _, i := range inputs() {
		if i.decides == slices.Contains(free, i.name) {
			t.Errorf("%s decides: %t", i.name, i.decides)
		}
		if i.secret && i.decides {
			t.Errorf("%s is a secret that decides: the component would write it into its script", i.name)
		}
	}
}
