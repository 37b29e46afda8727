package verify

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Signature checks that a trusted signer signed the image itself, and returns who
// did, and when by a trusted clock if one says so.
func Signature(sig attest.Signature, subject attest.Subject, trust Trust) (signer string, at time.Time, err error) {
	refusal := errors.New("no signer is trusted")
	for i, a := range trust.authorities {
		found, err := a.check(sig)
		if err == nil {
			return found.signer, found.at, attest.CheckSigned(sig.Payload, subject)
		}
		if i == 0 || !errors.Is(err, errNotTrusted) {
			refusal = err
		}
	}
	return "", at, refusal
}

// check implements authority. A key's log entry is not looked for: the log is the
// attestations' own.
func (r keyring) check(sig attest.Signature) (opened, error) {
	for _, k := range r.keys {
		if k.verifier.VerifySignature(bytes.NewReader(sig.Signature), bytes.NewReader(sig.Payload)) == nil {
			return opened{payload: sig.Payload, signer: k.name}, nil
		}
	}
	return opened{}, errNotTrusted
}

// check implements authority.
func (i identities) check(sig attest.Signature) (opened, error) {
	if !sig.Proof.HasCertificate() {
		return opened{}, errNoCertificate
	}
	digest := sha256.Sum256(sig.Payload)
	entity, err := entityIn(&protobundle.Bundle{
		MediaType:            attest.BundleMediaType,
		VerificationMaterial: sig.Proof.Material(),
		Content: &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: digest[:]},
			Signature:     sig.Signature,
		}},
	})
	if err != nil {
		return opened{}, err
	}
	return i.judge(i.root.material, claim{
		entity: entity, proof: sig.Proof, signatures: 1, about: sigverify.WithArtifact(bytes.NewReader(sig.Payload)), payload: sig.Payload,
	})
}
