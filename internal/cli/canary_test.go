package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/cli"
)

// A canary is a secret that must not leave the job. The table of inputs says which
// inputs are given one, so that a new one is covered. Commands run against a registry
// that takes everything, and one that repeats in its errors whatever it was shown;
// what they print, write, send and start is searched.

// canary is in every secret: with what a shell, JSON and a URL escape.
const canary = `c4n4ry"/&+ñ-`

// traces returns the forms in which a secret may travel, and that are searched for.
func traces(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		panic(err)
	}
	return []string{
		secret, strings.Trim(string(quoted), `"`), url.QueryEscape(secret), url.PathEscape(secret), "c4n4ry",
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte("ada:" + secret)),
	}
}

// cage is where commands run, and all that leaves them.
type cage struct {
	dir      string
	registry *httptest.Server
	forge    *httptest.Server
	mu       sync.Mutex
	sent     strings.Builder // to the registry and to the forge, as content
}

func newCage(t *testing.T, repeats bool) *cage {
	t.Helper()
	c := &cage{dir: t.TempDir()}
	s := openShop(t, false, func(_ *shop, w http.ResponseWriter, r *http.Request) bool {
		c.keep(r)
		if !repeats {
			return false
		}
		user, password, _ := r.BasicAuth()
		if user == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
		}
		w.WriteHeader(http.StatusTeapot)
		message := strings.Join([]string{user, password, r.Header.Get("Authorization"), r.URL.String()}, " ")
		_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": "SAID", "message": message}}})
		return true
	})
	c.registry = s.server
	c.forge = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.keep(r)
		_, _ = io.WriteString(w, `{"login":"ada","username":"ada","message":`+fmt.Sprintf("%q", r.Header)+`}`)
	}))
	t.Cleanup(c.forge.Close)
	return c
}

// keep notes the content of a request. Headers are where a login belongs.
func (c *cage) keep(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent.WriteString(r.URL.String() + "\n")
	c.sent.Write(body)
}

// arguments returns a command with what it cannot do without.
func (c *cage) arguments(command, database string) []string {
	image := host(c.registry) + "/team/app:v1"
	key, public := filepath.Join(c.dir, "cosign.key"), filepath.Join(c.dir, "cosign.pub")
	rego := filepath.Join(c.dir, "policies")
	return append(strings.Fields(command), map[string][]string{
		"run": {
			image, "--key", key, "--vuln-db", database, "--output-dir", filepath.Join(c.dir, "out"), "--comment", "--approval",
			"--sbom", "cyclonedx", "--sbom", "spdx", "--severity-cutoff", "negligible", "--policy", rego,
		},
		"attest":         {image, "--key", key, "--predicate", "custom=" + filepath.Join(c.dir, "note.txt")},
		"verify":         {image, "--key", public, "--output", "json"},
		"gate":           {image, "--key", public, "--policy", rego, "--severity-cutoff", "high"},
		"inspect":        {image, "--key", public, "--extract", filepath.Join(c.dir, "statements")},
		"sign":           {image, "--key", key},
		"rescan":         {image, "--key", key, "--vuln-db", database, "--output-dir", filepath.Join(c.dir, "rescanned")},
		"keygen":         {"--output-key-prefix", filepath.Join(c.dir, "made")},
		"policy compile": {rego, "--key", public, "--output", filepath.Join(c.dir, "compiled.yaml")},
		"policy lint":    {rego},
		"policy test":    {rego},
		"policy push":    {rego, host(c.registry) + "/team/set:v1", "--key", key},
	}[command]...)
}

// commands returns the commands that take inputs, but for the demonstration, which
// types the others.
func commandsWithInputs() []string {
	var names []string
	for _, in := range cli.Inputs() {
		for _, command := range in.Commands {
			if command != "demo" && command != "version" && !slices.Contains(names, command) {
				names = append(names, command)
			}
		}
	}
	return names
}

// hostVariables returns what a host says, as the name of the case has it.
func (c *cage) hostVariables(name string) []string {
	switch name {
	case "github":
		return []string{
			"GITHUB_ACTIONS=true", "GITHUB_SERVER_URL=https://github.com", "GITHUB_API_URL=" + c.forge.URL, "GITHUB_REPOSITORY=team/app",
			"GITHUB_REF=refs/pull/3/merge", "GITHUB_EVENT_NAME=pull_request", "GITHUB_SHA=0123456789012345678901234567890123456789",
			"GITHUB_OUTPUT=" + filepath.Join(c.dir, "outputs"), "GITHUB_STEP_SUMMARY=" + filepath.Join(c.dir, "summary"),
			"ACTIONS_ID_TOKEN_REQUEST_URL=" + c.forge.URL,
		}
	case "gitlab":
		return []string{
			"GITLAB_CI=true", "CI_API_V4_URL=" + c.forge.URL, "CI_PROJECT_PATH=team/app", "CI_MERGE_REQUEST_IID=5", "CI_MERGE_REQUEST_PROJECT_ID=1",
			"CI_REGISTRY=" + host(c.registry), "CI_REGISTRY_USER=ada", "CI_PROJECT_URL=https://ada:" + url.QueryEscape(canary) + "@gitlab.example.com/team/app",
		}
	}
	return nil
}

