package e2e_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// cleanPolicy is what each reader that takes Rego is asked about the scan; it has
// to be in the package, and the rule, that the reader looks for.
const cleanPolicy = `package PACKAGE

default RULE = false

RULE {
	input.predicate.scanner.result.counts.effective.critical == 0
}
`

// madePolicy is what each reader is asked about the SBOM.
const madePolicy = `# METADATA
# custom:
#   predicateType: https://cyclonedx.org/bom
package PACKAGE

default RULE = false

RULE {
	property := input.predicate.metadata.properties[_]
	property.name == "hallmark:origin"
	json.unmarshal(property.value).kind == "made"
}
`

// askMade returns the command by which a reader is asked whether Hallmark made the SBOM.
func askMade(tool string) string {
	if tool == "hallmark" {
		return "hallmark gate IMAGE --key cosign.pub --policy made-signature.rego"
	}
	return askOthers(tool, "made", "cyclonedx")
}

// asked returns the command by which a reader is asked about an image.
func (f forgery) asked(r reader, form string) string {
	if f.ask != nil {
		return f.ask(r.tool)
	}
	if !f.scans {
		return r.command(byKey, form, false)
	}
	switch r.tool {
	case "hallmark":
		return "hallmark gate IMAGE --key cosign.pub --severity-cutoff critical --max-scan-age 0 --vuln-db-max-age 0"
	case "tester":
		return "tester -image IMAGE -log-level error -policy scan.yaml"
	}
	return strings.Replace(r.command(byKey, form, false), "--type TYPE", "--type vuln", 1) + " --policy clean.rego"
}

// policyFiles writes what scans are judged by.
func (f forging) policyFiles() {
	f.t.Helper()
	f.file("clean.rego", regoOf(cleanPolicy, "signature", "allow"))
	key := withKey(policies()["key.yaml"], f.read("cosign.pub"))
	f.file("key.yaml", f.words.Replace(key))
	f.file("scan.yaml", inlined(key, "vuln", regoOf(cleanPolicy, "sigstore", "isCompliant")))
	f.besidePolicies(key)
}

// regoOf returns a policy in the package and with the rule that a reader looks for.
func regoOf(policy, name, rule string) string {
	return strings.NewReplacer("PACKAGE", name, "RULE", rule).Replace(policy)
}

// inlined returns a ClusterImagePolicy that asks a policy about a type.
func inlined(key, predicateType, rego string) string {
	const indent = "\n          "
	return strings.Replace(key, "TYPE", predicateType, 1) + "      policy:\n        type: rego\n        data: |" + indent +
		strings.ReplaceAll(strings.TrimSpace(rego), "\n", indent) + "\n"
}

// judged returns what each reader says of a forgery.
func (f forging) judged(form string, forged forgery) []string {
	f.t.Helper()
	image := f.bare(f.unique())
	if forged.image != nil {
		image = forged.image(f)
	}
	forged.attach(f, form, image)
	var cells []string
	for _, r := range readers() {
		if r.tool == "tester" && form == "bundle" {
			cells = append(cells, "takes no bundles by key")
			continue
		}
		got := f.do(r.tool, forged.asked(r, form), image)
		f.t.Logf("%s: exit %d: %s", r.name, got.code, lastLine(got.stdout+got.stderr))
		if strings.Contains(got.stdout+got.stderr, "no such file") {
			f.t.Fatalf("%s was not asked: %s%s", r.name, got.stdout, got.stderr)
		}
		switch {
		case r.tool == "hallmark":
			cells = append(cells, f.ours(forged, got))
		case got.code == 0:
			cells = append(cells, "accepts")
		default:
			cells = append(cells, "refuses")
		}
		if forged.name == forgeries()[0].name && got.code != 0 {
			f.t.Errorf("%s refuses what is genuine: exit %d\n%s%s", r.name, got.code, got.stdout, got.stderr)
		}
	}
	return cells
}

// ours is what Hallmark says, with the reason of a refusal in its own words.
func (f forging) ours(forged forgery, got outcome) string {
	f.t.Helper()
	want := 4
	switch {
	case forged.believed:
		want = 0
	case forged.code != 0:
		want = forged.code
	case forged.scans && !forged.unread:
		want = 3
	}
	if got.code != want {
		f.t.Errorf("hallmark: exit %d, want %d\n%s%s", got.code, want, got.stdout, got.stderr)
	}
	if got.code == 0 {
		return "accepts"
	}
	reasons := regexp.MustCompile(`is not believed: (.*)|(?m)^ +deny +(.*)$|(?m)^ +undecided +.*\n +(.*)$|(?m)^ +(something attached was not read.*)$`).FindAllStringSubmatch(got.stdout, -1)
	var said []string
	for _, reason := range reasons {
		said = append(said, plainDigests(strings.Join(reason[1:], "")))
	}
	slices.Sort(said)
	if said = slices.Compact(said); len(said) == 0 {
		said = []string{plainDigests(strings.TrimPrefix(lastLine(got.stderr), "hallmark: "))}
	}
	return "refuses: " + strings.Join(said, "; ")
}

// plainDigests leaves out what differs from one run, or build, to the next: the
// protobuf library chooses the space in its errors at random.
func plainDigests(text string) string {
	text = strings.ReplaceAll(text, "\u00a0", " ")
	text = regexp.MustCompile(`sha256[:-][0-9a-f]{6,64}`).ReplaceAllString(text, "sha256:…")
	return regexp.MustCompile(`127\.0\.0\.1:\d+/bare/[^@ ]*`).ReplaceAllString(text, "IMAGE")
}

func (f forging) forgeryPage(tables map[string]*strings.Builder) string {
	head, rule := "| what is attached | ", "|---|"
	var names []string
	for _, r := range readers() {
		names = append(names, f.versioned(r.name, r.tool))
		rule += "---|"
	}
	head += strings.Join(names, " | ") + " |\n" + rule + "\n"
	var out strings.Builder
	fmt.Fprintf(&out, "\n## Under the tag\n\n%s%s\n## As bundles\n\n%s%s\n", head, tables["att"], head, tables["bundle"])
	return out.String()
}
