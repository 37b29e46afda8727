package sign_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

const password = "correct horse"

func TestLoadKeyRefusesWhatIsNoKeyToSignWith(t *testing.T) {
	pair, err := sign.GeneratePair([]byte(password))
	must(t, err)
	block, _ := pem.Decode(pair.Private)
	plain, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(plain)
	must(t, err)
	damaged := func(bytes []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: bytes}))
	}

	tests := []struct {
		name, content string
		password      *string
		says, hints   string
	}{
		{"an empty file", "", new(password), "not a PEM file", "hallmark keygen"},
		{"text", "secret", new(password), "not a PEM file", "hallmark keygen"},
		{"the public half", string(pair.Public), new(password), "it is a public key", "cosign.key"},
		{"a key that is not encrypted", toPEM("PRIVATE KEY", der), new(password), `of type "PRIVATE KEY", not a cosign key`, "import-key-pair"},
		{"a certificate", toPEM("CERTIFICATE", der), new(password), `of type "CERTIFICATE"`, "import-key-pair"},
		{"a key without its password", string(pair.Private), nil, "no password given", "COSIGN_PASSWORD"},
		{"a wrong password", string(pair.Private), new("battery staple"), "the password does not fit", "COSIGN_PASSWORD"},
		{"an empty password", string(pair.Private), new(""), "the password does not fit", "COSIGN_PASSWORD"},
		{"a changed ciphertext", damaged(changeCiphertext(t, block.Bytes)), new(password), "the password does not fit", "COSIGN_PASSWORD"},
		{"a file cut short", damaged(block.Bytes[:len(block.Bytes)/2]), new(password), "the file is damaged", ""},
		{"garbage in PEM", damaged([]byte("garbage")), new(password), "the file is damaged", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "some.key")
			must(t, os.WriteFile(path, []byte(test.content), 0o600))
			_, err := sign.LoadKey(t.Context(), path, environment(test.password, nil))
			refused(t, err, "loading the key "+path, test.says)
			if hint := fault.HintOf(err); !strings.Contains(hint, test.hints) {
				t.Errorf("hint %q does not say %q", hint, test.hints)
			}
			if test.password != nil && *test.password != "" && strings.Contains(err.Error(), *test.password) {
				t.Errorf("error %q tells the password", err)
			}
		})
	}
}

func TestLoadKeyRefusesAReferenceThatLeadsNowhere(t *testing.T) {
	tests := []struct {
		reference, says string
		kind            fault.Kind
	}{
		{filepath.Join(t.TempDir(), "no.key"), "no such file", fault.Failed},
		{t.TempDir(), "is a directory", fault.Failed},
		{"env://UNSET", "the variable is not set", fault.Failed},
		{"env://EMPTY", "the variable is not set", fault.Failed},
		{"env://", "the variable is not set", fault.Failed},
		{"s3://bucket/key", "no signer for s3://", fault.Usage},
	}
	for _, test := range tests {
		_, err := sign.LoadKey(t.Context(), test.reference, environment(new(""), map[string]string{"EMPTY": ""}))
		refused(t, err, "loading the key "+test.reference, test.says)
		if fault.HintOf(err) == "" || fault.KindOf(err) != test.kind {
			t.Errorf("%s: hint %q, kind %v", test.reference, fault.HintOf(err), fault.KindOf(err))
		}
	}
}

func TestLoadKeyFromFileAndEnvironment(t *testing.T) {
	for _, secret := range []string{password, ""} {
		pair, err := sign.GeneratePair([]byte(secret))
		must(t, err)
		path := filepath.Join(t.TempDir(), "cosign.key")
		must(t, os.WriteFile(path, pair.Private, 0o600))
		want, err := cryptoutils.UnmarshalPEMToPublicKey(pair.Public)
		must(t, err)

		env := environment(&secret, map[string]string{"KEY": string(pair.Private)})
		for _, reference := range []string{path, "env://KEY"} {
			key, err := sign.LoadKey(t.Context(), reference, env)
			must(t, err)
			if !want.(*ecdsa.PublicKey).Equal(key.Public()) {
				t.Errorf("%s: another public key", reference)
			}
		}
		// What is made here, cosign reads.
		if _, err := cosign.LoadPrivateKey(pair.Private, []byte(secret), nil); err != nil {
			t.Errorf("cosign refuses the key: %v", err)
		}
	}
}

