package e2e_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// pod is one that somebody wants to create.
type pod struct {
	name      string
	image     func(g guarded) string // pushes the image, marked or not, and returns it pinned
	namespace string                 // shop, if empty
	refused   []string               // what the refusal has to say; none: the pod is created
	warned    []string               // what is said though it is created
}

// pods are what the cluster is asked for, and what is to come of each.
func pods() []pod {
	bare := func(repository string) func(guarded) string {
		return func(g guarded) string { return g.push(repository) }
	}
	marked := func(repository, key, branch string) func(guarded) string {
		return func(g guarded) string { return g.marked(g.push(repository), key, branch) }
	}
	const nothing = "no matching attestations"
	return []pod{
		{name: "marked", image: marked("shop/marked", "cosign.key", "")},
		{name: "bare", image: bare("shop/bare"), refused: []string{"failed policy: shop:", nothing}},
		{name: "marked for several", image: marked("several/marked", "cosign.key", "")},
		{name: "bare for several", image: bare("several/bare"), refused: []string{"failed policy: several-no-critical:", "failed policy: several-sbom-complete:", nothing}},
		{name: "bare where nothing is guarded", image: bare("shop/bare"), namespace: "elsewhere"},
		{name: "of no policy", image: bare("other/bare"), refused: []string{"no matching policies"}},
		{name: "marked with another key", image: marked("shop/foreign", "other.key", ""), refused: []string{"failed policy: shop:", nothing}},
		{name: "vulnerable", image: guarded.vulnerable, refused: []string{"failed policy: shop:", "minimist 1.2.0: critical GHSA-xvch-5gv4-984h (fix: update minimist to 1.2.6)"}},
		{name: "bare and only warned of", image: bare("warned/bare"), warned: []string{"failed policy: warned", nothing}},

		{name: "joined and passed", image: marked("joined/main", "cosign.key", "main")},
		{name: "joined and denied", image: marked("joined/dev", "cosign.key", "dev"), refused: []string{"failed policy: joined", "the verdict on the policy", "is deny, not pass"}},
		{name: "joined and nothing attested", image: bare("joined/bare"), refused: []string{"failed policy: joined", nothing}},
		{name: "joined and too old", image: marked("expired/main", "cosign.key", "main"), refused: []string{"failed policy: expired", "the verdict is older than 1ms: run the gate again"}},
	}
}

// push pushes an image that nobody else has, and returns it pinned.
func (g guarded) push(repository string) string {
	g.t.Helper()
	pinned, err := world.PushClean(g.t.Context(), g.host+"/"+repository+":v1")
	if err != nil {
		g.t.Fatal(err)
	}
	return pinned.String()
}

// vulnerable pushes and marks an image with a critical finding.
func (g guarded) vulnerable() string {
	g.t.Helper()
	pinned, err := world.PushSmall(g.t.Context(), g.host+"/shop/vulnerable:v1")
	if err != nil {
		g.t.Fatal(err)
	}
	return g.marked(pinned.String(), "cosign.key", "")
}

// marked lets hallmark attest an image, in a job for a branch if one is given, and
// returns it. A job whose gate denies attests its verdict all the same.
func (g guarded) marked(image, key, branch string) string {
	g.t.Helper()
	job, want := *g.place, 0
	args := []string{"run", image, "--key", key, "--vuln-db", g.database, "--vuln-db-max-age", anyAge}
	if branch != "" {
		job.env = slices.Concat(g.env, []string{"CIRCLECI=true", "CIRCLE_BRANCH=" + branch})
		args = []string{"run", image, "--key", key, "--scan=false", "--policy", "branch.rego"}
	}
	if branch == "dev" {
		want = 3
	}
	if got := job.run("hallmark", args...); got.code != want {
		g.t.Fatalf("marking %s: exit %d, want %d\n%s%s", image, got.code, want, got.stdout, got.stderr)
	}
	return image
}

// decides creates a pod and looks at what comes of it.
func (g guarded) decides(c pod) {
	g.t.Helper()
	namespace := "shop"
	if c.namespace != "" {
		namespace = c.namespace
	}
	image, name := c.image(g), strings.ReplaceAll(c.name, " ", "-")
	got := g.run("kubectl", "run", name, "--namespace="+namespace, "--image="+image)
	g.said[c.name] = got.stderr
	if (got.code != 0) != (len(c.refused) > 0) {
		g.t.Errorf("exit %d, want it refused for: %q\n%s%s", got.code, c.refused, got.stdout, got.stderr)
	}
	for _, words := range append(c.refused, c.warned...) {
		if !strings.Contains(got.stderr, words) {
			g.t.Errorf("want %q in what is said:\n%s", words, got.stderr)
		}
	}
	if len(c.refused) > 0 {
		return
	}
	if got := g.must("kubectl", "get", "pod", name, "--namespace="+namespace, "--output=jsonpath={.spec.containers[0].image}"); got != image {
		g.t.Errorf("the pod is of %s, want %s", got, image)
	}
	if len(c.warned) == 0 && got.stderr != "" {
		g.t.Errorf("it is warned of: %s", got.stderr)
	}
}

