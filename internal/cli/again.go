package cli

import (
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// again returns the flags by which anybody can check what a run came to: those that
// the run was given and that gate takes, as the table of inputs says which they are.
// What decides is one of them, unless it is secret or of this run alone; of a key it
// is the public half, and of a URL what may be shown.
func (v values) again() pipeline.Again {
	var out pipeline.Again
	for _, in := range inputsOf(cmdGate) {
		if !in.decides || in.secret || in.ofRun {
			continue
		}
		given := v.entries(in.name)
		if slices.Equal(given, []string{in.preset}) {
			continue
		}
		for _, value := range given {
			if in.name == "key" {
				value = publicHalf(value)
			}
			flag := "--" + in.name + "=" + quoted(plain.Address(value))
			if slices.Contains(inputsOfNames(cmdVerify), in.name) && in.name != "policy" {
				out.Trust = append(out.Trust, flag)
			} else {
				out.Gate = append(out.Gate, flag)
			}
		}
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