// Every kind of key that cosign imports signs what the verifier believes.
func TestSignWithEveryKindOfKey(t *testing.T) {
	for name, private := range kindsOfKeys(t) {
		t.Run(name, func(t *testing.T) {
			der, err := x509.MarshalPKCS8PrivateKey(private)
			must(t, err)
			path := filepath.Join(t.TempDir(), "plain.pem")
			must(t, os.WriteFile(path, []byte(toPEM("PRIVATE KEY", der)), 0o600))
			imported, err := cosign.ImportKeyPair(path, func(bool) ([]byte, error) { return []byte(password), nil })
			must(t, err)

			key, err := sign.LoadKey(t.Context(), "env://KEY", environment(new(password), map[string]string{"KEY": string(imported.PrivateBytes)}))
			must(t, err)
			checkSigns(t, key)
		})
	}
}

func TestAnEphemeralKeySigns(t *testing.T) {
	key, err := sign.Ephemeral()
	must(t, err)
	checkSigns(t, key)
	other, err := sign.Ephemeral()
	must(t, err)
	if key.Public().(*ecdsa.PublicKey).Equal(other.Public()) {
		t.Error("two runs have the same key")
	}
}

func TestNothingIsSignedAfterTheEnd(t *testing.T) {
	key, err := sign.Ephemeral()
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := key.Sign(ctx, statement(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestAStatementThatCannotBeEncodedIsNotSigned(t *testing.T) {
	key, err := sign.Ephemeral()
	must(t, err)
	st := statement(t)
	st.Predicate = json.RawMessage("{")
	_, err = key.Sign(t.Context(), st)
	refused(t, err, "encoding the statement of type https://example.com/review/v1")
}

func TestAStatementThatIsTooLargeOnceSigned(t *testing.T) {
	key, err := sign.Ephemeral()
	must(t, err)
	st := statement(t)
	st.Predicate = json.RawMessage(`"` + strings.Repeat("x", 97<<20) + `"`)
	_, err = key.Sign(t.Context(), st)
	refused(t, err, "signing the statement of type https://example.com/review/v1: envelope of ", "is over the limit of 134217728 (128 MiB)")
}

// checkSigns checks that an envelope carries the statement's bytes, without a
// key id as cosign has it, and that it is believed.
func checkSigns(t *testing.T, key sign.Key) {
	t.Helper()
	envelope, err := key.Sign(t.Context(), statement(t))
	must(t, err)
	encoded, err := statement(t).Encode()
	must(t, err)
	if string(envelope.Payload()) != string(encoded) {
		t.Errorf("signed %s", envelope.Payload())
	}
	var raw struct {
		Signatures []struct {
			KeyID string `json:"keyid"`
		} `json:"signatures"`
	}
	must(t, json.Unmarshal(envelope.Raw(), &raw))
	if len(raw.Signatures) != 1 || raw.Signatures[0].KeyID != "" {
		t.Errorf("signatures %+v, want one without a key id", raw.Signatures)
	}
	trust, err := verify.TrustKeys(key.Public())
	must(t, err)
	if _, err := verify.Verify(envelope, subject(t), trust); err != nil {
		t.Errorf("the verifier does not believe it: %v", err)
	}
}

func kindsOfKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	keys := map[string]crypto.Signer{"ECDSA P-256": p256, "ECDSA P-384": p384, "RSA 2048": big, "Ed25519": edwards}
	for name, key := range keys {
		if _, err := signature.LoadDefaultSigner(key); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return keys
}

// changeCiphertext flips one bit of what the password protects.
func changeCiphertext(t *testing.T, content []byte) []byte {
	t.Helper()
	var fields map[string]any
	must(t, json.Unmarshal(content, &fields))
	text := []byte(fields["ciphertext"].(string))
	text[0] = map[bool]byte{true: 'B', false: 'A'}[text[0] == 'A']
	fields["ciphertext"] = string(text)
	changed, err := json.Marshal(fields)
	must(t, err)
	return changed
}

func statement(t *testing.T) attest.Statement {
	t.Helper()
	return attest.NewStatement(subject(t), attest.Predicate{Type: "https://example.com/review/v1", Body: json.RawMessage(`{"a":"<&>"}`)})
}

func subject(t *testing.T) attest.Subject {
	t.Helper()
	digest, err := name.NewDigest("registry.example/app@sha256:" + strings.Repeat("0123456789abcdef", 4))
	must(t, err)
	s, err := attest.NewSubject(digest, "registry.example/app:1")
	must(t, err)
	return s
}

// environment has a password, unless it is nil, and further variables.
func environment(password *string, more map[string]string) sign.Environment {
	return func(name string) (string, bool) {
		if name == sign.PasswordVariable && password != nil {
			return *password, true
		}
		value, ok := more[name]
		return value, ok
	}
}

func toPEM(kind string, bytes []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}))
}

func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
