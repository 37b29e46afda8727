package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"testing"
	"time"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

const (
	workflow = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
	issuer   = "https://token.actions.githubusercontent.com"
)

// making is how an attestation is made: each of its steps may be a forger's.
type making struct {
	key             *ecdsa.PrivateKey // signs
	payload         string            // is signed
	subject, issuer string            // of the certificate; no subject: signed by the bare key
	source          sigstoretest.Extensions
	certified       crypto.PublicKey
	from, to        time.Time // the certificate's validity
	at              time.Time // of the timestamp
	ca, clock, log  *sigstoretest.Deployment
	change          func(*protobundle.Bundle) // what is done to it afterwards
}

// keyless is the honest way of a job.
func keyless(t testing.TB, d *sigstoretest.Deployment, forge ...func(*making)) attest.Envelope {
	t.Helper()
	now := time.Now()
	key := privateKey(t)
	m := making{
		key: key, payload: statementAbout(hexOfImage), subject: workflow, issuer: issuer, certified: key.Public(),
		from: now.Add(-time.Minute), to: now.Add(9 * time.Minute), at: now, ca: d, clock: d, log: d,
	}
	for _, f := range forge {
		f(&m)
	}
	return m.make(t)
}

// byKey is the honest way of the holder of a key, with a log.
func byKey(t testing.TB, d *sigstoretest.Deployment, key *ecdsa.PrivateKey, forge ...func(*making)) attest.Envelope {
	t.Helper()
	return keyless(t, d, append([]func(*making){func(m *making) {
		m.key, m.certified, m.subject, m.clock = key, key.Public(), "", nil
	}}, forge...)...)
}

func (m making) make(t testing.TB) attest.Envelope {
	t.Helper()
	digest := sha256.Sum256(dsse.PAE(attest.PayloadType, []byte(m.payload)))
	sig, err := ecdsa.SignASN1(rand.Reader, m.key, digest[:])
	must(t, err)
	material := &protobundle.VerificationMaterial{}
	holder := m.certified
	if m.subject == "" {
		der, err := x509.MarshalPKIXPublicKey(m.certified)
		must(t, err)
		material.Content = &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: attest.KeyHint(der)}}
	} else {
		certificate := m.ca.Certify(m.certified, m.subject, m.issuer, m.from, m.to, m.source)
		material.Content = certificateOf(certificate)
		holder = certificate
	}
	if m.clock != nil {
		material.TimestampVerificationData = &protobundle.TimestampVerificationData{
			Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: m.clock.Stamp(sig, m.at)}},
		}
	}
	if m.log != nil {
		material.TlogEntries = []*protorekor.TransparencyLogEntry{m.log.Record([]byte(m.payload), sig, holder)}
	}
	b := &protobundle.Bundle{
		MediaType: attest.BundleMediaType, VerificationMaterial: material,
		Content: &protobundle.Bundle_DsseEnvelope{DsseEnvelope: &protodsse.Envelope{
			PayloadType: attest.PayloadType, Payload: []byte(m.payload), Signatures: []*protodsse.Signature{{Sig: sig}},
		}},
	}
	if m.change != nil {
		m.change(b)
	}
	raw, err := protojson.Marshal(b)
	must(t, err)
	e, err := attest.ParseBundle(raw)
	must(t, err)
	return e
}

func certificateOf(c *x509.Certificate) *protobundle.VerificationMaterial_Certificate {
	return &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: c.Raw}}
}

func trustedRoot(t testing.TB, d *sigstoretest.Deployment, has sigstoretest.Root) verify.Root {
	t.Helper()
	root, err := verify.LoadRoot(d.TrustedRoot(has))
	must(t, err)
	return root
}

func trustIdentity(t testing.TB, root verify.Root, identities ...verify.Identity) verify.Trust {
	t.Helper()
	if len(identities) == 0 {
		identities = []verify.Identity{{Subject: workflow, Issuer: issuer}}
	}
	trust, err := verify.TrustIdentities(root, identities[0], identities[1:]...)
	must(t, err)
	return trust
}

func privateKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return key
}

// bare is the envelope without its proof, as it lies under a tag that lost its
// annotations.
func bare(t *testing.T, e attest.Envelope) attest.Envelope {
	t.Helper()
	parsed, err := attest.ParseEnvelope(e.Raw())
	must(t, err)
	return parsed
}

// wants checks that an envelope is refused in these words.
func wants(t *testing.T, e attest.Envelope, trust verify.Trust, says string) {
	t.Helper()
	v, err := verify.Verify(e, subject(t), trust)
	if err == nil || err.Error() != says {
		t.Errorf("error %v, want %q", err, says)
	}
	if v.Payload() != nil || v.Signer() != "" || !v.SignedAt().IsZero() {
		t.Errorf("the refused statement was handed out: %s by %s", v.Payload(), v.Signer())
	}
}

func believed(t *testing.T, e attest.Envelope, trust verify.Trust) verify.Verified {
	t.Helper()
	v, err := verify.Verify(e, subject(t), trust)
	must(t, err)
	want, err := attest.ParseStatement(e.Payload())
	must(t, err)
	if got, err := json.Marshal(v.Statement()); err != nil || string(got) != toJSON(t, want) {
		t.Errorf("verified %s, want %s", got, toJSON(t, want))
	}
	return v
}

func toJSON(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	must(t, err)
	return string(encoded)
}
