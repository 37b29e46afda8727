package e2e_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// A set of policies counts as what its signature names. Verifiers of signatures are asked
// about sets that were put in the place of others, and docs/forgeries.md tells what each says.
// With -update the file is written.
func TestSwappedPoliciesAreAsDocumented(t *testing.T) {
	i := newInterop(t)
	i.keys("policies")
	for name, rule := range map[string]string{"strict": "false", "lax": "true"} {
		i.file(name+".rego", "# METADATA\n# custom:\n#   predicateType: custom\npackage sigstore\nisCompliant = "+rule+"\n")
	}
	var table strings.Builder
	table.WriteString("\n| what is at the reference | Hallmark |")
	readers := []string{"cosign", "cosign3"}
	for n, tool := range readers {
		fmt.Fprintf(&table, " %s |", i.versioned(fmt.Sprintf("cosign %d", n+2), tool))
	}
	table.WriteString("\n|---|---|---|---|\n")
	for _, c := range swappedSets() {
		t.Run(c.name, func(t *testing.T) {
			p := i.in(t)
			repository := p.host + "/" + strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(c.name, "-"))
			reference := c.swap(p, repository)
			ours := p.run("hallmark", "policy", "lint", "oci://"+reference, "--policy-key", "policies.pub")
			cell := "accepts"
			if said := regexp.MustCompile(`loading policies from [^ ]+: (.*)`).FindStringSubmatch(ours.stderr); said != nil {
				cell = "refuses: " + strings.ReplaceAll(plainDigests(said[1]), repository, "REPOSITORY")
			}
			if refused := cell != "accepts"; refused == c.believed {
				t.Errorf("hallmark: exit %d\n%s%s", ours.code, ours.stdout, ours.stderr)
			}
			cells := []string{c.name, cell}
			for _, tool := range readers {
				if p.run(tool, "verify", "--key", "policies.pub", "--insecure-ignore-tlog", reference).code == 0 {
					cells = append(cells, "accepts")
				} else {
					cells = append(cells, "refuses")
				}
			}
			fmt.Fprintf(&table, "| %s |\n", strings.Join(cells, " | "))
		})
	}
	if !t.Failed() {
		i.documented("forgeries.md", "swapped", table.String()+"\n")
	}
}

// swappedSet is a set of policies in the place of another.
type swappedSet struct {
	name     string
	believed bool
	swap     func(p *place, repository string) (reference string)
}

func swappedSets() []swappedSet {
	push := func(p *place, file, reference, key string) string {
		pushed := p.must("hallmark", "policy", "push", file, "oci://"+reference, "--key", key)
		set, _, _ := strings.Cut(pushed, "\n")
		return set
	}
	signatures := func(set string) string {
		repository, digest, _ := strings.Cut(set, "@")
		return repository + ":" + strings.Replace(digest, ":", "-", 1) + ".sig"
	}
	return []swappedSet{
		{name: "nothing: the set that was pushed to the tag", believed: true, swap: func(p *place, repository string) string {
			push(p, "strict.rego", repository+":v3", "policies.key")
			return repository + ":v3"
		}},
		{name: "a set that another key signed", swap: func(p *place, repository string) string {
			push(p, "lax.rego", repository+":v3", "other.key")
			return repository + ":v3"
		}},
		{name: "a set of another repository, copied with its signature", swap: func(p *place, repository string) string {
			push(p, "strict.rego", repository+":v3", "policies.key")
			lax := push(p, "lax.rego", repository+"/lax:v3", "policies.key")
			digest := lax[strings.Index(lax, "@"):]
			p.must("crane", "copy", lax, repository+":v3")
			p.must("crane", "copy", signatures(lax), signatures(repository+digest))
			return repository + ":v3"
		}},
		{name: "an older version under the tag of a newer one", swap: func(p *place, repository string) string {
			old := push(p, "lax.rego", repository+":v1", "policies.key")
			push(p, "strict.rego", repository+":v3", "policies.key")
			p.must("crane", "copy", old, repository+":v3")
			return repository + ":v3"
		}},
		{name: "the older version, by its digest", believed: true, swap: func(p *place, repository string) string {
			old := push(p, "lax.rego", repository+":v1", "policies.key")
			push(p, "strict.rego", repository+":v3", "policies.key")
			return old
		}},
	}
}
