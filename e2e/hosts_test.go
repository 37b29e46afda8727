package e2e_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// The product at home on its hosts: its image, built by a Docker Engine, as an
// action in a workflow that act runs, and its component in a pipeline that
// gitlab-ci-local runs. Both push to and read from a real registry.

const (
	baseImage     = "hallmark-base:e2e"
	hallmarkImage = "hallmark:e2e"
)

func TestImageAndAction(t *testing.T) {
	docker, err := world.StartDocker(context.Background()) // outlives t.Context, to be stopped in order
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := docker.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := docker.ImportBase(t.Context(), baseImage); err != nil {
		t.Fatal(err)
	}
	if err := docker.BuildHallmark(t.Context(), baseImage, hallmarkImage); err != nil {
		t.Fatal(err)
	}
	databases := t.TempDir()
	if _, err := world.MakeDatabase(t.Context(), databases); err != nil {
		t.Fatal(err)
	}
	t.Run("image", func(t *testing.T) { testImage(t, docker) })
	t.Run("github", func(t *testing.T) { testGitHub(t, docker, databases) })
	t.Run("compiled", func(t *testing.T) { testCompiled(t, docker) })
}

// Without a binary that is built already, the Dockerfile compiles the sources that
// it is given, as it does for who uses the action from a branch; and what it adds to
// a base leaves room for one: Alpine has 4 MB of 60.
func testCompiled(t *testing.T, docker *world.Docker) {
	const builder, compiled = "hallmark-builder:e2e", "hallmark:compiled"
	modules, err := world.ServeModules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = modules.Stop() })
	if err := docker.ImportBuilder(t.Context(), builder, modules); err != nil {
		t.Fatal(err)
	}
	if err := docker.CompileHallmark(t.Context(), builder, baseImage, compiled); err != nil {
		t.Fatal(err)
	}
	out, err := docker.Do(t.Context(), nil, "run", "--rm", "--network", "host", compiled, "version")
	if err != nil || !strings.HasPrefix(out, "hallmark ") {
		t.Errorf("compiled: %s %v", out, err)
	}
	registry, err := world.StartRegistry(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = registry.Stop() })
	added, err := docker.AddedBytes(t.Context(), compiled, registry.Host+"/hallmark:compiled")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("what the image adds to its base has %.1f MB compressed", float64(added)/1e6)
	if added > 55e6 {
		t.Errorf("what the image adds to its base has %d bytes compressed, more than 55 MB", added)
	}
}

// GitHub starts the image with arguments and as root; GitLab with a shell in
// place of the entrypoint.
func testImage(t *testing.T, docker *world.Docker) {
	out, err := docker.Do(t.Context(), nil, "run", "--rm", "--network", "host", hallmarkImage, "version")
	if err != nil || !strings.HasPrefix(out, "hallmark ") {
		t.Errorf("with arguments: %s %v", out, err)
	}
	out, err = docker.Do(t.Context(), nil, "run", "--rm", "--network", "host", "--entrypoint", "", hallmarkImage,
		"sh", "-c", "id -u && pwd && hallmark version | grep -c hallmark && test -s /etc/ssl/certs/ca-certificates.crt && hallmark run 2>&1; echo exit $?")
	if err != nil || !strings.HasPrefix(out, "0\n/\n1\n") || !strings.HasSuffix(out, "exit 2\n") {
		t.Errorf("with a shell: %s %v", out, err)
	}
}

// checkout makes a repository with the given files in the place.
func (p *place) checkout(files map[string]string) string {
	p.t.Helper()
	dir := filepath.Join(p.dir, "checkout")
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"config", "user.name", "Ada"},
		{"config", "user.email", "ada@example.com"},
		{"remote", "add", "origin", "git@git.example.com:team/shop.git"},
		{"add", "--all"},
		{"commit", "--quiet", "--message", "all"},
	} {
		if code, out := p.command(dir, nil, "git", args...); code != 0 {
			p.t.Fatalf("git %s: %s", args[0], out)
		}
	}
	return dir
}