// search fails the test if a secret is in anything that left a command. The one place
// that is made for secrets is GitHub's command that hides them.
func (c *cage) search(t *testing.T, what, printed string, secret string) {
	t.Helper()
	var kept []string
	for line := range strings.Lines(printed) {
		if !strings.HasPrefix(line, "::add-mask::") {
			kept = append(kept, line)
		}
	}
	places := map[string]string{"what it prints": strings.Join(kept, "")}
	c.mu.Lock()
	places["what it sends"] = c.sent.String()
	c.mu.Unlock()
	err := filepath.WalkDir(c.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		places[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for place, content := range places {
		for _, trace := range traces(secret) {
			if i := strings.Index(content, trace); i >= 0 {
				t.Fatalf("%s: the secret is in %s: …%s…", what, place, content[max(0, i-200):min(len(content), i+200)])
			}
		}
	}
}

// furnish writes what commands work with, and lets the programs that they may start
// tell with what arguments they were.
func (c *cage) furnish(t *testing.T) (environ []string) {
	t.Helper()
	environ = keyPair(t, c.dir)
	write(t, filepath.Join(c.dir, "note.txt"), []byte("looked at"))
	if err := os.Mkdir(filepath.Join(c.dir, "policies"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(c.dir, "policies", "a.rego"), []byte("package hallmark.a\n\nimport rego.v1\n\ndeny contains \"x\" if input.subject.digest == \"x\"\n"))
	return environ
}

func TestNoSecretLeavesTheJob(t *testing.T) {
	dir := t.TempDir()
	helper := "#!/bin/sh\necho \"$0 $* $(cat)\" >> " + filepath.Join(dir, "started") + "\nexit 1\n"
	for _, name := range []string{"docker-credential-cage", "git", "docker", "cosign"} {
		write(t, filepath.Join(dir, name), []byte(helper))
		if err := os.Chmod(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "config.json"), []byte(`{"credsStore":"cage"}`))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("DOCKER_CONFIG", dir)
	database := filepath.Join(materials(t), "fresh")
	for _, place := range []struct {
		host, source string
		repeats      bool
	}{
		{"none", "flag", false},
		{"none", "flag", true},
		{"none", "INPUT_", false},
		{"github", "HALLMARK_", false},
		{"github", "action", false},
		{"github", "action", true},
		{"gitlab", "HALLMARK_", false},
		{"gitlab", "HALLMARK_", true},
	} {
		t.Run(fmt.Sprintf("%s, %s, a registry that repeats %t", place.host, place.source, place.repeats), func(t *testing.T) {
			t.Parallel()
			c := newCage(t, place.repeats)
			environ := append(c.furnish(t), c.hostVariables(place.host)...)
			for _, command := range commandsWithInputs() {
				args, more := c.withSecrets(command, place.source, c.arguments(command, database))
				code, printed := invoke(t.Context(), append(slices.Clone(environ), more...), args...)
				c.search(t, fmt.Sprintf("%s (exit %d)", command, code), printed, canary)
				if place.repeats && code == 0 && command != "keygen" && !strings.HasPrefix(command, "policy ") {
					t.Errorf("%s passes", command)
				}
			}
		})
	}
	t.Cleanup(func() {
		c := newCage(t, true)
		_, _ = invoke(context.Background(), c.furnish(t), "inspect", host(c.registry)+"/team/app:v1")
		if started, err := os.ReadFile(filepath.Join(dir, "started")); err != nil || strings.Contains(string(started), "c4n4ry") {
			t.Errorf("programs were started with %s (%v)", started, err)
		}
	})
}

// withSecrets gives every secret input of a command a canary from one source, and the
// host's own variables, too.
func (c *cage) withSecrets(command, source string, args []string) (all, environ []string) {
	for _, name := range cli.HostSecrets() {
		if name != "COSIGN_PASSWORD" { // which is needed
			environ = append(environ, name+"="+canary)
		}
	}
	if command == "keygen" {
		environ = append(environ, "COSIGN_PASSWORD="+canary)
	}
	set := func(name, value string) {
		switch source {
		case "flag":
			args = append(args, "--"+name+"="+value)
		case "HALLMARK_":
			environ = append(environ, "HALLMARK_"+strings.ReplaceAll(strings.ToUpper(name), "-", "_")+"="+value)
		default:
			environ = append(environ, "INPUT_"+strings.ToUpper(name)+"="+value)
		}
	}
	for _, in := range cli.Inputs() {
		switch {
		case !slices.Contains(in.Commands, command):
		case in.Secret:
			set(in.Name, canary)
		case in.Name == "registry-username":
			set(in.Name, "ada")
		}
	}
	if source == "action" {
		args = append(args, "--host-inputs=github")
	}
	return args, environ
}
