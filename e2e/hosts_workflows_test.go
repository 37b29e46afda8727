package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// The workflows of the project themselves, as they are: act runs each of their
// steps. Actions of others cannot be fetched here; those that only prepare a
// runner are replaced by ones that do less.

// caller calls the workflow that others call, and reads what it gives back.
const caller = `on: push
jobs:
  mark:
    uses: ./.github/workflows/attest.yml
    permissions: {contents: read, packages: write, id-token: write}
    with:
      image: %s
      severity-cutoff: %s
      platforms: ""
      push: %t
    secrets:
      registry-username: somebody
      registry-password: a password
  after:
    if: always()
    needs: mark
    runs-on: ubuntu-latest
    steps:
      - run: echo "read ${{ needs.mark.outputs.verdict }} ${{ needs.mark.outputs.digest }}"
`

// uploadAction stands for the action that keeps files of a job: it shows which.
const uploadAction = `name: upload
description: shows what would be kept
inputs:
  name: {required: true, description: name}
  path: {required: true, description: path}
  if-no-files-found: {required: true, description: what if}
runs:
  using: composite
  steps:
    - shell: bash
      env: {KEPT: "${{ inputs.path }}"}
      run: cd "$KEPT" && for file in *; do echo "kept $file"; done
`

// checkoutAction stands for the checkout of a repository that is not the caller's. act
// makes the caller's own itself. It puts the action there, as the release of that
// commit has it.
const checkoutAction = `name: checkout
description: puts the action of a release where it is asked for
inputs:
  repository: {required: true, description: which}
  ref: {required: true, description: commit}
  path: {required: true, description: where}
  persist-credentials: {required: true, description: whether}
runs:
  using: composite
  steps:
    - shell: bash
      env: {TO: "${{ inputs.path }}"}
      run: mkdir -p "$TO" && cp released-action.yml "$TO/action.yml"
`

// selfAware tells a workflow its own repository and commit, which act does not.
func selfAware(t *testing.T, workflow string) string {
	t.Helper()
	out := strings.NewReplacer("${{ job.workflow_repository }}", "hallmark-ci/hallmark", "${{ job.workflow_sha }}", strings.Repeat("1f", 20)).Replace(workflow)
	if out == workflow {
		t.Fatal("the workflow does not ask which commit it is of")
	}
	return out
}

// replaced returns act's arguments that replace an action, in the version that a
// workflow of the project names, by a local one.
func replaced(t *testing.T, workflow, action, content string) []string {
	t.Helper()
	ref := regexp.MustCompile(`uses: (` + regexp.QuoteMeta(action) + `@\S+)`).FindStringSubmatch(workflow)
	if ref == nil {
		t.Fatalf("the workflow does not use %s", action)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "action.yml"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"--local-repository", ref[1] + "=" + dir}
}

// ofProject returns a file of the project.
func ofProject(t *testing.T, elements ...string) string {
	t.Helper()
	root, err := world.Root()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(append([]string{root}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// pinnedAction returns action.yml as a release has it, with an image.
func (p *place) pinnedAction(image string) string {
	p.t.Helper()
	root, err := world.Root()
	if err != nil {
		p.t.Fatal(err)
	}
	code, action := p.command(root, nil, filepath.Join(root, ".ci", "pin-action"), image)
	if code != 0 {
		p.t.Fatalf("pinning the action: %s", action)
	}
	return action
}

// The workflow that others call marks their image keyless, hands on the verdict
// and the digest, and fails their job when the gate says no.
func testAttest(t *testing.T, docker *world.Docker, databases string) {
	p := newPlace(t, databases)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	sigstore := newSigstore(t)
	attest := selfAware(t, ofProject(t, ".github", "workflows", "attest.yml"))
	const with = "        with:\n          image:" // what decides has to be said here: no variable says it
	if strings.Count(attest, with) != 1 {
		t.Fatal("the workflow gives the action no image")
	}
	attest = strings.Replace(attest, with, "        with:\n          signing-config: signing-config.json\n          trusted-root: trusted-root.json\n"+
		"          vuln-db: vulndb\n          vuln-db-max-age: 0\n          image:", 1)
	files := p.materials(databases)
	files[".github/workflows/attest.yml"] = attest
	for name, path := range map[string]string{"signing-config.json": sigstore.SigningConfig, "trusted-root.json": sigstore.TrustedRoot} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(content)
	}
	image := p.host + "/sample/app:v1"
	files[".github/workflows/passes.yml"] = fmt.Sprintf(caller, image, "none", true)
	files[".github/workflows/denied.yml"] = fmt.Sprintf(caller, image, "negligible", false)
	files["released-action.yml"] = p.pinnedAction(hallmarkImage)
	dir := p.checkout(files)
	args := append(replaced(t, attest, "actions/checkout", checkoutAction), replaced(t, attest, "actions/upload-artifact", uploadAction)...)
	for _, set := range append(sigstore.Issuer.GitHubEnv(), "HALLMARK_GATE=warn", "HALLMARK_SEVERITY_CUTOFF=none") {
		args = append(args, "--env", set)
	}

	code, printed := p.act(docker, dir, "denied", args...)
	if code == 0 {
		t.Error("a gate that denies does not fail the caller's job")
	}
	says(t, printed, "Summary - ## Hallmark: deny", "verdict=deny", "kept report.html") // act runs no job after one that failed
	if tags := strings.Fields(p.must("crane", "ls", p.host+"/sample/app")); len(tags) != 1 {
		t.Errorf("push: false has pushed: there are %v", tags)
	}
	code, printed = p.act(docker, dir, "passes", args...)
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	says(t, printed, "read pass "+pinned.DigestStr(), "kept sbom.cdx.json")
	p.must("hallmark", "verify", image, "--certificate-identity", sigstore.Issuer.GitHub.Subject,
		"--certificate-oidc-issuer", sigstore.Issuer.GitHub.Issuer, "--trusted-root", sigstore.TrustedRoot)
}

// act runs a workflow of a checkout as a push does, in containers of the base.
func (p *place) act(docker *world.Docker, dir, name string, args ...string) (int, string) {
	p.t.Helper()
	program, err := world.Tool("act")
	if err != nil {
		p.t.Fatal(err)
	}
	return p.command(dir, docker.Environ()[:1], program, append([]string{
		"push", "--workflows", ".github/workflows/" + name + ".yml",
		"--platform", "ubuntu-latest=" + baseImage, "--pull=false", "--network", "host",
	}, args...)...)
}
