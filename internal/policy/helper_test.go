package policy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	ssldsse "github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// notary signs statements about one image with a fresh key and verifies them,
// since a verify.Verified cannot be made in any other way.
type notary struct {
	key     sign.Key
	trust   verify.Trust
	subject attest.Subject
	signer  string // as reasons name it
}

func newNotary(t testing.TB) notary {
	t.Helper()
	key, err := sign.Ephemeral()
	must(t, err)
	trust, err := verify.TrustKeys(key.Public())
	must(t, err)
	digest, err := name.NewDigest("registry.example/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")
	must(t, err)
	subject, err := attest.NewSubject(digest, "registry.example/app:1")
	must(t, err)
	return notary{key: key, trust: trust, subject: subject, signer: trust.Signers()[0]}
}

// attest returns the verified attestation of a predicate.
func (n notary) attest(t testing.TB, p attest.Predicate) verify.Verified {
	t.Helper()
	envelope, err := n.key.Sign(t.Context(), attest.NewStatement(n.subject, p))
	must(t, err)
	verified, err := verify.Verify(envelope, n.subject, n.trust)
	must(t, err)
	return verified
}

// raw attests a statement with further keys, which Sign would not write, and
// returns its signer's name.
func (n notary) raw(t testing.TB, statement attest.Statement, more string) (verify.Verified, string) {
	t.Helper()
	payload, err := statement.Encode()
	must(t, err)
	payload = append(payload[:len(payload)-1], []byte(","+more+"}")...)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	sum := sha256.Sum256(ssldsse.PAE(attest.PayloadType, payload))
	signature, err := key.Sign(rand.Reader, sum[:], crypto.SHA256)
	must(t, err)
	raw, err := json.Marshal(ssldsse.Envelope{
		PayloadType: attest.PayloadType, Payload: base64.StdEncoding.EncodeToString(payload),
		Signatures: []ssldsse.Signature{{Sig: base64.StdEncoding.EncodeToString(signature)}},
	})
	must(t, err)
	envelope, err := attest.ParseEnvelope(raw)
	must(t, err)
	trust, err := verify.TrustKeys(key.Public())
	must(t, err)
	verified, err := verify.Verify(envelope, n.subject, trust)
	must(t, err)
	return verified, trust.Signers()[0]
}

// custom attests a text under the custom type, as cosign does.
func (n notary) custom(t testing.TB, text string) verify.Verified {
	t.Helper()
	p, err := attest.NewPredicate(attest.TypeCustom, []byte(text), today())
	must(t, err)
	return n.attest(t, p)
}

// object attests a JSON object under any other type.
func (n notary) object(t testing.TB, uri, body string) verify.Verified {
	t.Helper()
	p, err := attest.NewPredicate(uri, []byte(body), today())
	must(t, err)
	return n.attest(t, p)
}

// scan attests a scan; edit may damage its summary first.
func (n notary) scan(t testing.TB, s finding.Scan, edit func(summary map[string]any)) verify.Verified {
	t.Helper()
	result, err := json.Marshal(s.Summary())
	must(t, err)
	if edit != nil {
		var summary map[string]any
		must(t, json.Unmarshal(result, &summary))
		edit(summary)
		result, err = json.Marshal(summary)
		must(t, err)
	}
	var p finding.Predicate
	p.Scanner.Result = result
	p.Metadata.ScanStartedOn, p.Metadata.ScanFinishedOn = s.Started, s.Finished
	body, err := json.Marshal(p)
	must(t, err)
	return n.attest(t, attest.Predicate{Type: attest.TypeVuln, Body: body})
}

// load writes a policy to a file and loads it.
func load(t testing.TB, text string) []Policy {
	t.Helper()
	t.Chdir(t.TempDir())
	write(t, "p.rego", text)
	policies, err := Load([]string{"p.rego"}, Setting{})
	must(t, err)
	return policies
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func today() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
