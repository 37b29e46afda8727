package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// The product at home on its hosts: its image, built by a Docker Engine, as an
// action in a workflow that act runs, and its component in a pipeline that
// gitlab-ci-local runs. Both push to and read from a real registry.

// origin is where a checkout says that it comes from.
const origin = "git@git.example.com:team/shop.git"

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
	p.commit(dir)
	return dir
}

// commit makes a folder a repository with one commit.
func (p *place) commit(dir string) {
	p.t.Helper()
	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main"},
		{"config", "user.name", "Ada"},
		{"config", "user.email", "ada@example.com"},
		{"remote", "add", "origin", origin},
		{"add", "--all"},
		{"commit", "--quiet", "--message", "all"},
	} {
		if code, out := p.command(dir, nil, "git", args...); code != 0 {
			p.t.Fatalf("git %s: %s", args[0], out)
		}
	}
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
      - shell: bash
        run: |
          echo "%[5]s" >> "$GITHUB_ENV"
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
	files := p.materials(databases)
	files["action.yml"] = p.pinnedAction(hallmarkImage)
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
		"passes": lines(key, "severity-cutoff: none"), "denied": lines(key, "severity-cutoff: negligible"), "relaxed": lines(key, "severity-cutoff: negligible"),
		"misspelt": lines(key, "severty-cutoff: none"),
		"keyless":  lines("signing-config: signing-config.json", "trusted-root: trusted-root.json"),
	} {
		env := ""
		if name == "keyless" {
			env = strings.ReplaceAll(lines(sigstore.Issuer.GitHubEnv()...), "TOKEN=", "TOKEN: ")
			env = strings.ReplaceAll(env, "URL=", "URL: ")
		}
		earlier := "OF_AN_EARLIER_STEP=nothing"
		if name == "relaxed" {
			earlier = "HALLMARK_GATE=warn"
		}
		files[".github/workflows/"+name+".yml"] = fmt.Sprintf(workflow, world.Password, p.host+"/sample/app:v1", with, env, earlier)
	}
	dir := p.checkout(files)
	act := func(name string) (int, string) { return p.act(docker, dir, name) }

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
	code, printed = act("relaxed")
	if code == 0 {
		t.Error("an earlier step relaxes the gate")
	}
	says(t, printed, "HALLMARK_GATE is not believed", "read: deny "+pinned.DigestStr())
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
