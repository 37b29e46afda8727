package attest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	ssldsse "github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// PayloadType is the DSSE payload type of every in-toto statement.
const PayloadType = "application/vnd.in-toto+json"

// MaxSize bounds one attestation or predicate, in bytes: 128 MiB, the bound
// that cosign's readers keep too.
const MaxSize = 128 << 20

// maxSignatures bounds the signatures of one envelope. Each of them is tried with
// each trusted key.
const maxSignatures = 16

// maxQuoted bounds what an error quotes from an envelope or a statement, in
// bytes.
const maxQuoted = 100

// Envelope is a signed statement as it lies in a registry: the raw bytes of a
// DSSE envelope. Nothing in it is to be believed before it was verified.
type Envelope struct {
	raw     []byte
	digest  string
	decoded dsse
	proof   Proof
}

type dsse struct {
	PayloadType string         `json:"payloadType"`
	Payload     encoded        `json:"payload"`
	Signatures  dsseSignatures `json:"signatures"`
}

type dsseSignatures []dsseSignature

// UnmarshalJSON implements json.Unmarshaler. It stops at the first signature that
// is too many: a large envelope has room for millions.
func (s *dsseSignatures) UnmarshalJSON(raw []byte) error {
	*s = nil
	decoder := json.NewDecoder(bytes.NewReader(raw))
	start, err := decoder.Token()
	if err != nil || start == nil {
		return err
	}
	if start != json.Delim('[') {
		return errors.New("its signatures are not a list")
	}
	for decoder.More() {
		if len(*s) == maxSignatures {
			return tooManySignatures()
		}
		var signature dsseSignature
		if err := decoder.Decode(&signature); err != nil {
			return err
		}
		*s = append(*s, signature)
	}
	return nil
}

type dsseSignature struct {
	KeyID string  `json:"keyid"`
	Sig   encoded `json:"sig"`
}

// encoded is bytes in base64, in either of the two alphabets that DSSE lets
// verifiers take: whoever changes the one to the other has not made another
// attestation of it.
type encoded []byte

// UnmarshalJSON implements json.Unmarshaler.
func (b *encoded) UnmarshalJSON(raw []byte) error {
	var standard []byte
	err := json.Unmarshal(raw, &standard)
	if err == nil {
		*b = standard
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return err
	}
	safe, safeErr := base64.URLEncoding.DecodeString(text)
	if safeErr != nil {
		return err
	}
	*b = safe
	return nil
}

func tooManySignatures() error {
	return fmt.Errorf("it has more than %d signatures, which is %w", maxSignatures, ErrOverBounds)
}

// ParseEnvelope decodes a DSSE envelope and checks its form: the payload type
// of in-toto, a payload, 1 to 16 signatures, and at most MaxSize bytes. What has
// more than that is ErrOverBounds.
func ParseEnvelope(raw []byte) (Envelope, error) {
	if len(raw) > MaxSize {
		return Envelope{}, fmt.Errorf("envelope of %d bytes is over the limit of %d (128 MiB): %w",
			len(raw), MaxSize, ErrOverBounds)
	}
	sum := sha256.Sum256(raw)
	e := Envelope{raw: raw, digest: "sha256:" + hex.EncodeToString(sum[:])}
	if err := json.Unmarshal(raw, &e.decoded); err != nil {
		return Envelope{}, fmt.Errorf("decoding the DSSE envelope: %w", err)
	}
	switch {
	case e.decoded.PayloadType != PayloadType:
		return Envelope{}, fmt.Errorf("payload type %q is not %s", plain.Line(e.decoded.PayloadType, maxQuoted), PayloadType)
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

// Signatures returns the number of signatures, verified or not.
func (e Envelope) Signatures() int { return len(e.decoded.Signatures) }

// Digest returns the SHA-256 of the raw envelope as sha256:<hex>, which is also
// the digest of the layer that holds it under a tag.
func (e Envelope) Digest() string { return e.digest }

// DSSE returns the envelope in the form that libraries verify, unverified.
func (e Envelope) DSSE() *ssldsse.Envelope {
	out := &ssldsse.Envelope{PayloadType: e.decoded.PayloadType, Payload: base64.StdEncoding.EncodeToString(e.decoded.Payload)}
	for _, s := range e.decoded.Signatures {
		out.Signatures = append(out.Signatures, ssldsse.Signature{KeyID: s.KeyID, Sig: base64.StdEncoding.EncodeToString(s.Sig)})
	}
	return out
}
