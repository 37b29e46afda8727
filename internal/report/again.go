package report

import (
	"strings"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// againCommands returns the commands by which anybody can check the result: the
// second only where something was asked of the image.
func againCommands(r pipeline.Result) []string {
	if !resolved(r) || !r.Pushed {
		return nil
	}
	trust := r.Again.Trust
	if len(r.Attached) > 0 && !strings.Contains(strings.Join(trust, " "), "--key=") &&
		!strings.Contains(strings.Join(trust, " "), "--certificate-identity") {
		trust = append(signerFlags(r.Attached[0].Signer(), r.Attached[0].Source()), trust...)
	}
	all := [][]string{append([]string{"hallmark verify", pinned(r)}, trust...)}
	if len(r.Again.Gate) > 0 {
		all = append(all, append(append([]string{"hallmark gate", pinned(r)}, trust...), r.Again.Gate...))
	}
	out := make([]string, len(all))
	for i, words := range all {
		out[i] = plain.Line(strings.Join(words, " "), 4000)
	}
	return out
}

// signerFlags returns the flags that name a signer: an identity with its issuer, or
// a key, of which only the fingerprint is known. An identity that names a workflow
// of another repository is that of whoever calls it, so the repository is named, too.
func signerFlags(signer string, source verify.Source) []string {
	identity, issuer, ok := strings.Cut(strings.TrimSuffix(signer, ")"), " (issuer ")
	if !ok {
		return []string{"--key=cosign.pub"}
	}
	flags := []string{"--certificate-identity=" + shellWord(identity), "--certificate-oidc-issuer=" + shellWord(issuer)}
	if source.Repository != "" && source.Caller != identity {
		flags = append(flags, "--certificate-source-repository="+shellWord(source.Repository))
	}
	return flags
}

func shellWord(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
