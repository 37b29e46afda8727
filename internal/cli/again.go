package cli

import (
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// again returns the flags by which anybody can check what a run came to: those that
// the run was given and that gate takes, without what is secret, and with the public
// half of its key.
func (v values) again() pipeline.Again {
	var out pipeline.Again
	for _, in := range inputsOf(cmdGate) {
		if slices.Contains([]string{"image", "registry-username", "registry-password", "gate", "timeout", "log-format", "output", "output-dir", "verify-key"}, in.name) {
			continue
		}
		given := v.entries(in.name)
		if len(given) == 0 || slices.Equal(given, []string{in.preset}) {
			continue
		}
		for _, value := range given {
			if in.name == "key" {
				value = publicHalf(value)
			}
			flag := "--" + in.name + "=" + quoted(value)
			if slices.Contains(inputsOfNames(cmdVerify), in.name) && in.name != "policy" {
				out.Trust = append(out.Trust, flag)
			} else {
				out.Gate = append(out.Gate, flag)
			}
		}
	}
	for _, key := range v.list("verify-key") {
		out.Trust = append(out.Trust, "--verify-key="+quoted(key))
	}
	return out
}

func inputsOfNames(command string) []string {
	var names []string
	for _, in := range inputsOf(command) {
		names = append(names, in.name)
	}
	return names
}

// publicHalf names the file beside a private key, as keygen writes it. A key
// management service gives the public half under the same name.
func publicHalf(key string) string {
	if name, ok := strings.CutSuffix(key, ".key"); ok {
		return name + ".pub"
	}
	if strings.HasPrefix(key, "env://") || !strings.Contains(key, "://") {
		return "cosign.pub"
	}
	return key
}

// quoted returns a word that a shell takes as it is.
func quoted(s string) string {
	special := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-", r)
	}
	if s != "" && !strings.ContainsFunc(s, special) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
