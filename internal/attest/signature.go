package attest

import (
	"encoding/json"
	"errors"
	"fmt"
)

// TypeSignature is the predicate type under which a bundle signs an image, as
// cosign 3 writes it. The predicate is empty.
const TypeSignature = "https://sigstore.dev/cosign/sign/v1"

// simpleSigning is the type of the payloads that sign an image.
const simpleSigning = "cosign container image signature"

// Signature is the signature of an image itself, over a payload of simple signing
// (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md). Nothing in
// it is to be believed before it was verified.
type Signature struct {
	Payload   []byte
	Signature []byte
	Proof     Proof
}

type simplePayload struct {
	Critical struct {
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Type string `json:"type"`
	} `json:"critical"`
	Optional map[string]any `json:"optional"`
}

// SigningPayload returns the payload that signs a subject.
func SigningPayload(s Subject) ([]byte, error) {
	var p simplePayload
	p.Critical.Identity.Reference = s.Repository()
	p.Critical.Image.Digest = s.Digest().DigestStr()
	p.Critical.Type = simpleSigning
	payload, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding the payload that signs %s: %w", s, err)
	}
	return payload, nil
}

// CheckSigned returns an error unless a payload signs the subject. The reference in
// it is not compared: an image keeps its digest when it is copied.
func CheckSigned(payload []byte, s Subject) error {
	var p simplePayload
	if err := json.Unmarshal(payload, &p); err != nil {
		return errors.New("its payload is not that of a signature")
	}
	switch {
	case p.Critical.Type != simpleSigning:
		return errors.New("its payload is not that of an image's signature")
	case p.Critical.Image.Digest != s.Digest().DigestStr():
		return fmt.Errorf("it signs another image, not sha256:%s", s.Hex())
	}
	return nil
}