// indexes gives the cluster indexes, and the images that a node would run of them.
func (g guarded) indexes() {
	g.t.Helper()
	const critical = "critical GHSA-xvch-5gv4-984h"
	clean, mixed := g.index("clean", nil), g.index("mixed", map[string]bool{arm64: true})
	for _, index := range []world.Index{clean, mixed} {
		g.marked(index.Pinned.String(), "cosign.key", "")
	}
	as := func(image fmt.Stringer) func(guarded) string { return func(guarded) string { return image.String() } }
	for _, c := range []pod{
		{name: "a clean index", image: as(clean.Pinned)},
		{name: "its second image", image: as(clean.Images[arm64])},
		{name: "an index with a vulnerable image", image: as(mixed.Pinned), refused: []string{"failed policy: index:", critical}},
		{name: "its clean image", image: as(mixed.Images[amd64])},
		{name: "its vulnerable image", image: as(mixed.Images[arm64]), refused: []string{"failed policy: index:", critical}},
	} {
		g.decides(c)
	}
}

// pinsTags gives the cluster a tag, alone and within a deployment: what is admitted
// is the image that the controller looked at, whatever the tag becomes.
func (g guarded) pinsTags() {
	g.t.Helper()
	marked, bare := g.marked(g.push("shop/tagged"), "cosign.key", ""), g.push("shop/untagged")
	tagged := func(image string) string {
		repository, _, _ := strings.Cut(image, "@")
		return repository + ":v1"
	}
	g.must("kubectl", "run", "tagged", "--namespace=shop", "--image="+tagged(marked))
	if got, want := g.must("kubectl", "get", "pod", "tagged", "--namespace=shop", "--output=jsonpath={.spec.containers[0].image}"), strings.Replace(marked, "@", ":v1@", 1); got != want {
		g.t.Errorf("the pod is of %s, want %s", got, want)
	}
	got := g.run("kubectl", "create", "deployment", "untagged", "--namespace=shop", "--image="+tagged(bare))
	if got.code == 0 || !strings.Contains(got.stderr, "failed policy: shop: spec.template.spec.containers[0].image") {
		g.t.Errorf("a deployment of an image with nothing attached: exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

// foretells labels a namespace in which something runs already, and asks what would
// become of it.
func (g guarded) foretells() {
	g.t.Helper()
	image := g.push("warned/running")
	g.must("kubectl", "create", "deployment", "running", "--namespace=elsewhere", "--image="+image)
	g.must("kubectl", "label", "namespace", "elsewhere", "policy.sigstore.dev/include=true")
	running := g.file("running.yaml", g.must("kubectl", "get", "deployments,statefulsets,daemonsets,cronjobs", "--namespace=elsewhere", "--output=yaml"))
	got := g.run("kubectl", "replace", "--dry-run=server", "--filename", running)
	if got.code != 0 || !strings.HasPrefix(got.stderr, "Warning: failed policy: warned: spec.template.spec.containers[0].image") {
		g.t.Errorf("exit %d, want a warning\n%s%s", got.code, got.stdout, got.stderr)
	}
}

// refusals is what is said to people whose pods are refused, with names in place of
// what is of this run only.
func (g guarded) refusals() string {
	digest, space := regexp.MustCompile(`sha256:[0-9a-f]{64}`), regexp.MustCompile(`(?m) +$`)
	var out strings.Builder
	for _, c := range []struct{ pod, why string }{
		{"bare", "Nothing is attached"},
		{"vulnerable", "The signed scan has critical findings"},
		{"joined and denied", "A policy that joins several attestations; the gate that attested its verdict denied"},
	} {
		said := strings.ReplaceAll(digest.ReplaceAllString(g.said[c.pod], "sha256:…"), g.host, "registry.example.com")
		fmt.Fprintf(&out, "\n%s:\n\n```text\n%s```\n", c.why, space.ReplaceAllString(said, ""))
	}
	return out.String() + "\n"
}
