package verify

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	ssldsse "github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/dsse"
	"github.com/sigstore/sigstore/pkg/signature/options"
	"google.golang.org/protobuf/proto"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// errNotTrusted is the refusal of a signature that no trusted key made. Whether
// another key made it or its content was changed since cannot be told apart.
var errNotTrusted = errors.New("not signed by a trusted signer")

// errNamesAnother is the refusal of a signature of a trusted key that names another
// one. Other readers do not try it either.
var errNamesAnother = fmt.Errorf("%w: a trusted key made its signature, which names another key (keyid)", errNotTrusted)

// errDoesNotFit is the refusal of a signature in the name of a trusted key.
var errDoesNotFit = errors.New("it names a trusted key, whose signature does not fit: " + doesNotFit)

const doesNotFit = "its content was changed after signing, or another key signed it"

// keyring believes the holders of keys.
type keyring struct {
	keys []trustedKey
	log  *Root // its log must hold each signature; nil: not asked for
}

type trustedKey struct {
	verifier signature.Verifier
	name     string
	hint     string // under which bundles name it
}

// TrustKeys returns a Trust in the holders of the given public keys. At least
// one is required.
func TrustKeys(first crypto.PublicKey, more ...crypto.PublicKey) (Trust, error) {
	ring, err := newKeyring(first, more...)
	if err != nil {
		return Trust{}, err
	}
	return Trust{authorities: []authority{ring}}, nil
}

// TrustLoggedKeys is TrustKeys, for signatures that a transparency log of the
// root holds and for no others.
func TrustLoggedKeys(log Root, first crypto.PublicKey, more ...crypto.PublicKey) (Trust, error) {
	if err := log.mustHaveLog(); err != nil {
		return Trust{}, err
	}
	ring, err := newKeyring(first, more...)
	if err != nil {
		return Trust{}, err
	}
	ring.log = &log
	return Trust{authorities: []authority{ring}}, nil
}

func newKeyring(first crypto.PublicKey, more ...crypto.PublicKey) (keyring, error) {
	var ring keyring
	for _, public := range append([]crypto.PublicKey{first}, more...) {
		// Ed25519ph as cosign signs with such keys.
		verifier, err := signature.LoadDefaultVerifier(public, options.WithED25519ph())
		if err != nil {
			return keyring{}, fmt.Errorf("loading a public key: %w", err)
		}
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			return keyring{}, fmt.Errorf("naming a public key: %w", err)
		}
		ring.keys = append(ring.keys, trustedKey{verifier: verifier, name: keyName(der), hint: attest.KeyHint(der)})
	}
	return ring, nil
}

// KeyName returns the name under which a key's holder is shown: key and the
// SHA-256 of the public key in its DER form.
func KeyName(public crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", fmt.Errorf("naming a public key: %w", err)
	}
	return keyName(der), nil
}

func keyName(der []byte) string {
	sum := sha256.Sum256(der)
	return "key sha256:" + hex.EncodeToString(sum[:])
}

func (r keyring) names() []string {
	names := make([]string, len(r.keys))
	for i, k := range r.keys {
		names[i] = k.name
	}
	return names
}

// signed reports whether one of the signatures of an envelope is of this key, as
// cosign and the Policy Controller have it: one that names another key is not tried.
func (k trustedKey) signed(envelope *ssldsse.Envelope) bool {
	public, err := k.verifier.PublicKey()
	if err != nil {
		return false
	}
	verifier, err := ssldsse.NewEnvelopeVerifier(&dsse.VerifierAdapter{SignatureVerifier: k.verifier, Pub: public})
	if err != nil {
		return false
	}
	_, err = verifier.Verify(context.Background(), envelope) // nothing of it waits
	return err == nil
}

// withoutKeyIDs returns an envelope whose signatures name no key: each is tried.
func withoutKeyIDs(e attest.Envelope) *ssldsse.Envelope {
	envelope := e.DSSE()
	for i := range envelope.Signatures {
		envelope.Signatures[i].KeyID = ""
	}
	return envelope
}

func (r keyring) open(e attest.Envelope) (opened, error) {
	hint := e.Proof().Material().GetPublicKey().GetHint()
	refusal := errNotTrusted
	envelope := e.DSSE()
	for _, k := range r.keys {
		if k.signed(envelope) {
			return r.logged(e, k)
		}
		switch {
		case k.signed(withoutKeyIDs(e)):
			refusal = errNamesAnother
		case hint != "" && hint == k.hint:
			refusal = errDoesNotFit
		}
	}
	return opened{}, refusal
}

// logged returns what a key's signature covers, once the log holds it if that
// is asked for.
func (r keyring) logged(e attest.Envelope, k trustedKey) (opened, error) {
	found := opened{payload: e.Payload(), signer: k.name}
	if r.log == nil {
		return found, nil
	}
	if err := e.Proof().Malformed(); err != nil {
		return opened{}, err
	}
	if n := e.Signatures(); n != 1 {
		return opened{}, fmt.Errorf("it has %d signatures, and a log holds one", n)
	}
	entity, err := entityOf(heldBy(k, e))
	if err != nil {
		return opened{}, err
	}
	return r.entered(found, k, entity, e.Proof())
}

// entered returns what a key's signature covers, once the log holds its entry.
func (r keyring) entered(found opened, k trustedKey, entity *bundle.Bundle, proof attest.Proof) (opened, error) {
	key := root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) {
		return root.NewExpiringKey(k.verifier, time.Time{}, time.Time{}), nil
	})
	stamps, err := sigverify.VerifyTlogEntry(entity, root.TrustedMaterialCollection{r.log.material, key}, 1, true)
	if err != nil {
		return opened{}, explainLog(proof, err.Error())
	}
	if len(stamps) > 0 {
		found.at = stamps[0].Time
	}
	return found, nil
}

// heldBy returns the envelope as one of a key and of nobody else: the entry of the
// log must name that key, and not a certificate that somebody put beside the
// signature.
func heldBy(k trustedKey, e attest.Envelope) attest.Envelope {
	return e.WithProof(attest.NewProof(k.material(e.Proof())))
}

// material returns what vouches for a signature of this key.
func (k trustedKey) material(proof attest.Proof) *protobundle.VerificationMaterial {
	material := proto.CloneOf(proof.Material())
	if material == nil {
		material = &protobundle.VerificationMaterial{}
	}
	material.Content = &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{Hint: k.hint}}
	return material
}
