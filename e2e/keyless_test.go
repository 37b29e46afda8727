package e2e_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// byConfig names a deployment by its two files.
func byConfig(s *world.Sigstore) []string {
	return []string{"--signing-config", s.SigningConfig, "--trusted-root", s.TrustedRoot}
}

// byURLs names the parts of a deployment one by one.
func byURLs(s *world.Sigstore) []string {
	return []string{
		"--fulcio-url", s.FulcioURL, "--rekor-url", s.RekorURL, "--timestamp-url", s.TimestampURL,
		"--trusted-root", s.TrustedRoot,
	}
}

// onGitHub is the place in a job of GitHub's.
func (p *place) onGitHub(s *world.Sigstore) *place {
	inner := *p
	inner.env = slices.Concat(p.env, s.Issuer.GitHubEnv())
	return &inner
}

// onGitLab is the place in a job of GitLab's.
func (p *place) onGitLab(s *world.Sigstore) *place {
	p.t.Helper()
	token, err := s.Issuer.GitLabToken()
	if err != nil {
		p.t.Fatal(err)
	}
	inner := *p
	inner.env = slices.Concat(p.env, []string{"SIGSTORE_ID_TOKEN=" + token})
	return &inner
}

// Whatever the host, however the deployment is named and in whatever format, the
// job's identity signs, and each verifier believes that identity only.
func TestRunSignsWithoutAKey(t *testing.T) {
	p := newPlace(t, "")
	sigstore := newSigstore(t)
	p.file("approval.json", `{"by":"the release team"}`)
	github, gitlab := sigstore.Issuer.GitHub, sigstore.Issuer.GitLab

	for _, c := range []struct {
		format   string
		job      *place
		signer   world.Identity
		services []string
	}{
		{"att", p.onGitHub(sigstore), github, byConfig(sigstore)},
		{"att", p.onGitLab(sigstore), gitlab, byURLs(sigstore)},
		{"bundle", p.onGitHub(sigstore), github, byURLs(sigstore)},
		{"bundle", p.onGitLab(sigstore), gitlab, byConfig(sigstore)},
		{"both", p.onGitHub(sigstore), github, byConfig(sigstore)},
		{"both", p.onGitLab(sigstore), gitlab, byURLs(sigstore)},
	} {
		name := c.format + strings.ReplaceAll(regexp.MustCompile(`^https://(\w+).*`).ReplaceAllString(c.signer.Subject, " $1"), " ", "-")
		t.Run(name, func(t *testing.T) {
			job := c.job.in(t)
			image := job.bare(name)
			job.must("hallmark", slices.Concat([]string{
				"run", image, "--scan=false", "--predicate", typeOfOurOwn + "=approval.json", "--attestation-format", c.format,
			}, c.services)...)

			p := p.in(t)
			p.hallmarkJudges(sigstore, c.signer, image)
			p.judges("cosign3", cosign3Flags(sigstore, c.format), c.signer, image)
			p.judges("cosign", cosign2Flags(sigstore, c.format), c.signer, image)
		})
	}
}

// cosign3Flags is how cosign 3 believes the deployment, for attestations in a
// format of Hallmark's.
func cosign3Flags(s *world.Sigstore, format string) []string {
	flags := []string{"--trusted-root", s.TrustedRoot, "--insecure-ignore-sct"}
	if format == "att" { // the annotations that cosign reads cannot hold an entry of Rekor v2
		flags = append(flags, "--use-signed-timestamps", "--insecure-ignore-tlog")
	}
	return flags
}

// cosign2Flags is the same for cosign 2.
func cosign2Flags(s *world.Sigstore, format string) []string {
	if format == "att" {
		return []string{
			"--ca-roots", s.FulcioChain.Root, "--ca-intermediates", s.FulcioChain.Intermediates,
			"--timestamp-certificate-chain", s.TimestampChain.Whole,
			"--use-signed-timestamps", "--insecure-ignore-tlog", "--insecure-ignore-sct",
		}
	}
	return []string{"--new-bundle-format", "--trusted-root", s.TrustedRoot, "--use-signed-timestamps", "--insecure-ignore-sct"}
}

