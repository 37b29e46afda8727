package verify_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	dsseid "github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

const (
	hexOfImage   = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	hexOfAnother = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

// envelope is a DSSE envelope whose every field a forger may set.
type envelope struct {
	PayloadType string   `json:"payloadType"`
	Payload     string   `json:"payload"`
	Signatures  []signed `json:"signatures"`
}

type signed struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

func TestAForgeryIsNotBelieved(t *testing.T) {
	ours, theirs := newKey(t), newKey(t)
	honest := seal(t, ours, attest.PayloadType, statementAbout(hexOfImage))
	replace := func(this, by string) string { return strings.Replace(statementAbout(hexOfImage), this, by, 1) }

	tests := []struct {
		name  string
		forge func() envelope
		says  string
	}{
		{"signed by another key", func() envelope {
			return seal(t, theirs, attest.PayloadType, statementAbout(hexOfImage))
		}, "not signed by a trusted signer"},
		{"another payload under the signature", func() envelope {
			e := honest
			e.Payload = encode(replace(`"ok"`, `"OK"`))
			return e
		}, "not signed by a trusted signer"},
		{"a signature over another payload type", func() envelope {
			e := seal(t, ours, "application/vnd.other+json", statementAbout(hexOfImage))
			e.PayloadType = attest.PayloadType
			return e
		}, "not signed by a trusted signer"},
		{"a signature over the bare payload", func() envelope {
			sig, err := ours.SignMessage(strings.NewReader(statementAbout(hexOfImage)))
			must(t, err)
			e := honest
			e.Signatures = []signed{{Sig: base64.StdEncoding.EncodeToString(sig)}}
			return e
		}, "not signed by a trusted signer"},
		{"no bytes of a signature", func() envelope {
			e := honest
			e.Signatures = []signed{{Sig: ""}}
			return e
		}, "not signed by a trusted signer"},
		{"the key's name without its signature", func() envelope {
			id, err := verify.KeyName(public(t, ours))
			must(t, err)
			e := seal(t, theirs, attest.PayloadType, statementAbout(hexOfImage))
			e.Signatures[0].KeyID = id
			return e
		}, "not signed by a trusted signer"},
		{"a key id that names no trusted key", func() envelope { // cosign does not try it either
			e := honest
			e.Signatures = []signed{{KeyID: "release key", Sig: honest.Signatures[0].Sig}}
			return e
		}, "not signed by a trusted signer"},
		{"a statement about another image", func() envelope {
			return seal(t, ours, attest.PayloadType, statementAbout(hexOfAnother))
		}, "statement is about another image, not sha256:" + hexOfImage},
		{"a statement about the image's name only", func() envelope {
			return seal(t, ours, attest.PayloadType, replace(`"sha256":"`+hexOfImage+`"`, ""))
		}, "statement is about another image"},
		{"a statement of a version to come", func() envelope {
			return seal(t, ours, attest.PayloadType, replace("Statement/v0.1", "Statement/v2"))
		}, `statement type "https://in-toto.io/Statement/v2"`},
		{"no statement at all", func() envelope {
			return seal(t, ours, attest.PayloadType, `"hello"`)
		}, "decoding the statement"},
		{"two statements", func() envelope {
			return seal(t, ours, attest.PayloadType, statementAbout(hexOfImage)+statementAbout(hexOfImage))
		}, "decoding the statement"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := verify.Verify(parse(t, test.forge()), subject(t), trustIn(t, ours))
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("error %v, want one that says %q", err, test.says)
			}
			if v.Payload() != nil || v.Signer() != "" {
				t.Errorf("the refused statement was handed out: %s by %s", v.Payload(), v.Signer())
			}
		})
	}
	if _, err := verify.Verify(parse(t, honest), subject(t), trustIn(t, ours)); err != nil {
		t.Errorf("the honest envelope is refused: %v", err)
	}
}

func TestTheZeroTrustBelievesNobody(t *testing.T) {
	e := parse(t, seal(t, newKey(t), attest.PayloadType, statementAbout(hexOfImage)))
	if _, err := verify.Verify(e, subject(t), verify.Trust{}); err == nil || err.Error() != "no signer is trusted" {
		t.Errorf("error %v", err)
	}
	if signers := (verify.Trust{}).Signers(); len(signers) != 0 {
		t.Errorf("signers %v", signers)
	}
}

func TestTheZeroEnvelopeIsNotBelieved(t *testing.T) {
	if _, err := verify.Verify(attest.Envelope{}, subject(t), trustIn(t, newKey(t))); err == nil {
		t.Error("nothing was believed")
	}
}

func TestTrustIsInKeysOnly(t *testing.T) {
	for _, nonsense := range []crypto.PublicKey{nil, "key", []byte("key")} {
		if _, err := verify.TrustKeys(nonsense); err == nil {
			t.Errorf("%v was taken for a key", nonsense)
		}
	}
	if _, err := verify.TrustKeys(public(t, newKey(t)), nil); err == nil {
		t.Error("nil was taken for a second key")
	}
}

