package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// PayloadType is the DSSE payload type of every in-toto statement.
const PayloadType = "application/vnd.in-toto+json"

// MaxSize bounds one attestation or predicate, in bytes: 128 MiB, the bound
// that cosign's readers keep too.
const MaxSize = 128 << 20

// Envelope is a signed statement as it lies in a registry: the raw bytes of a
// DSSE envelope. Nothing in it is to be believed before it was verified.
type Envelope struct {
	raw     []byte
	decoded dsse
}

type dsse struct {
	PayloadType string          `json:"payloadType"`
	Payload     []byte          `json:"payload"` // base64 in JSON
	Signatures  []dsseSignature `json:"signatures"`
}

type dsseSignature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// ParseEnvelope decodes a DSSE envelope and checks its form: the payload type
// of in-toto, a payload, at least one signature, and at most MaxSize bytes.
func ParseEnvelope(raw []byte) (Envelope, error) {
	if len(raw) > MaxSize {
		return Envelope{}, fmt.Errorf("envelope of %d bytes is over the limit of %d (128 MiB)", len(raw), MaxSize)
	}
	e := Envelope{raw: raw}
	if err := json.Unmarshal(raw, &e.decoded); err != nil {
		return Envelope{}, fmt.Errorf("decoding the DSSE envelope: %w", err)
	}
	switch {
	case e.decoded.PayloadType != PayloadType:
		return Envelope{}, fmt.Errorf("payload type %q is not %s", e.decoded.PayloadType, PayloadType)
	case len(e.decoded.Payload) == 0:
		return Envelope{}, errors.New("envelope has no payload")
	case len(e.decoded.Signatures) == 0:
		return Envelope{}, errors.New("envelope has no signature")
	}
	return e, nil
}

// Raw returns the envelope's bytes, as signed and stored.
func (e Envelope) Raw() []byte { return e.raw }

// Payload returns the statement's bytes, unverified.
func (e Envelope) Payload() []byte { return e.decoded.Payload }

// Digest returns the SHA-256 of the raw envelope as sha256:<hex>, which is also
// the digest of the layer that holds it.
func (e Envelope) Digest() string {
	sum := sha256.Sum256(e.raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}