// hallmarkJudges is what judges is, for Hallmark, which says in a refusal who
// signed.
func (p *place) hallmarkJudges(sigstore *world.Sigstore, signer world.Identity, image string) {
	p.t.Helper()
	verify := func(flags ...string) outcome {
		return p.run("hallmark", slices.Concat([]string{
			"verify", image, "--type", typeOfOurOwn, "--trusted-root", sigstore.TrustedRoot,
		}, flags)...)
	}
	const subject, issuer, nobody = "--certificate-identity", "--certificate-oidc-issuer", "https://github.com/somebody/else"
	owner := "^" + regexp.QuoteMeta(signer.Subject[:strings.Index(signer.Subject, "hallmark-ci/")]) + "hallmark-ci/"
	for _, flags := range [][]string{
		{subject, signer.Subject, issuer, signer.Issuer},
		{subject + "-regexp", owner, issuer + "-regexp", "^" + regexp.QuoteMeta(signer.Issuer) + "$"},
	} {
		var verified []struct{ Signer string }
		got := verify(append(flags, "--output", "json")...)
		if got.code == 0 {
			decode(p.t, []byte(got.stdout), &verified)
		}
		if len(verified) != 1 || !strings.Contains(verified[0].Signer, signer.Subject) {
			p.t.Errorf("hallmark verify %s: exit %d\n%s%s", strings.Join(flags, " "), got.code, got.stdout, got.stderr)
		}
	}
	refusal := fmt.Sprintf("signed by %s (issuer %s), who is not an accepted signer", signer.Subject, signer.Issuer)
	for _, flags := range [][]string{
		{subject, nobody, issuer, signer.Issuer},
		{subject, signer.Subject, issuer, nobody},
		{subject + "-regexp", "^https://github.com/somebody/", issuer, signer.Issuer},
		{subject, signer.Subject, issuer + "-regexp", "^https://github.com/somebody/"},
	} {
		got := verify(flags...)
		if got.code != 4 || !strings.Contains(got.stdout, refusal) || !strings.Contains(got.stderr, "none signed by an accepted signer") {
			p.t.Errorf("hallmark verify %s: exit %d, want 4 and the signer named\n%s%s", strings.Join(flags, " "), got.code, got.stdout, got.stderr)
		}
	}
}

// A keyless job has a new key each time. What it replaces goes by its identity:
// its own, and nobody else's, in each format.
func TestSecondKeylessRunReplacesItsOwnAndNoOther(t *testing.T) {
	databases := t.TempDir()
	database, err := world.MakeDatabase(t.Context(), databases)
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, databases)
	sigstore := newSigstore(t)
	pinned, err := world.PushSample(t.Context(), p.host+"/sample/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	image := pinned.String()
	github, gitlab := p.onGitHub(sigstore), p.onGitLab(sigstore)
	p.file("foreign.json", `{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}`)
	gitlab.must("hallmark", slices.Concat([]string{
		"attest", image, "--predicate", "cyclonedx=foreign.json", "--attestation-format", "both",
	}, byConfig(sigstore))...)
	foreign := p.current(sigstore, sigstore.Issuer.GitLab, image)

	run := func(approval string) map[string][]string {
		p.file("approval.json", approval)
		github.must("hallmark", slices.Concat([]string{
			"run", image, "--vuln-db", database, "--vuln-db-max-age", anyAge,
			"--predicate", typeOfOurOwn + "=approval.json", "--attestation-format", "both",
		}, byConfig(sigstore))...)
		return p.current(sigstore, sigstore.Issuer.GitHub, image)
	}
	first := run(`{"by":"the release team"}`)
	second := run(`{"by":"the release team, again"}`)

	after := p.current(sigstore, sigstore.Issuer.GitLab, image)
	for _, format := range []string{"att", "bundle"} {
		for predicateType, changed := range map[string]bool{typeCycloneDX: false, typeVuln: true, typeOfOurOwn: true} {
			key := format + " " + predicateType
			if len(first[key]) != 1 || len(second[key]) != 1 {
				t.Errorf("%s: %d after the first run, %d after the second, want one of each", key, len(first[key]), len(second[key]))
			} else if got := first[key][0] != second[key][0]; got != changed {
				t.Errorf("%s: attached anew is %v, want %v", key, got, changed)
			}
		}
		if key := format + " " + typeCycloneDX; len(after[key]) != 1 || !slices.Equal(after[key], foreign[key]) {
			t.Errorf("%s: of the other signer there was %v, now there is %v", key, foreign[key], after[key])
		}
	}
	p.judgesOne(sigstore, sigstore.Issuer.GitHub, image)
}

// current returns the digests of what a signer has attached, by format and type.
func (p *place) current(sigstore *world.Sigstore, signer world.Identity, image string) map[string][]string {
	p.t.Helper()
	var rows []struct {
		Format, PredicateType, Digest string
		Verified                      bool
	}
	decode(p.t, []byte(p.must("hallmark", "inspect", image, "--output", "json", "--trusted-root", sigstore.TrustedRoot,
		"--certificate-identity", signer.Subject, "--certificate-oidc-issuer", signer.Issuer)), &rows)
	out := map[string][]string{}
	for _, r := range rows {
		if r.Verified {
			key := r.Format + " " + r.PredicateType
			out[key] = append(out[key], r.Digest)
		}
	}
	return out
}

// judgesOne checks that both cosigns see one attestation of the signer.
func (p *place) judgesOne(sigstore *world.Sigstore, signer world.Identity, image string) {
	p.t.Helper()
	for cosign, flags := range map[string][]string{
		"cosign3": cosign3Flags(sigstore, "both"), "cosign": cosign2Flags(sigstore, "both"),
	} {
		out := p.must(cosign, slices.Concat([]string{
			"verify-attestation", "--type", typeOfOurOwn,
			"--certificate-identity", signer.Subject, "--certificate-oidc-issuer", signer.Issuer,
		}, flags, []string{image})...)
		if n := len(strings.Split(strings.TrimSpace(out), "\n")); n != 1 {
			p.t.Errorf("%s accepts %d attestations, want 1", cosign, n)
		}
	}
}
