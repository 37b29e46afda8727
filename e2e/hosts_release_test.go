package e2e_test

import (
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// release is where a release of the project is made: a checkout, the repository
// that it is pushed to, and what GitHub has of releases.
type release struct {
	*place
	dir, origin string
	github      *releases
	args        []string // of act
}

// A release is made by the workflow as it is: each of its steps runs here, on this
// machine as the runner, and pushes to a registry, a repository and an API that
// are on loopback. Only the binaries for other systems are left out.
func testRelease(t *testing.T, docker *world.Docker, databases string, other []byte) {
	if len(other) == 0 {
		t.Fatal("there is no binary for the other architecture")
	}
	sigstore := newSigstore(t)
	r := newRelease(t, docker, sigstore, databases)
	if err := os.MkdirAll(filepath.Join(r.dir, "dist"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "dist", "hallmark-linux-"+foreign()), other, 0o755); err != nil {
		t.Fatal(err)
	}
	if code, printed := r.run("latest"); code == 0 {
		t.Errorf("a release with a version that is none is made:\n%s", printed)
	}
	if _, printed := r.command(r.origin, nil, "git", "tag"); printed != "" {
		t.Errorf("it has tagged %s", printed)
	}

	if code, printed := r.run("1.2.3"); code != 0 {
		t.Fatalf("exit %d\n%s", code, printed)
	}
	image := r.host + "/team/hallmark"
	digest := strings.TrimSpace(r.must("crane", "digest", image+":1.2.3"))
	r.checkImage(image, digest, sigstore)
	r.checkTag("docker://" + image + "@" + digest)
	r.checkPublished()
}

// checkImage checks that the image is for both platforms, is the latest, and is
// signed and marked by the workflow.
func (r release) checkImage(image, digest string, sigstore *world.Sigstore) {
	r.t.Helper()
	if latest := strings.TrimSpace(r.must("crane", "digest", image+":latest")); latest != digest {
		r.t.Errorf("latest is %s, want %s", latest, digest)
	}
	signer := sigstore.Issuer.GitHub
	for _, architecture := range []string{"amd64", "arm64"} {
		if version := r.must("crane", "config", "--platform", "linux/"+architecture, image+":1.2.3"); !strings.Contains(version, `"org.opencontainers.image.version":"1.2.3"`) {
			r.t.Errorf("the label of the image for %s does not have the version: %s", architecture, version)
		}
		marked := image + "@" + strings.TrimSpace(r.must("crane", "digest", "--platform", "linux/"+architecture, image+":1.2.3"))
		r.must("hallmark", "gate", marked, "--policy", "hallmark:sbom-present", "--policy", "hallmark:scan-present", "--vuln-db-max-age", "0", "--allow-unread", "binary packages",
			"--certificate-identity", signer.Subject, "--certificate-oidc-issuer", signer.Issuer, "--trusted-root", sigstore.TrustedRoot)
	}
	r.must("cosign", "verify", image+"@"+digest, "--certificate-identity", signer.Subject, "--certificate-oidc-issuer", signer.Issuer,
		"--trusted-root", sigstore.TrustedRoot, "--use-signed-timestamps", "--insecure-ignore-sct", "--insecure-ignore-tlog")
}

// checkTag checks that the tags are of a commit whose action.yml names the image,
// and whose only change that is.
func (r release) checkTag(image string) {
	r.t.Helper()
	for _, tag := range []string{"v1.2.3", "v1"} {
		if _, action := r.command(r.origin, nil, "git", "show", tag+":action.yml"); !strings.Contains(action, "\n  image: "+image+"\n") {
			r.t.Errorf("the action of %s does not name %s:\n%s", tag, image, action)
		}
	}
	if _, changed := r.command(r.origin, nil, "git", "show", "--stat", "--format=%s", "v1.2.3"); !strings.HasPrefix(changed, "Release 1.2.3\n") ||
		!strings.Contains(changed, "1 file changed, 1 insertion(+), 1 deletion(-)") {
		r.t.Errorf("the release's commit is\n%s", changed)
	}
}

// checkPublished checks that the release has the binaries, each with its checksum,
// that they know their version, and that the documents are the image's.
func (r release) checkPublished() {
	r.t.Helper()
	if r.github.draft || r.github.tag != "v1.2.3" {
		r.t.Errorf("the release of %q is published: %t", r.github.tag, !r.github.draft)
	}
	dir := r.t.TempDir()
	for name, content := range r.github.assets {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			r.t.Fatal(err)
		}
	}
	code, printed := r.command(dir, nil, "sha256sum", "--check", "--strict", "SHA256SUMS")
	if code != 0 {
		r.t.Errorf("the checksums are wrong:\n%s", printed)
	}
	says(r.t, printed, "hallmark-linux-amd64: OK", "hallmark-linux-arm64: OK")
	if _, version := r.command(dir, nil, filepath.Join(dir, "hallmark-linux-"+runtime.GOARCH), "version"); !strings.HasPrefix(version, "hallmark v1.2.3") {
		r.t.Errorf("the binary says %q", version)
	}
	for _, name := range []string{"sbom.cdx.json", "sbom.spdx.json"} {
		if !json.Valid(r.github.assets[name]) {
			r.t.Errorf("%s is not published", name)
		}
	}
}