// command runs a program in a folder and returns its exit code and all that it
// printed.
func (p *place) command(dir string, env []string, program string, args ...string) (int, string) {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(append([]string{}, p.env...), env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		p.t.Fatalf("running %s: %v", program, err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// materials returns the files that a job needs besides its own: a key pair and
// the database.
func (p *place) materials(databases string) map[string]string {
	p.t.Helper()
	p.keys("cosign")
	files := map[string]string{"cosign.key": string(p.read("cosign.key")), "cosign.pub": string(p.read("cosign.pub"))}
	found, err := filepath.Glob(filepath.Join(databases, "6", "*"))
	if err != nil || len(found) == 0 {
		p.t.Fatalf("there is no database: %v", err)
	}
	for _, path := range found {
		content, err := os.ReadFile(path)
		if err != nil {
			p.t.Fatal(err)
		}
		files["vulndb/"+filepath.Base(path)] = string(content)
	}
	return files
}

// says checks that each of the texts is in what a host printed.
func says(t *testing.T, printed string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(printed, text) {
			t.Errorf("it does not say %q", text)
		}
	}
	if t.Failed() {
		t.Log(printed)
	}
}

// workflow marks an image and then, whatever came of it, reads the outputs.
const workflow = `on: push
jobs:
  mark:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: hallmark
        uses: ./
        env:
          COSIGN_PASSWORD: %[1]s
          %[4]s
        with:
          image: %[2]s
          vuln-db: vulndb
          vuln-db-max-age: 0
          sbom: |
            cyclonedx
            spdx
          %[3]s
      - if: always()
        shell: bash
        env:
          VERDICT: ${{ steps.hallmark.outputs.verdict }}
          DIGEST: ${{ steps.hallmark.outputs.digest }}
          SBOM: ${{ steps.hallmark.outputs.sbom-path }}
          SCAN: ${{ steps.hallmark.outputs.scan-path }}
          ATTESTATIONS: ${{ steps.hallmark.outputs.attestations-path }}
        run: |
          echo "read: $VERDICT $DIGEST $SBOM $SCAN $ATTESTATIONS"
          if [ -n "$VERDICT" ]; then
            test -s "$SBOM" && test -s "$SCAN" && test -d "$ATTESTATIONS"
          fi
`

func testGitHub(t *testing.T, docker *world.Docker, databases string) {
	p := newPlace(t, databases)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	root, err := world.Root()
	if err != nil {
		t.Fatal(err)
	}
	_, action := p.command(root, nil, filepath.Join(root, ".ci", "pin-action"), hallmarkImage)
	files := p.materials(databases)
	files["action.yml"] = action
	sigstore := newSigstore(t)
	for name, path := range map[string]string{"signing-config.json": sigstore.SigningConfig, "trusted-root.json": sigstore.TrustedRoot} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(content)
	}
	lines := func(lines ...string) string { return strings.Join(lines, "\n          ") }
	const key = "key: cosign.key"
	for name, with := range map[string]string{
		"passes": lines(key, "severity-cutoff: none"), "denied": lines(key, "severity-cutoff: negligible"), "misspelt": lines(key, "severty-cutoff: none"),
		"keyless": lines("signing-config: signing-config.json", "trusted-root: trusted-root.json"),
	} {
		env := ""
		if name == "keyless" {
			env = strings.ReplaceAll(lines(sigstore.Issuer.GitHubEnv()...), "TOKEN=", "TOKEN: ")
			env = strings.ReplaceAll(env, "URL=", "URL: ")
		}
		files[".github/workflows/"+name+".yml"] = fmt.Sprintf(workflow, world.Password, p.host+"/sample/app:v1", with, env)
	}
	dir := p.checkout(files)
	act := func(name string) (int, string) {
		program, err := world.Tool("act")
		if err != nil {
			t.Fatal(err)
		}
		return p.command(dir, docker.Environ()[:1], program, "push", "--workflows", ".github/workflows/"+name+".yml",
			"--platform", "ubuntu-latest="+baseImage, "--pull=false", "--network", "host")
	}

	if code, printed := act("misspelt"); code == 0 {
		t.Errorf("a misspelt input: exit %d", code)
	} else {
		says(t, printed, `unknown input "severty-cutoff"`, "did you mean severity-cutoff?", "read:")
	}
	code, printed := act("denied")
	if code == 0 {
		t.Error("a gate that denies does not fail the job")
	}
	says(t, printed, "::error title=Hallmark%3A deny%3A severity-cutoff::", "Summary - ## Hallmark: deny",
		"read: deny "+pinned.DigestStr()+" hallmark/sbom.cdx.json hallmark/scan.json hallmark/attestations")
	code, printed = act("passes")
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	says(t, printed, "Summary - ## Hallmark: pass", "read: pass "+pinned.DigestStr()+" hallmark/sbom.cdx.json", "::group::hallmark run ")
	p.must("cosign", "verify-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog", "--type", "vuln", p.host+"/sample/app:v1")
	code, printed = act("keyless")
	if code != 0 {
		t.Errorf("keyless: exit %d", code)
	}
	says(t, printed, "read: pass "+pinned.DigestStr())
	p.must("hallmark", "verify", p.host+"/sample/app:v1", "--certificate-identity", sigstore.Issuer.GitHub.Subject,
		"--certificate-oidc-issuer", sigstore.Issuer.GitHub.Issuer, "--trusted-root", sigstore.TrustedRoot)
}

func TestComponent(t *testing.T) {
	databases := t.TempDir()
	if _, err := world.MakeDatabase(t.Context(), databases); err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	root, err := world.Root()
	if err != nil {
		t.Fatal(err)
	}
	template, err := os.ReadFile(filepath.Join(root, "gitlab-component", "templates", "hallmark", "template.yml"))
	if err != nil {
		t.Fatal(err)
	}
	files := p.materials(databases)
	files["templates/hallmark/template.yml"] = string(template)
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
	env := []string{"PATH=" + filepath.Join(root, ".cache", "bin") + string(os.PathListSeparator) + os.Getenv("PATH")}
	program := filepath.Join(root, ".cache", "npm", "node_modules", ".bin", "gitlab-ci-local")
	code, printed := p.command(dir, env, program, "--force-shell-executor", "--variable", "GITLAB_CI=true", "--variable", "COSIGN_PASSWORD="+world.Password)
	if code == 0 {
		t.Error("a gate that denies does not fail the pipeline")
	}
	says(t, printed, "read deny "+pinned.DigestStr()+" hallmark/sbom.cdx.json", "the gate says deny (3), but gate is warn")
	if !regexp.MustCompile(`gate\s+finished in .* FAIL 3`).MatchString(printed) {
		t.Errorf("the job gate does not end with 3:\n%s", printed)
	}
	p.must("cosign", "verify-attestation", "--key", "cosign.pub", "--insecure-ignore-tlog", "--type", "vuln", p.host+"/sample/app:v1")
}
