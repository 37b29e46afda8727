package e2e_test

import (
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// What is compiled for a private Sigstore asks for its timestamps, since its root has
// an authority for them: the controller admits what was signed there, in each format,
// and by nobody else. The deployment has no log of certificates, so it is told not to
// look for one.
func TestCompiledForAPrivateSigstore(t *testing.T) {
	p := newPlace(t, "")
	sigstore := newSigstore(t)
	signer := sigstore.Issuer.GitHub
	p.file("released.rego", "# METADATA\n# custom:\n#   predicateType: "+typeOfOurOwn+"\npackage sigstore\nisCompliant { input.predicate.by == \"the release team\" }\n")

	for _, format := range []string{"att", "bundle"} {
		image := p.bare(format)
		flags := append(byConfig(sigstore), "--attestation-format", format)
		if got := p.onGitHub(sigstore).attestKeyless(image, flags...); got.code != 0 {
			t.Fatalf("exit %d\n%s", got.code, got.stderr)
		}
		for subject, want := range map[string]int{signer.Subject: 0, "https://github.com/somebody/else": 1} {
			compiled := p.must("hallmark", "policy", "compile", "released.rego", "--certificate-identity", subject, "--certificate-oidc-issuer", signer.Issuer,
				"--fulcio-url", sigstore.FulcioURL, "--trusted-root", sigstore.TrustedRoot, "--trust-root-ref", world.TrustRootName, "--attestation-format", format)
			if !strings.Contains(compiled, "rfc3161timestamp:\n        trustRootRef: "+world.TrustRootName+"\n") {
				t.Fatalf("no timestamp is asked for:\n%s", compiled)
			}
			p.file("cip.yaml", strings.Replace(compiled, "      keyless:\n", "      keyless:\n        insecureIgnoreSCT: true\n", 1))
			got := p.run("tester", "-trustroot", sigstore.ControllerTrustRoot, "-policy", "cip.yaml", "-image", image, "-log-level", "error")
			if got.code != want {
				t.Errorf("%s by %s: exit %d, want %d\n%s%s", format, subject, got.code, want, got.stdout, got.stderr)
			}
		}
	}
}
