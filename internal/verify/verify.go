// Package verify decides what may be believed. It takes an envelope as a
// registry gave it, the subject it should be about and the signers that are
// trusted, and returns a Verified or the reason why not.
//
// A Verified cannot be made anywhere else: its fields are unexported. Whoever
// holds one knows that the signature, the payload type, the statement type and
// the subject's digest were all checked.
package verify

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Verified is a statement whose signature by a trusted signer was checked and
// whose subject is the image asked about.
type Verified struct {
	statement attest.Statement
	payload   []byte
	envelope  attest.Envelope
	signer    string
}

// Statement returns the verified statement.
func (v Verified) Statement() attest.Statement { return v.statement }

// PredicateType returns the URI of the statement's predicate type.
func (v Verified) PredicateType() string { return v.statement.PredicateType }

// Payload returns the statement's bytes exactly as they were signed.
func (v Verified) Payload() []byte { return v.payload }

// Envelope returns the envelope that was verified.
func (v Verified) Envelope() attest.Envelope { return v.envelope }

// Signer names the trusted signer whose signature was found.
func (v Verified) Signer() string { return v.signer }

// Trust is the set of signers that are believed. Its zero value believes
// nobody.
type Trust struct {
	keys []trustedKey
}

type trustedKey struct {
	verifier signature.Verifier
	name     string
}

// TrustKeys returns a Trust in the holders of the given public keys. At least
// one is required.
func TrustKeys(first crypto.PublicKey, more ...crypto.PublicKey) (Trust, error) {
	var t Trust
	for _, public := range append([]crypto.PublicKey{first}, more...) {
		// Ed25519ph as cosign signs with such keys.
		verifier, err := signature.LoadDefaultVerifier(public, options.WithED25519ph())
		if err != nil {
			return Trust{}, fmt.Errorf("loading a public key: %w", err)
		}
		name, err := KeyName(public)
		if err != nil {
			return Trust{}, err
		}
		t.keys = append(t.keys, trustedKey{verifier: verifier, name: name})
	}
	return t, nil
}

// KeyName returns the name under which a key's holder is shown: key and the
// SHA-256 of the public key in its DER form.
func KeyName(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("naming a public key: %w", err)
	}
	sum := sha256.Sum256(der)
	return "key sha256:" + hex.EncodeToString(sum[:]), nil
}

// Signers returns the names of the trusted signers.
func (t Trust) Signers() []string {
	names := make([]string, len(t.keys))
	for i, k := range t.keys {
		names[i] = k.name
	}
	return names
}

// Verify checks, in this order: that a trusted signer signed the envelope over
// the payload type of in-toto, that the payload is a statement of a known
// version, and that the subject is among the artifacts it is about. The error
// says which of them did not hold.
func Verify(e attest.Envelope, subject attest.Subject, trust Trust) (Verified, error) {
	payload, signer, err := trust.open(e)
	if err != nil {
		return Verified{}, err
	}
	statement, err := attest.ParseStatement(payload)
	if err != nil {
		return Verified{}, err
	}
	if !statement.About(subject) {
		return Verified{}, fmt.Errorf("statement is about another image, not sha256:%s", subject.Hex())
	}
	return Verified{statement: statement, payload: payload, envelope: e, signer: signer}, nil
}

// open returns the payload as the signature covers it, and the signer's name.
func (t Trust) open(e attest.Envelope) (payload []byte, signer string, err error) {
	if len(t.keys) == 0 {
		return nil, "", errors.New("no signer is trusted")
	}
	for _, k := range t.keys {
		verifier := dsse.WrapVerifier(k.verifier,
			dsse.WithExpectedPayloadType(attest.PayloadType), dsse.WithDecodedPayload(&payload))
		if verifier.VerifySignature(bytes.NewReader(e.Raw()), nil) == nil {
			return payload, k.name, nil
		}
	}
	return nil, "", errors.New("not signed by a trusted signer")
}
