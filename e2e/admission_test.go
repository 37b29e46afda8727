package e2e_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// An API server that asks Policy Controller is given what hallmark compiles, and
// pods of images that hallmark marked and of others. What it refuses it has to
// refuse for the right reason; docs/enforce.md shows some of what it says. With
// -update that is written.
func TestAdmissionIsAsDocumented(t *testing.T) {
	g := newGuarded(t)
	g.enforce()
	for _, c := range pods() {
		t.Run(c.name, func(t *testing.T) { g.within(t).decides(c) })
	}
	t.Run("indexes", func(t *testing.T) { g.within(t).indexes() })
	t.Run("a tag", func(t *testing.T) { g.within(t).pinsTags() })
	t.Run("a private registry", func(t *testing.T) { g.within(t).usesPullSecrets() })
	t.Run("what runs already", func(t *testing.T) { g.within(t).foretells() })
	if !t.Failed() {
		g.documented("enforce.md", "refusals", g.refusals())
	}
}

// guarded is a place with a cluster that has a guarded namespace, shop.
type guarded struct {
	*place
	database string
	said     map[string]string // to whoever wanted a pod, by its name
}

// within is the same in another test.
func (g guarded) within(t *testing.T) guarded {
	g.place = g.in(t)
	return g
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	cluster, err := world.StartCluster(context.Background(), t.TempDir()) // outlives t.Context, to be stopped in order
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	g := guarded{newPlace(t, databases), database, map[string]string{}}
	g.env = append(g.env, "KUBECONFIG="+cluster.Kubeconfig)
	for _, name := range []string{"shop", "elsewhere"} {
		g.must("kubectl", "create", "namespace", name)
	}
	g.must("kubectl", "label", "namespace", "shop", "policy.sigstore.dev/include=true")
	g.keys("cosign")
	g.keys("other")
	return g
}

// enforce gives the cluster policies for some repositories, and returns when each of
// them refuses an image with nothing attached: the controller knows it then.
func (g guarded) enforce() {
	g.t.Helper()
	g.file("branch.rego", `# METADATA
# title: Built from main
# custom:
#   fix: merge first
package hallmark.branch

deny contains sprintf("built from %s", [input.ci.branch]) if input.ci.branch != "main"
`)
	apply := []string{"apply"}
	for repository, c := range map[string]struct{ policies, flags []string }{
		"shop":    {policies: []string{"hallmark:no-critical"}},
		"several": {policies: []string{"hallmark:no-critical", "hallmark:sbom-complete"}},
		"joined":  {policies: []string{"branch.rego"}},
		"expired": {policies: []string{"branch.rego"}, flags: []string{"--max-verdict-age", "1ms"}},
		"warned":  {policies: []string{"hallmark:no-critical"}, flags: []string{"--mode", "warn"}},
		"index":   {policies: []string{"hallmark:no-critical"}},
	} {
		g.must("hallmark", slices.Concat([]string{"policy", "compile"}, c.policies, c.flags,
			[]string{"--key", "cosign.pub", "--name", repository, "--image-glob", "**/" + repository + "/**", "-o", repository + ".yaml"})...)
		apply = append(apply, "--filename", repository+".yaml")
	}
	g.must("kubectl", apply...)
	g.must("kubectl", "wait", "--for=condition=Ready", "clusterimagepolicies", "--all", "--timeout=60s")
	for _, name := range []string{"shop", "several-no-critical", "several-sbom-complete", "joined", "expired", "warned", "index"} {
		g.awaits(name)
	}
}

// awaits returns when a policy refuses, or warns of, an image with nothing attached.
func (g guarded) awaits(policy string) {
	g.t.Helper()
	repository, _, _ := strings.Cut(policy, "-")
	image := g.push(repository + "/nothing")
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		got := g.run("kubectl", "run", "nothing", "--namespace=shop", "--dry-run=server", "--image="+image)
		if strings.Contains(got.stderr, "failed policy: "+policy) {
			return
		}
		select {
		case <-ctx.Done():
			g.t.Fatalf("the controller does not know the policy %s: exit %d\n%s%s", policy, got.code, got.stdout, got.stderr)
		case <-again.C:
		}
	}
}
