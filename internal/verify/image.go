package verify

import (
	"bytes"
	"crypto/sha256"
	"io"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Signature checks that a trusted signer signed the image itself, and returns who
// did, and when by a trusted clock if one says so.
func Signature(sig attest.Signature, subject attest.Subject, trust Trust) (signer string, at time.Time, err error) {
	found, err := trust.ask(func(a authority) (opened, error) { return a.check(sig) })
	if err != nil {
		return "", at, err
	}
	if err := attest.CheckSigned(sig.Payload, subject); err != nil {
		return "", at, err
	}
	return found.signer, found.at, nil
}

// Blob checks that a trusted signer signed some bytes, as cosign sign-blob does, and
// returns who did.
func Blob(sig attest.Signature, trust Trust) (signer string, err error) {
	found, err := trust.ask(func(a authority) (opened, error) { return a.check(sig) })
	return found.signer, err
}

// Stream checks that a trusted key signed what open gives, as cosign sign-blob does, and
// returns whose it is. It reads all of it once for each key, and keeps nothing of it.
func Stream(sig []byte, open func() (io.ReadCloser, error), trust Trust) (signer string, err error) {
	for _, a := range trust.authorities {
		ring, ok := a.(keyring)
		if !ok {
			continue
		}
		for _, k := range ring.keys {
			content, err := open()
			if err != nil {
				return "", err
			}
			fits := k.verifier.VerifySignature(bytes.NewReader(sig), content) == nil
			if err := content.Close(); err != nil {
				return "", err
			}
			if fits {
				return k.name, nil
			}
		}
	}
	return "", errNotTrusted
}

// check implements authority.
func (r keyring) check(sig attest.Signature) (opened, error) {
	k, ok := r.signerOf(sig)
	if !ok {
		return opened{}, errNotTrusted
	}
	found := opened{payload: sig.Payload, signer: k.name}
	if r.log == nil {
		return found, nil
	}
	if err := sig.Proof.Malformed(); err != nil {
		return opened{}, err
	}
	entity, err := entityIn(messageBundle(sig, k.material(sig.Proof)))
	if err != nil {
		return opened{}, err
	}
	return r.entered(found, k, entity, sig.Proof)
}

// signerOf returns the key that made a signature.
func (r keyring) signerOf(sig attest.Signature) (trustedKey, bool) {
	for _, k := range r.keys {
		if k.verifier.VerifySignature(bytes.NewReader(sig.Signature), bytes.NewReader(sig.Payload)) == nil {
			return k, true
		}
	}
	return trustedKey{}, false
}

// messageBundle returns a signature of a payload in the form of a bundle.
func messageBundle(sig attest.Signature, material *protobundle.VerificationMaterial) *protobundle.Bundle {
	digest := sha256.Sum256(sig.Payload)
	return &protobundle.Bundle{
		MediaType:            attest.BundleMediaType,
		VerificationMaterial: material,
		Content: &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: digest[:]},
			Signature:     sig.Signature,
		}},
	}
}

// check implements authority.
func (i identities) check(sig attest.Signature) (opened, error) {
	if err := sig.Proof.Malformed(); err != nil {
		return opened{}, err
	}
	if !sig.Proof.HasCertificate() {
		return opened{}, errNoCertificate
	}
	entity, err := entityIn(messageBundle(sig, sig.Proof.Material()))
	if err != nil {
		return opened{}, err
	}
	return i.judge(i.root.material, claim{
		entity: entity, proof: sig.Proof, signatures: 1, about: sigverify.WithArtifact(bytes.NewReader(sig.Payload)), payload: sig.Payload,
	})
}
