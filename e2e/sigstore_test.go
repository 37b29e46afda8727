package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// newSigstore starts a deployment that ends with the test.
func newSigstore(t *testing.T) *world.Sigstore {
	t.Helper()
	return newSigstoreIn(t, t.TempDir())
}

// newSigstoreIn is newSigstore with its content in a folder to look at.
func newSigstoreIn(t *testing.T, dir string) *world.Sigstore {
	t.Helper()
	sigstore, err := world.StartSigstore(context.Background(), dir) // outlives t.Context, to be stopped in order
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sigstore.Stop(); err != nil {
			t.Error(err)
		}
	})
	return sigstore
}

// The deployment means something only if the peers, who know nothing of these
// tests, sign and verify with it.
func TestPeersSignWithoutAKey(t *testing.T) {
	p := newPlace(t, "")
	sigstore := newSigstore(t)
	p.file("approval.json", `{"by":"the release team"}`)
	token, err := sigstore.Issuer.GitLabToken()
	if err != nil {
		t.Fatal(err)
	}

	t.Run("a bundle of cosign 3, in a job of GitHub", func(t *testing.T) {
		p := p.in(t)
		p.env = slices.Concat(p.env, sigstore.Issuer.GitHubEnv())
		image := p.bare("bundle")
		p.must("cosign3", "attest", "-y", "--signing-config", sigstore.SigningConfig, "--trusted-root", sigstore.TrustedRoot,
			"--type", typeOfOurOwn, "--predicate", "approval.json", image)

		root := []string{"--insecure-ignore-sct", "--trusted-root", sigstore.TrustedRoot}
		p.judges("cosign3", root, sigstore.Issuer.GitHub, image)
		p.judges("cosign", slices.Concat(root, []string{"--new-bundle-format", "--use-signed-timestamps"}), sigstore.Issuer.GitHub, image)
		p.controllerJudges(sigstore, "bundle", sigstore.Issuer.GitHub, image)
	})

	t.Run("an .att of cosign 2, in a job of GitLab", func(t *testing.T) {
		p := p.in(t)
		p.env = slices.Concat(p.env, []string{"SIGSTORE_ID_TOKEN=" + token})
		image := p.bare("att")
		p.must("cosign", "attest", "-y", "--tlog-upload=false", "--insecure-skip-verify",
			"--fulcio-url", sigstore.FulcioURL, "--timestamp-server-url", sigstore.TimestampURL,
			"--type", typeOfOurOwn, "--predicate", "approval.json", image)

		offline := []string{"--insecure-ignore-tlog", "--insecure-ignore-sct", "--use-signed-timestamps"}
		p.judges("cosign3", slices.Concat(offline, []string{"--trusted-root", sigstore.TrustedRoot}), sigstore.Issuer.GitLab, image)
		p.judges("cosign", slices.Concat(offline, []string{
			"--timestamp-certificate-chain", sigstore.TimestampChain.Whole,
			"--ca-roots", sigstore.FulcioChain.Root, "--ca-intermediates", sigstore.FulcioChain.Intermediates,
		}), sigstore.Issuer.GitLab, image)
		p.controllerJudges(sigstore, "legacy", sigstore.Issuer.GitLab, image)
	})
}

// judges lets a cosign verify an attestation: for who signed it, and for
// somebody else and for the same name from another issuer, which it must
// refuse.
func (p *place) judges(cosign string, flags []string, signer world.Identity, image string) {
	p.t.Helper()
	verify := func(subject, issuer string) outcome {
		return p.run(cosign, slices.Concat([]string{"verify-attestation", "--type", typeOfOurOwn}, flags,
			[]string{"--certificate-identity", subject, "--certificate-oidc-issuer", issuer, image})...)
	}
	if got := verify(signer.Subject, signer.Issuer); got.code != 0 {
		p.t.Errorf("%s refuses what %s signed:\n%s", cosign, signer.Subject, got.stderr)
	}
	const nobody = "https://github.com/somebody/else"
	if got := verify(nobody, signer.Issuer); got.code == 0 || !strings.Contains(got.stderr, signer.Subject) {
		p.t.Errorf("%s takes it for signed by somebody else: exit %d\n%s", cosign, got.code, got.stderr)
	}
	if got := verify(signer.Subject, nobody); got.code == 0 || !strings.Contains(got.stderr, signer.Issuer) {
		p.t.Errorf("%s takes it for signed under another issuer: exit %d\n%s", cosign, got.code, got.stderr)
	}
}

// controllerJudges lets Policy Controller's tester admit an image, with
// attestations in a format, for who signed them and for somebody else.
func (p *place) controllerJudges(sigstore *world.Sigstore, format string, signer world.Identity, image string) {
	p.t.Helper()
	admit := func(subject string) outcome {
		policy := p.file("keyless.yaml", fmt.Sprintf(`apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata:
  name: keyless
spec:
  images:
  - glob: "**"
  authorities:
  - name: keyless
    signatureFormat: %s
    keyless:
      url: %s
      trustRootRef: %[3]s
      insecureIgnoreSCT: true
      identities:
      - issuer: %s
        subject: %s
    rfc3161timestamp:
      trustRootRef: %[3]s
    attestations:
    - name: approval
      predicateType: %[6]s
`, format, sigstore.FulcioURL, world.TrustRootName, signer.Issuer, subject, typeOfOurOwn))
		return p.run("tester", "-trustroot", sigstore.ControllerTrustRoot, "-policy", policy, "-image", image, "-log-level", "error")
	}
	if got := admit(signer.Subject); got.code != 0 {
		p.t.Errorf("the controller refuses what %s signed:\n%s", signer.Subject, got.stdout)
	}
	if got := admit("https://github.com/somebody/else"); got.code == 0 || !strings.Contains(got.stdout, signer.Subject) {
		p.t.Errorf("the controller takes it for signed by somebody else: exit %d\n%s", got.code, got.stdout)
	}
}

func TestTheTokenEndpointIsNoPushover(t *testing.T) {
	sigstore := newSigstore(t)
	environment := make(map[string]string)
	for _, entry := range sigstore.Issuer.GitHubEnv() {
		name, value, _ := strings.Cut(entry, "=")
		environment[name] = value
	}
	ask := func(authorization string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			environment["ACTIONS_ID_TOKEN_REQUEST_URL"]+"&audience=sigstore", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", authorization)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		return response.StatusCode
	}
	good := "bearer " + environment["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]

	sigstore.Issuer.FailNext(1, http.StatusTooManyRequests)
	got := []int{ask(good), ask(good), ask(""), ask("bearer of bad news")}
	want := []int{http.StatusTooManyRequests, http.StatusOK, http.StatusUnauthorized, http.StatusUnauthorized}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("request %d: status %d, want %d", i+1, got[i], want[i])
		}
	}
	if n := sigstore.Issuer.Requests(); n != len(want) {
		t.Errorf("it counted %d requests, want %d", n, len(want))
	}
}
