package verify_test

import (
	"bytes"
	"go/build"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/sigstore-go/pkg/testing/data"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// What cosign attested on the public deployment of Sigstore, with its certificate,
// its entry in Rekor and the certificate's in the log of certificates, is believed
// by the root of that deployment.
func TestAnAttestationOfThePublicDeployment(t *testing.T) {
	raw := cosignsData(t, "oci-attestation.sigstore.json")
	e, err := attest.ParseBundle(raw)
	must(t, err)
	root, err := verify.LoadRoot(filepath.Join(cosignsFolder(t), "trusted_root_pgi.json"))
	must(t, err)
	digest, err := name.NewDigest("127.0.0.1:60943/repo@sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4")
	must(t, err)
	image, err := attest.NewSubject(digest, digest.String())
	must(t, err)
	trust := trustIdentity(t, root, verify.Identity{Subject: "cody@soyland.com", Issuer: "https://github.com/login/oauth"})

	v, err := verify.Verify(e, image, trust)
	must(t, err)
	if v.Signer() != "cody@soyland.com (issuer https://github.com/login/oauth)" || v.PredicateType() != attest.TypeCustom {
		t.Errorf("%s signed %s", v.Signer(), v.PredicateType())
	}
	if at := time.Date(2025, time.February, 28, 19, 18, 11, 0, time.UTC); !v.SignedAt().Equal(at) {
		t.Errorf("signed at %s, want %s", v.SignedAt(), at)
	}

	wants(t, e, trust, anotherSays)
	wants(t, e, trustIdentity(t, root), "signed by cody@soyland.com (issuer https://github.com/login/oauth), who is not an accepted signer")
	wants(t, changePayload(t, e), trust, "its log entry is of another signature")
	unlogged := proto.CloneOf(e.Proof().Material())
	unlogged.TlogEntries = nil
	wants(t, e.WithProof(attest.NewProof(unlogged)), trust, noLog)
	wants(t, e.WithProof(attest.NewProof(unlogged)), trustIdentity(t, root.WithoutLog()), noTime)
}

// Bundles of older forms: a chain of certificates, and entries of Rekor v1 with and
// without a proof beside the promise. They are about packages: no image is among
// their subjects, which is looked at last.
func TestOlderBundlesOfThePublicDeployment(t *testing.T) {
	root := publicRoot(t)
	for file, of := range map[string]verify.Identity{
		"sigstore.js@2.0.0-provenance.sigstore.json": {Subject: "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main", Issuer: issuer},
		"dsse.sigstore.json":                         {Subject: "brian@dehamer.com", Issuer: "https://github.com/login/oauth"},
	} {
		t.Run(file, func(t *testing.T) {
			raw, err := data.Bundle(t, file).MarshalJSON()
			must(t, err)
			e, err := attest.ParseBundle(raw)
			must(t, err)
			trust := trustIdentity(t, root, of)
			wants(t, e, trust, anotherSays)
			wants(t, changePayload(t, e), trust, "its log entry is of another signature")
		})
	}
}

// changePayload changes a bit of what is signed.
func changePayload(t *testing.T, e attest.Envelope) attest.Envelope {
	t.Helper()
	b := proto.CloneOf(e.Bundle())
	b.GetDsseEnvelope().Payload = bytes.Replace(b.GetDsseEnvelope().GetPayload(), []byte("predicateType"), []byte("predicatetype"), 1)
	raw, err := protojson.Marshal(b)
	must(t, err)
	changed, err := attest.ParseBundle(raw)
	must(t, err)
	return changed
}

// publicRoot is that of the public deployment, as sigstore-go's tests have it.
func publicRoot(t *testing.T) verify.Root {
	t.Helper()
	content, err := data.TrustedRoot(t, "public-good.json").MarshalJSON()
	must(t, err)
	path := filepath.Join(t.TempDir(), "root.json")
	must(t, os.WriteFile(path, content, 0o600))
	root, err := verify.LoadRoot(path)
	must(t, err)
	return root
}

// cosignsFolder is where the module of cosign has the data of its tests.
func cosignsFolder(t testing.TB) string {
	t.Helper()
	cosign, err := build.Import("github.com/sigstore/cosign/v2/pkg/cosign", ".", build.FindOnly)
	must(t, err)
	return filepath.Join(cosign.Dir, "testdata")
}

func cosignsData(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(cosignsFolder(t), file))
	must(t, err)
	return content
}
