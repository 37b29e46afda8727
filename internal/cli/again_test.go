package cli

import (
	"slices"
	"testing"

	"github.com/spf13/pflag"
)

// Whoever reads a report can check it with what the run was given, and learns no
// secret from it.
func TestAgain(t *testing.T) {
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	taken := inputsOf(cmdRun)
	define(flags, taken)
	err := flags.Parse([]string{
		"--key", "keys/cosign.key", "--verify-key", "other.pub", "--severity-cutoff", "high", "--only-fixed", "--policy", "a policy's.rego",
		"--registry-password", "secret", "--sbom", "spdx", "--vuln-db-max-age", "120h",
	})
	if err != nil {
		t.Fatal(err)
	}
	again := values{flags: flags, env: func(string) (string, bool) { return "", false }, inputs: taken}.again()
	if want := []string{"--key=keys/cosign.pub", "--verify-key=other.pub"}; !slices.Equal(again.Trust, want) {
		t.Errorf("trust %q", again.Trust)
	}
	if want := []string{"--severity-cutoff=high", "--only-fixed=true", `--policy='a policy'\''s.rego'`}; !slices.Equal(again.Gate, want) {
		t.Errorf("gate %q", again.Gate)
	}
}

func TestThePublicHalfOfAKey(t *testing.T) {
	for key, want := range map[string]string{
		"cosign.key": "cosign.pub", "dir/release.key": "dir/release.pub", "env://KEY": "cosign.pub", "some.pem": "cosign.pub", "awskms:///alias/k": "awskms:///alias/k",
	} {
		if got := publicHalf(key); got != want {
			t.Errorf("publicHalf(%q) = %q", key, got)
		}
	}
}
