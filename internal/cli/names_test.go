package cli

import (
	"slices"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/strict"
)

// An output comes back as a variable of later jobs. It must not set an input.
func TestNoOutputIsAnInput(t *testing.T) {
	for _, i := range inputs() {
		if slices.Contains(ci.Outputs(), i.name) {
			t.Errorf("%s is both", i.name)
		}
		if i.name == inputCommand {
			t.Errorf("%s is the action's own", i.name)
		}
	}
}

func TestNearestName(t *testing.T) {
	known := lower(actionInputs())
	for given, want := range map[string]string{
		"severity_cutoff": "severity-cutoff", "severitycutoff": "severity-cutoff", "polcy": "policy", "keys": "key",
		"certificate-identiy": "certificate-identity", "vulndb": "vuln-db",
	} {
		if got, distance := strict.Nearest(given, known); got != want || distance > maxTypos(got) {
			t.Errorf("%s is taken for %s, %d away", given, got, distance)
		}
	}
	for _, given := range []string{"version", "cosign-release", "anything-else", ""} {
		if got, distance := strict.Nearest(given, known); distance <= maxTypos(got) {
			t.Errorf("%q is taken for %s", given, got)
		}
	}
}

// The token of a job is for GitHub's registry and no other, and not for it where
// the job is on another server.
func TestGitHubLogin(t *testing.T) {
	v := values{env: func(string) (string, bool) { return "", false }}
	env := []string{"GITHUB_ACTIONS=true", "GITHUB_SERVER_URL=https://github.com", "GITHUB_ACTOR=ada", "GITHUB_TOKEN=secret", "CI_REGISTRY=x", "CI_REGISTRY_USER=y"}
	for _, c := range []struct {
		more string
		host string
	}{
		{"", "ghcr.io"},
		{"GITHUB_TOKEN=", ""},
		{"GITHUB_SERVER_URL=https://github.example.com", ""},
		{"GITHUB_ACTIONS=false", "x"},
	} {
		a := newApp(Stdio{}, append(slices.Clone(env), c.more))
		if got := a.hostLogin(v); got.Host != c.host || c.host == "ghcr.io" && (got.Username != "ada" || got.Password != "secret") {
			t.Errorf("%s: %+v", c.more, got)
		}
	}
}
