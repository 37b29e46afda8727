package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// The templates of the component, as a project has them that includes them.
const (
	ownTemplate     = "templates/hallmark/template.yml"
	builderTemplate = "templates/build-and-attest/template.yml"
)

// gitlab runs the pipeline of a checkout.
func (p *place) gitlab(dir string, env []string, args ...string) (int, string) {
	p.t.Helper()
	root, err := world.Root()
	if err != nil {
		p.t.Fatal(err)
	}
	path := filepath.Join(root, ".cache", "bin") + string(os.PathListSeparator) + filepath.Join(p.dir, "bin") + string(os.PathListSeparator) +
		filepath.Join(root, ".cache", "peers") + string(os.PathListSeparator) + os.Getenv("PATH")
	program := filepath.Join(root, ".cache", "npm", "node_modules", ".bin", "gitlab-ci-local")
	return p.command(dir, append(env, "PATH="+path), program, slices.Concat([]string{"--variable", "GITLAB_CI=true", "--variable", "COSIGN_PASSWORD=" + world.Password}, args)...)
}

// componentPlace is a place with an image, and the files of a project that has the
// component's template.
func componentPlace(t *testing.T, databases string) (p *place, pinned name.Digest, files map[string]string) {
	t.Helper()
	p = newPlace(t, databases)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	files = p.materials(databases)
	files[ownTemplate] = ofProject(t, "gitlab-component", ownTemplate)
	return p, pinned, files
}

func TestComponent(t *testing.T) {
	databases := t.TempDir()
	if _, err := world.MakeDatabase(t.Context(), databases); err != nil {
		t.Fatal(err)
	}
	p, pinned, files := componentPlace(t, databases)
	files[".gitlab-ci.yml"] = fmt.Sprintf(`stages: [mark, after]
include:
  - local: templates/hallmark/template.yml
    inputs:
      stage: mark
      image: %s
      key: cosign.key
      vuln-db: vulndb
      vuln-db-max-age: "0"
      sbom: [cyclonedx, spdx]
      severity-cutoff: negligible
      gate: warn
  - local: templates/hallmark/template.yml
    inputs:
      stage: after
      job-name: gate
      command: gate
      image: %[1]s
      key: cosign.pub
      vuln-db-max-age: "0"
      severity-cutoff: negligible
read:
  stage: after
  needs: [hallmark]
  script:
    - echo "read $HALLMARK_VERDICT $HALLMARK_DIGEST $HALLMARK_SBOM_PATH"
    - test -s "$HALLMARK_SBOM_PATH" && test -s hallmark/sbom.spdx.json
`, p.host+"/sample/app:v1")
	dir := p.checkout(files)
	code, printed := p.gitlab(dir, nil, "--force-shell-executor", "--variable", "HALLMARK_GATE=warn", "--variable", "HALLMARK_SEVERITY_CUTOFF=none")
	if code == 0 {
		t.Error("a gate that denies does not fail the pipeline, or the project's variables relax it")
	}
	says(t, printed, "HALLMARK_GATE is not believed")
	says(t, printed, "read deny "+pinned.DigestStr()+" hallmark/sbom.cdx.json", "the gate says deny (3), but gate is warn")
	if !regexp.MustCompile(`gate\s+finished in .* FAIL 3`).MatchString(printed) {
		t.Errorf("the job gate does not end with 3:\n%s", printed)
	}
	p.must("cosign", "verify-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog", "--type", "vuln", p.host+"/sample/app:v1")
}

// The pipeline of the component's own project: it tries the component on a sample,
// and releases it for a tag.
func TestComponentTestsAndReleasesItself(t *testing.T) {
	p := newPlace(t, "")
	if _, err := world.PushSmall(t.Context(), p.host+"/sample/app:v1"); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, name := range []string{".gitlab-ci.yml", "README.md", "LICENSE", ownTemplate, builderTemplate} {
		files[name] = ofProject(t, "gitlab-component", name)
	}
	code, printed := p.gitlab(p.checkout(files), nil, "--force-shell-executor", "--variable", "CI_COMMIT_TAG=1.2.3",
		"--variable", "SAMPLE="+p.host+"/sample/app:v1", "--variable", "CI_REGISTRY="+p.host, "--variable", "CI_REGISTRY_USER=job",
		"--variable", "CI_REGISTRY_PASSWORD=token", "--variable", "CI_REGISTRY_IMAGE="+p.host+"/team/hallmark")
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	says(t, printed, "verdict  pass", "releasing 1.2.3")
}

// One include builds an image with Docker, pushes it to the project's registry and
// marks it.
func testBuildAndAttest(t *testing.T, docker *world.Docker, databases string) {
	p := newPlace(t, databases)
	p.useClient()
	files := p.materials(databases)
	for _, name := range []string{ownTemplate, builderTemplate} {
		files[name] = ofProject(t, "gitlab-component", name)
	}
	files["shop/Dockerfile"] = "FROM alpine:3.22\nCOPY goods /goods\n"
	files["shop/goods"] = "some\n"
	files[".gitlab-ci.yml"] = fmt.Sprintf(`stages: [build, mark]
include:
  - local: templates/build-and-attest/template.yml
    inputs:
      stage: mark
      docker-service: %s
      context: shop
      key: cosign.key
      severity-cutoff: critical
      policy: [hallmark:sbom-present, hallmark:scan-present]
      vuln-db: vulndb
      vuln-db-max-age: "0"
      allow-unread: ["binary packages"] # which the small database does not cover
`, hallmarkImage) // a service that is there; the job talks to the engine of this machine
	dir := p.checkout(files)
	image := p.host + "/team/shop"
	code, printed := p.gitlab(dir, docker.Environ()[:3], "--force-shell-executor", "--pull-policy", "if-not-present",
		"--variable", "CI_REGISTRY="+p.host, "--variable", "CI_REGISTRY_USER=job", "--variable", "CI_REGISTRY_PASSWORD=token",
		"--variable", "CI_REGISTRY_IMAGE="+image)
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, printed)
	}
	_, commit := p.command(dir, nil, "git", "rev-parse", "HEAD")
	p.must("cosign", "verify-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog", "--type", "vuln", image+":"+strings.TrimSpace(commit))
}

// The component's job in its own image, on a base like Alpine's: the host starts a
// shell in it in place of the entrypoint.
func testComponentImage(t *testing.T, docker *world.Docker, databases string) {
	p, pinned, files := componentPlace(t, databases)
	p.useClient()
	files[".gitlab-ci.yml"] = fmt.Sprintf(`stages: [mark, after]
include:
  - local: templates/hallmark/template.yml
    inputs:
      stage: mark
      hallmark-image: %s
      image: %s
      key: cosign.key
      vuln-db: vulndb
      vuln-db-max-age: "0"
read:
  stage: after
  needs: [hallmark]
  script:
    - echo "read $HALLMARK_VERDICT $HALLMARK_DIGEST"
    - test -s "$HALLMARK_SBOM_PATH"
`, busyboxImage, p.host+"/sample/app:v1")
	dir := p.checkout(files)
	code, printed := p.gitlab(dir, docker.Environ()[:3], "--network", "host", "--pull-policy", "if-not-present", "--helper-image", baseImage)
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	says(t, printed, "read pass "+pinned.DigestStr())
}

// useClient lets programs of the place find the client that fits the engine.
func (p *place) useClient() {
	p.t.Helper()
	if err := os.Mkdir(filepath.Join(p.dir, "bin"), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Symlink(world.Client(), filepath.Join(p.dir, "bin", "docker")); err != nil {
		p.t.Fatal(err)
	}
}
