package e2e_test

import (
	"debug/buildinfo"
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// documentation returns the tables of who reads whose attestations, and the
// commands by which it was found out.
func (i interop) documentation(results []result) string {
	var out strings.Builder
	out.WriteString("\n## Signed with a key\n\nNo log is asked for, and none given.\n\n")
	i.table(&out, byKey, results)
	out.WriteString("\n## Signed keyless\n\nThe log, where there is one, is a Rekor v2; the time is that of a timestamp authority.\n\n")
	i.table(&out, keyless, results)
	out.WriteString("\n## The commands\n\nWords in capitals stand for what is yours.\n")
	for _, r := range readers() {
		fmt.Fprintf(&out, "\n### Reading with %s\n", i.versioned(r.name, r.tool))
		for _, signed := range []string{byKey, keyless} {
			r.printed(&out, signed)
		}
	}
	out.WriteString("\nThe tester decides as the controller in the cluster does, which is given the policy itself:\n\n")
	for _, name := range []string{"key.yaml", "keyless.yaml", "keyless-bundle.yaml"} {
		fmt.Fprintf(&out, "```yaml\n# %s\n%s```\n\n", name, policies()[name])
	}
	out.WriteString("### Writing\n")
	for _, w := range writers() {
		fmt.Fprintf(&out, "\n%s:\n\n    %s\n    %s\n", w.name, w.write[byKey], w.write[keyless])
	}
	out.WriteString("\n")
	return out.String()
}

func (i interop) table(out *strings.Builder, signed string, results []result) {
	head, rule := "| written by | log |", "|---|---|"
	for _, r := range readers() {
		head += " " + i.versioned(r.name, r.tool) + " |"
		rule += "---|"
	}
	fmt.Fprintf(out, "%s\n%s\n", head, rule)
	for _, r := range results {
		if r.signed != signed {
			continue
		}
		log := "no"
		if signed == keyless && r.writer.logged {
			log = "yes"
		}
		fmt.Fprintf(out, "| %s | %s | %s |\n", r.writer.name, log, strings.Join(r.cells, " | "))
	}
}

// printed writes a reader's commands for one way to sign, each once.
func (r reader) printed(out *strings.Builder, signed string) {
	att, bundle := r.command(signed, "att", true), r.command(signed, "bundle", true)
	if att == bundle {
		fmt.Fprintf(out, "\nSigned %s:\n\n    %s\n", how(signed), att)
	} else {
		fmt.Fprintf(out, "\nSigned %s, under the tag:\n\n    %s\n", how(signed), att)
		fmt.Fprintf(out, "\nSigned %s, as a bundle:\n\n    %s\n", how(signed), bundle)
	}
	if more := strings.TrimPrefix(r.command(signed, "bundle", false), bundle); more != "" {
		fmt.Fprintf(out, "\nand where no log holds it: `%s`\n", strings.TrimSpace(more))
	}
}

func how(signed string) string {
	if signed == byKey {
		return "with a key"
	}
	return signed
}

// versioned returns a peer's name with the version that was built.
func (i interop) versioned(name, tool string) string {
	i.t.Helper()
	if tool == "hallmark" {
		return name
	}
	path, err := world.Tool(tool)
	if err != nil {
		i.t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		i.t.Fatal(err)
	}
	name, _, _ = strings.Cut(name, " 2")
	name, _, _ = strings.Cut(name, " 3")
	return name + " " + strings.TrimPrefix(info.Main.Version, "v")
}