// newRelease makes a checkout of what is here, with a repository to push to, and a
// runner that is this machine.
func newRelease(t *testing.T, docker *world.Docker, sigstore *world.Sigstore, databases string) release {
	t.Helper()
	r := release{place: newPlace(t, databases)}
	r.dir, r.origin = filepath.Join(r.place.dir, "checkout"), filepath.Join(r.place.dir, "origin.git")
	root, err := world.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range []string{
		"git -C " + root + " ls-files --cached --others --exclude-standard | rsync --archive --files-from=- " + root + "/ checkout/",
		"git init --quiet --bare origin.git",
	} {
		if code, printed := r.command(r.place.dir, nil, "bash", "-c", script); code != 0 {
			t.Fatalf("%s: %s", script, printed)
		}
	}
	r.useClient()
	r.commit(r.dir)
	if code, printed := r.command(r.dir, nil, "git", "config", "url."+r.origin+".insteadOf", origin); code != 0 {
		t.Fatal(printed)
	}
	certificate := ""
	r.github, certificate = startReleases(t, r.origin)
	r.args = []string{"--platform", "ubuntu-latest=-self-hosted", "--use-gitignore=false", "--var", "IMAGE=" + r.host + "/team/hallmark", "--secret", "GITHUB_TOKEN=a-token"}
	release := ofProject(t, ".github", "workflows", "release.yml")
	r.args = append(r.args, replaced(t, release, "actions/setup-go", setupGo)...)
	environ := append(append(docker.Environ()[:3:3], sigstore.Issuer.GitHubEnv()...),
		"HALLMARK_SIGNING_CONFIG="+sigstore.SigningConfig, "HALLMARK_TRUSTED_ROOT="+sigstore.TrustedRoot,
		"HALLMARK_VULN_DB="+filepath.Join(databases, "6"), "HALLMARK_VULN_DB_MAX_AGE=0", "HALLMARK_ALLOW_UNREAD=binary packages",
		"TARGETS=linux/"+runtime.GOARCH, "GH_REPO="+r.github.host+"/team/hallmark", "GH_ENTERPRISE_TOKEN=a-token", "SSL_CERT_FILE="+certificate)
	for _, set := range append(environ, goSettings(t)...) {
		r.args = append(r.args, "--env", set)
	}
	return r
}

// setupGo stands for the action that installs Go, which is there.
const setupGo = `name: go
description: shows the Go that is there
inputs: {go-version-file: {required: true, description: file}}
runs:
  using: composite
  steps: [{shell: bash, run: go version}]
`

