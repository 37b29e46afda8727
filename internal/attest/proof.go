package attest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// BundleMediaType is the media type of the Sigstore bundles that are written:
// version 0.3
// (https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto).
const BundleMediaType = "application/vnd.dev.sigstore.bundle.v0.3+json"

// Proof is what lies beside a signature and vouches for who made it and when:
// a certificate or the hint of a key, log entries and timestamps. Its zero value
// is that of a bare signature. Nothing in it is to be believed before it was
// verified.
type Proof struct {
	material  *protobundle.VerificationMaterial
	malformed error
}

// NewProof returns the proof that verification material of a bundle makes; nil
// is none.
func NewProof(material *protobundle.VerificationMaterial) Proof { return Proof{material: material} }

// MalformedProof returns the proof that something beside a signature is, which
// cannot be read. It vouches for nothing; a signature by a key needs none.
func MalformedProof(why error) Proof { return Proof{malformed: why} }

// Malformed returns why the proof cannot be read, or nil.
func (p Proof) Malformed() error { return p.malformed }

// Material returns the verification material, or nil where there is none. It is
// not to be changed.
func (p Proof) Material() *protobundle.VerificationMaterial { return p.material }

// HasCertificate reports whether the signature comes with a certificate, and
// not with a key that its readers must have already.
func (p Proof) HasCertificate() bool {
	return len(p.Certificate()) > 0
}

// Certificate returns the signing certificate in its DER form, or nil.
func (p Proof) Certificate() []byte {
	if chain := p.material.GetX509CertificateChain().GetCertificates(); len(chain) > 0 {
		return chain[0].GetRawBytes()
	}
	return p.material.GetCertificate().GetRawBytes()
}

// NewEnvelope returns the DSSE envelope of a payload, in compact JSON and with
// one signature without a key id, as cosign writes it.
func NewEnvelope(payload, signature []byte, proof Proof) (Envelope, error) {
	raw, err := encodeDSSE(dsse{PayloadType: PayloadType, Payload: payload, Signatures: dsseSignatures{{Sig: signature}}})
	if err != nil {
		return Envelope{}, err
	}
	e, err := ParseEnvelope(raw)
	return e.WithProof(proof), err
}

func encodeDSSE(d dsse) ([]byte, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding the DSSE envelope: %w", err)
	}
	return raw, nil
}

// WithProof returns the envelope with what vouches for its signature.
func (e Envelope) WithProof(p Proof) Envelope {
	e.proof = p
	return e
}

// Proof returns what vouches for the signature, unverified.
func (e Envelope) Proof() Proof { return e.proof }

// Bundle returns the envelope and its proof as a Sigstore bundle. Without any
// proof, the bundle names a key without a hint.
func (e Envelope) Bundle() *protobundle.Bundle {
	material := e.proof.material
	if material == nil || material.GetContent() == nil {
		material = proto.CloneOf(material)
		if material == nil {
			material = &protobundle.VerificationMaterial{}
		}
		material.Content = &protobundle.VerificationMaterial_PublicKey{PublicKey: &protocommon.PublicKeyIdentifier{}}
	}
	envelope := &protodsse.Envelope{PayloadType: e.decoded.PayloadType, Payload: e.decoded.Payload}
	for _, s := range e.decoded.Signatures {
		envelope.Signatures = append(envelope.Signatures, &protodsse.Signature{Sig: s.Sig, Keyid: s.KeyID})
	}
	return &protobundle.Bundle{
		MediaType:            BundleMediaType,
		VerificationMaterial: material,
		Content:              &protobundle.Bundle_DsseEnvelope{DsseEnvelope: envelope},
	}
}

// EncodeBundle returns the envelope as the JSON of a Sigstore bundle. The same
// envelope gives the same bytes.
func (e Envelope) EncodeBundle() ([]byte, error) {
	raw, err := protojson.Marshal(e.Bundle())
	if err != nil {
		return nil, fmt.Errorf("encoding the bundle: %w", err)
	}
	var compact bytes.Buffer // protojson varies its spaces on purpose
	if err := json.Compact(&compact, raw); err != nil {
		return nil, fmt.Errorf("encoding the bundle: %w", err)
	}
	return compact.Bytes(), nil
}

// ParseBundle decodes a Sigstore bundle that holds a DSSE envelope, and checks
// its form as ParseEnvelope does. A bundle that holds the signature of a blob is
// ErrNoEnvelope.
func ParseBundle(raw []byte) (Envelope, error) {
	if len(raw) > MaxSize {
		return Envelope{}, fmt.Errorf("bundle of %d bytes is over the limit of %d (128 MiB): %w",
			len(raw), MaxSize, ErrOverBounds)
	}
	if values(raw) > maxValues {
		return Envelope{}, fmt.Errorf("bundle has more than %d values: %w", maxValues, ErrOverBounds)
	}
	var bundle protobundle.Bundle
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, &bundle); err != nil {
		return Envelope{}, fmt.Errorf("decoding the bundle: %s", plain.Line(err.Error(), 2*maxQuoted))
	}
	held := bundle.GetDsseEnvelope()
	if held == nil {
		return Envelope{}, ErrNoEnvelope
	}
	if len(held.GetSignatures()) > maxSignatures {
		return Envelope{}, tooManySignatures()
	}
	d := dsse{PayloadType: held.GetPayloadType(), Payload: held.GetPayload()}
	for _, s := range held.GetSignatures() {
		d.Signatures = append(d.Signatures, dsseSignature{KeyID: s.GetKeyid(), Sig: s.GetSig()})
	}
	encoded, err := encodeDSSE(d)
	if err != nil {
		return Envelope{}, err
	}
	e, err := ParseEnvelope(encoded)
	return e.WithProof(NewProof(bundle.GetVerificationMaterial())), err
}

// maxValues bounds the fields and list items of a bundle. Real ones have some
// hundreds, mostly of the proofs of logs; a large bundle has room for millions.
const maxValues = 10_000

// values counts what would take room once a bundle is decoded, and some more:
// separators within strings, of which base64 has none.
func values(raw []byte) int {
	return bytes.Count(raw, []byte{','}) + bytes.Count(raw, []byte{'{'}) + bytes.Count(raw, []byte{'['})
}

// ErrNoEnvelope is the error for a bundle that attests nothing: it holds the
// signature of a blob.
var ErrNoEnvelope = errors.New("bundle holds no DSSE envelope")

// KeyHint returns the hint under which bundles name a public key, given in its
// DER form: the SHA-256 of it in base64, as cosign writes it.
func KeyHint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:])
}
