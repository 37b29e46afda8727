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

// versionKey is the annotation of a signature that says for which version it was made, as
// cosign sign -a version=v3 writes it.
const versionKey = "version"

// Label is what a signature says of an image besides its digest. Of images nobody asks
// for it, since they keep their digest when they are copied. Of a set of policies it is
// what keeps another set of the same signer from taking its place.
type Label struct {
	Repository string // that it was signed in; empty: it does not say
	Version    string // tag that it was signed for; empty: it does not say
}

// SigningPayload returns the payload that signs a subject, for a version if one is given.
func SigningPayload(s Subject, version string) ([]byte, error) {
	var p simplePayload
	p.Critical.Identity.Reference = s.Repository()
	p.Critical.Image.Digest = s.Digest().DigestStr()
	p.Critical.Type = simpleSigning
	if version != "" {
		p.Optional = map[string]any{versionKey: version}
	}
	payload, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encoding the payload that signs %s: %w", s, err)
	}
	return payload, nil
}

// LabelOf returns what a payload that signs an image says besides its digest.
func LabelOf(payload []byte) Label {
	var p simplePayload
	if err := json.Unmarshal(payload, &p); err != nil {
		return Label{}
	}
	version, _ := p.Optional[versionKey].(string)
	return Label{Repository: p.Critical.Identity.Reference, Version: version}
}

// SigningPredicate returns the predicate of a statement that signs an image, for a
// version if one is given.
func SigningPredicate(version string) (Predicate, error) {
	said := map[string]string{}
	if version != "" {
		said[versionKey] = version
	}
	body, err := json.Marshal(said)
	return Predicate{Type: TypeSignature, Body: body}, err
}

// Label returns what a statement that signs an image says besides its digest.
func (st Statement) Label(s Subject) Label {
	var said map[string]any
	if err := json.Unmarshal(st.Predicate, &said); err != nil {
		return Label{}
	}
	version, _ := said[versionKey].(string)
	label := Label{Version: version}
	for _, subject := range st.Subjects {
		if subject.Digest["sha256"] == s.Hex() {
			label.Repository = subject.Name
		}
	}
	return label
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