// goSettings returns where this machine's Go finds what it has: the steps have a
// home of their own. Peers are built with -trimpath, so crane is there.
func goSettings(t *testing.T) []string {
	t.Helper()
	settings := []string{"GOFLAGS=-trimpath"}
	for _, name := range []string{"GOMODCACHE", "GOCACHE", "GOPROXY"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		settings = append(settings, name+"="+strings.TrimSpace(string(value)))
	}
	return settings
}

// run runs the workflow for a version.
func (r release) run(version string) (int, string) {
	r.t.Helper()
	program, err := world.Tool("act")
	if err != nil {
		r.t.Fatal(err)
	}
	path := "PATH=" + filepath.Join(r.place.dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	return r.command(r.dir, []string{path}, program, append([]string{"workflow_dispatch", "--workflows", ".github/workflows/release.yml", "--input", "version=" + version}, r.args...)...)
}

// releases is what of GitHub's API makes a release.
type releases struct {
	t            *testing.T
	host, origin string
	mu           sync.Mutex // files come several at a time
	tag          string
	draft        bool
	assets       map[string][]byte
}

// startReleases starts the API for a repository. It returns the file with the
// certificate to trust, too: clients of GitHub speak TLS only.
func startReleases(t *testing.T, origin string) (*releases, string) {
	t.Helper()
	r := &releases{t: t, origin: origin, draft: true, assets: map[string][]byte{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/graphql", r.findTag)
	mux.HandleFunc("POST /api/v3/repos/team/hallmark/releases", r.create)
	mux.HandleFunc("POST /upload", r.upload)
	mux.HandleFunc("PATCH /api/v3/repos/team/hallmark/releases/1", r.publish)
	server := httptest.NewTLSServer(mux)
	t.Cleanup(server.Close)
	r.host = server.Listener.Addr().String()
	file := filepath.Join(t.TempDir(), "certificate.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	return r, file
}

// findTag says whether the repository has the tag that is asked for.
func (r *releases) findTag(w http.ResponseWriter, request *http.Request) {
	var asked struct{ Variables map[string]any }
	if err := json.NewDecoder(request.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var ref any
	for _, value := range asked.Variables {
		tag, _ := value.(string)
		if strings.HasPrefix(tag, "refs/tags/") && exec.CommandContext(request.Context(), "git", "-C", r.origin, "rev-parse", "--verify", "--quiet", tag).Run() == nil {
			ref = map[string]string{"id": "1"}
		}
	}
	r.answer(w, http.StatusOK, map[string]any{"data": map[string]any{"repository": map[string]any{"ref": ref}}})
}

func (r *releases) create(w http.ResponseWriter, request *http.Request) {
	var asked struct {
		Tag   string `json:"tag_name"`
		Draft bool   `json:"draft"`
	}
	if err := json.NewDecoder(request.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.tag, r.draft = asked.Tag, asked.Draft
	r.describe(w, http.StatusCreated)
}

func (r *releases) upload(w http.ResponseWriter, request *http.Request) {
	content, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.assets[request.URL.Query().Get("name")] = content
	r.answer(w, http.StatusCreated, map[string]any{"name": request.URL.Query().Get("name"), "state": "uploaded"})
}

func (r *releases) publish(w http.ResponseWriter, _ *http.Request) {
	r.draft = false
	r.describe(w, http.StatusOK)
}

func (r *releases) describe(w http.ResponseWriter, status int) {
	base := "https://" + r.host
	r.answer(w, status, map[string]any{
		"id": 1, "tag_name": r.tag, "url": base + "/api/v3/repos/team/hallmark/releases/1",
		"upload_url": base + "/upload{?name,label}", "html_url": base + "/team/hallmark/releases/tag/" + r.tag,
	})
}

func (r *releases) answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		r.t.Error(err)
	}
}
