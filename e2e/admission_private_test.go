package e2e_test

import (
	"strings"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// usesPullSecrets gives the cluster an image that only some may pull: the controller
// has to have the pod's secrets, or those of the pod's account.
func (g guarded) usesPullSecrets() {
	g.t.Helper()
	const user, password = "ada", "hold-the-line"
	private, err := world.StartPrivate(user, password)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if err := private.Stop(); err != nil {
			g.t.Error(err)
		}
	})
	public, image := g.push("shop/private"), private.Host+"/shop/private"
	g.must("crane", "auth", "login", private.Host, "--username", user, "--password", password)
	g.must("crane", "copy", public, image+":v1")
	_, digest, _ := strings.Cut(public, "@")
	image = g.marked(image+"@"+digest, "cosign.key", "")

	create := func(name string, flags ...string) outcome {
		return g.run("kubectl", append([]string{"run", name, "--namespace=shop", "--image=" + image}, flags...)...)
	}
	if got := create("without"); got.code == 0 || !strings.Contains(got.stderr, "UNAUTHORIZED") {
		g.t.Errorf("a pod without a secret: exit %d, want it refused for that\n%s%s", got.code, got.stdout, got.stderr)
	}
	g.must("kubectl", "create", "secret", "docker-registry", "registry", "--namespace=shop",
		"--docker-server="+private.Host, "--docker-username="+user, "--docker-password="+password)
	const secrets = `"imagePullSecrets": [{"name": "registry"}]`
	if got := create("with", "--overrides", `{"spec": {`+secrets+`}}`); got.code != 0 {
		g.t.Errorf("a pod with a secret: exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	g.must("kubectl", "create", "serviceaccount", "default", "--namespace=shop")
	g.must("kubectl", "patch", "serviceaccount", "default", "--namespace=shop", "--patch", `{`+secrets+`}`)
	if got := create("by-account"); got.code != 0 {
		g.t.Errorf("a pod of an account with a secret: exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}
