package sign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// SignImage signs the subject itself, as cosign sign does, for a version if one is given.
func (k Key) SignImage(ctx context.Context, s attest.Subject, version string) (attest.Signature, error) {
	signed, err := k.signImage(ctx, s, version)
	if err != nil {
		return attest.Signature{}, fmt.Errorf("signing %s: %w", s, err)
	}
	return signed, nil
}

func (k Key) signImage(ctx context.Context, s attest.Subject, version string) (attest.Signature, error) {
	payload, err := attest.SigningPayload(s, version)
	if err != nil {
		return attest.Signature{}, err
	}
	signature, err := k.signer.SignMessage(bytes.NewReader(payload), options.WithContext(ctx))
	if err != nil {
		return attest.Signature{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return attest.Signature{}, err
	}
	material := &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_PublicKey{
		PublicKey: &protocommon.PublicKeyIdentifier{Hint: attest.KeyHint(der)},
	}}
	return k.services.vouchFor(ctx, payload, signature, material, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// SignImage signs the subject itself, as cosign sign does, for a version if one is given.
func (k *Keyless) SignImage(ctx context.Context, s attest.Subject, version string) (attest.Signature, error) {
	signed, err := k.signImage(ctx, s, version)
	if err != nil {
		return attest.Signature{}, fmt.Errorf("signing %s: %w", s, err)
	}
	return signed, nil
}

func (k *Keyless) signImage(ctx context.Context, s attest.Subject, version string) (attest.Signature, error) {
	payload, err := attest.SigningPayload(s, version)
	if err != nil {
		return attest.Signature{}, err
	}
	leaf, err := k.certificate(ctx)
	if err != nil {
		return attest.Signature{}, err
	}
	signature, _, err := k.pair.SignData(ctx, payload)
	if err != nil {
		return attest.Signature{}, err
	}
	material := &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_Certificate{
		Certificate: &protocommon.X509Certificate{RawBytes: leaf.Raw},
	}}
	return k.services.vouchFor(ctx, payload, signature, material, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}))
}

// vouchFor adds to the signature of a payload what the services vouch for.
func (s Services) vouchFor(ctx context.Context, payload, signature []byte, material *protobundle.VerificationMaterial, holder []byte) (attest.Signature, error) {
	if err := s.stamp(ctx, signature, material); err != nil {
		return attest.Signature{}, err
	}
	digest := sha256.Sum256(payload)
	bundle := &protobundle.Bundle{
		MediaType:            attest.BundleMediaType,
		VerificationMaterial: material,
		Content: &protobundle.Bundle_MessageSignature{MessageSignature: &protocommon.MessageSignature{
			MessageDigest: &protocommon.HashOutput{Algorithm: protocommon.HashAlgorithm_SHA2_256, Digest: digest[:]},
			Signature:     signature,
		}},
	}
	for _, l := range s.Logs {
		if err := s.record(ctx, l, bundle, holder); err != nil {
			return attest.Signature{}, err
		}
	}
	return attest.Signature{Payload: payload, Signature: signature, Proof: attest.NewProof(bundle.GetVerificationMaterial())}, nil
}