// One signature of one trusted signer is enough, and the Verified says whose.
func TestVerifySaysWhoSigned(t *testing.T) {
	first, second, stranger := newKey(t), newKey(t), newKey(t)
	trust := trustIn(t, first, second)
	signers := trust.Signers()

	bySecond := seal(t, second, attest.PayloadType, statementAbout(hexOfImage))
	byStrangerToo := bySecond
	byStrangerToo.Signatures = append(seal(t, stranger, attest.PayloadType, statementAbout(hexOfImage)).Signatures, bySecond.Signatures...)
	id, err := dsseid.SHA256KeyID(public(t, second))
	must(t, err)
	withKeyID := bySecond
	withKeyID.Signatures = []signed{{KeyID: id, Sig: bySecond.Signatures[0].Sig}}

	tests := []struct {
		name string
		e    envelope
		want string
	}{
		{"the first key", seal(t, first, attest.PayloadType, statementAbout(hexOfImage)), signers[0]},
		{"the second key", bySecond, signers[1]},
		{"a stranger and the second key", byStrangerToo, signers[1]},
		{"the second key, with its key id", withKeyID, signers[1]},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			e := parse(t, test.e)
			v, err := verify.Verify(e, subject(t), trust)
			must(t, err)
			if v.Signer() != test.want {
				t.Errorf("signer %s, want %s", v.Signer(), test.want)
			}
			if string(v.Payload()) != statementAbout(hexOfImage) || v.PredicateType() != "https://example.com/review/v1" {
				t.Errorf("verified %s of type %s", v.Payload(), v.PredicateType())
			}
			if v.Envelope().Digest() != e.Digest() || string(v.Statement().Predicate) != `{"review":"ok"}` {
				t.Errorf("verified %s in %s", v.Statement().Predicate, v.Envelope().Digest())
			}
		})
	}
}

// What sigstore's own signer writes is believed: cosign uses it.
func TestVerifyWhatSigstoreSigned(t *testing.T) {
	key := newKey(t)
	for _, version := range []string{"v0.1", "v1"} {
		payload := strings.Replace(statementAbout(hexOfImage), "v0.1", version, 1)
		raw, err := dsse.WrapSigner(key, attest.PayloadType).SignMessage(strings.NewReader(payload))
		must(t, err)
		e, err := attest.ParseEnvelope(raw)
		must(t, err)
		if _, err := verify.Verify(e, subject(t), trustIn(t, key)); err != nil {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestLoadPublicKeyRefusesWhatIsNone(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	secret, err := cryptoutils.MarshalPrivateKeyToPEM(private)
	must(t, err)
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	tests := []struct{ name, reference, says, hints string }{
		{"no such file", filepath.Join(dir, "none.pub"), "no such file", ""},
		{"an empty file", write("empty.pub", ""), "not a PEM file", ""},
		{"text", write("text.pub", "key"), "not a PEM file", ""},
		{"a private key", write("cosign.key", string(secret)), "it is a private key", "cosign.pub"},
		{"an encrypted key", write("enc.key", "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAA==\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"), "it is a private key", "cosign.pub"},
		{"damaged", write("damaged.pub", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n"), "loading the public key", ""},
		{"an unset variable", "env://UNSET", "the variable is not set", ""},
		{"an unknown scheme", "awskms:///alias/key", "no reader for awskms://", "env://NAME"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := verify.LoadPublicKey(test.reference, func(string) (string, bool) { return "", false })
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), test.reference) {
				t.Errorf("error %v, want one that says %q about %s", err, test.says, test.reference)
			}
			if hint := fault.HintOf(err); !strings.Contains(hint, test.hints) {
				t.Errorf("hint %q, want %q", hint, test.hints)
			}
		})
	}
}

func TestLoadPublicKey(t *testing.T) {
	want := public(t, newKey(t)).(*ecdsa.PublicKey)
	text, err := cryptoutils.MarshalPublicKeyToPEM(want)
	must(t, err)
	path := filepath.Join(t.TempDir(), "cosign.pub")
	must(t, os.WriteFile(path, text, 0o600))
	lookup := func(name string) (string, bool) { return string(text), name == "PUB" }
	for _, reference := range []string{path, "env://PUB"} {
		got, err := verify.LoadPublicKey(reference, lookup)
		must(t, err)
		if !want.Equal(got) {
			t.Errorf("%s: another key", reference)
		}
	}
}

func statementAbout(hex string) string {
	return `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://example.com/review/v1",` +
		`"subject":[{"name":"registry.example/app","digest":{"sha256":"` + hex + `"}}],"predicate":{"review":"ok"}}`
}

func newKey(t testing.TB) signature.SignerVerifier {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	key, err := signature.LoadDefaultSignerVerifier(private)
	must(t, err)
	return key
}

func public(t testing.TB, key signature.SignerVerifier) crypto.PublicKey {
	t.Helper()
	p, err := key.PublicKey()
	must(t, err)
	return p
}

func trustIn(t testing.TB, keys ...signature.SignerVerifier) verify.Trust {
	t.Helper()
	var publics []crypto.PublicKey
	for _, k := range keys {
		publics = append(publics, public(t, k))
	}
	trust, err := verify.TrustKeys(publics[0], publics[1:]...)
	must(t, err)
	return trust
}

// seal signs a payload as DSSE asks.
func seal(t *testing.T, key signature.SignerVerifier, payloadType, payload string) envelope {
	t.Helper()
	raw, err := dsse.WrapSigner(key, payloadType).SignMessage(strings.NewReader(payload))
	must(t, err)
	var e envelope
	must(t, json.NewDecoder(bytes.NewReader(raw)).Decode(&e))
	return e
}

func parse(t *testing.T, e envelope) attest.Envelope {
	t.Helper()
	raw, err := json.Marshal(e)
	must(t, err)
	parsed, err := attest.ParseEnvelope(raw)
	must(t, err)
	return parsed
}

func encode(payload string) string { return base64.StdEncoding.EncodeToString([]byte(payload)) }

func subject(t testing.TB) attest.Subject {
	t.Helper()
	digest, err := name.NewDigest("registry.example/app@sha256:" + hexOfImage)
	must(t, err)
	s, err := attest.NewSubject(digest, "registry.example/app:1")
	must(t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
