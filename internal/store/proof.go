package store

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Annotations in which layers under a tag carry what vouches for their signature:
// cosign's own, and one for what cosign's cannot express
// (https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md).
const (
	certificateAnnotation = "dev.sigstore.cosign/certificate"      // PEM
	promiseAnnotation     = "dev.sigstore.cosign/bundle"           // of Rekor v1
	timestampAnnotation   = "dev.sigstore.cosign/rfc3161timestamp" // one RFC 3161 response
	materialAnnotation    = "io.github.hallmark-ci.hallmark/verification-material"
)

// maxProof bounds what one layer's annotations may say, in bytes. It is far
// above what any deployment gives, and small beside a manifest.
const maxProof = 256 << 10

// promise is Rekor v1's promise to include an entry, as cosign keeps it.
type promise struct {
	SignedEntryTimestamp []byte
	Payload              promised
}

type promised struct {
	Body           string `json:"body"` // base64
	IntegratedTime int64  `json:"integratedTime"`
	LogIndex       int64  `json:"logIndex"`
	LogID          string `json:"logID"` // hex
}

// stamp is an RFC 3161 timestamp as cosign keeps it.
type stamp struct{ SignedRFC3161Timestamp []byte }

// annotate returns the annotations for a proof; none for that of a bare key.
func annotate(p attest.Proof) (map[string]string, error) {
	material := p.Material()
	out := map[string]string{}
	if p.HasCertificate() {
		out[certificateAnnotation] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Certificate()}))
	}
	stamps := material.GetTimestampVerificationData().GetRfc3161Timestamps()
	if len(stamps) > 0 {
		if err := put(out, timestampAnnotation, stamp{stamps[0].GetSignedTimestamp()}); err != nil {
			return nil, err
		}
	}
	entries := material.GetTlogEntries()
	for _, entry := range entries {
		if entry.GetInclusionPromise() == nil {
			continue
		}
		if err := put(out, promiseAnnotation, promiseOf(entry)); err != nil {
			return nil, err
		}
		break // cosign keeps one
	}
	if len(entries) == 0 && len(stamps) < 2 {
		return out, nil // said in cosign's own annotations
	}
	whole, err := protojson.Marshal(material)
	if err != nil {
		return nil, fmt.Errorf("encoding what vouches for the signature: %w", err)
	}
	out[materialAnnotation] = string(whole)
	return out, nil
}

func put(out map[string]string, key string, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding the annotation %s: %w", key, err)
	}
	out[key] = string(encoded)
	return nil
}

func promiseOf(entry *protorekor.TransparencyLogEntry) promise {
	return promise{
		SignedEntryTimestamp: entry.GetInclusionPromise().GetSignedEntryTimestamp(),
		Payload: promised{
			Body:           base64.StdEncoding.EncodeToString(entry.GetCanonicalizedBody()),
			IntegratedTime: entry.GetIntegratedTime(),
			LogIndex:       entry.GetLogIndex(),
			LogID:          hex.EncodeToString(entry.GetLogId().GetKeyId()),
		},
	}
}

// vouching returns those annotations that vouch for a signature; nil where
// there are none.
func vouching(annotations map[string]string) map[string]string {
	var out map[string]string
	for _, key := range []string{signatureAnnotation, certificateAnnotation, promiseAnnotation, timestampAnnotation, materialAnnotation} {
		if value := annotations[key]; value != "" && value != "null" {
			if out == nil {
				out = map[string]string{}
			}
			out[key] = value
		}
	}
	return out
}

// proofOf reads annotations. What is malformed is an error: a signature whose
// proof cannot be read has none.
func proofOf(annotations map[string]string) (attest.Proof, error) {
	if len(annotations) == 0 {
		return attest.Proof{}, nil
	}
	for key, value := range annotations {
		if len(value) > maxProof {
			return attest.Proof{}, fmt.Errorf("its annotation %s has %d bytes, the limit is %d", key, len(value), maxProof)
		}
	}
	material := &protobundle.VerificationMaterial{}
	if whole, ok := annotations[materialAnnotation]; ok {
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(whole), material); err != nil {
			return attest.Proof{}, fmt.Errorf("its annotation %s is malformed", materialAnnotation)
		}
		return attest.NewProof(material), nil
	}
	for _, read := range []func(map[string]string, *protobundle.VerificationMaterial) error{readCertificate, readTimestamp, readPromise} {
		if err := read(annotations, material); err != nil {
			return attest.Proof{}, err
		}
	}
	return attest.NewProof(material), nil
}

func readCertificate(annotations map[string]string, material *protobundle.VerificationMaterial) error {
	text, ok := annotations[certificateAnnotation]
	if !ok {
		return nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return errors.New("its certificate is not in PEM")
	}
	material.Content = &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: block.Bytes}}
	return nil
}

func readTimestamp(annotations map[string]string, material *protobundle.VerificationMaterial) error {
	text, ok := annotations[timestampAnnotation]
	if !ok {
		return nil
	}
	var s stamp
	if err := json.Unmarshal([]byte(text), &s); err != nil || len(s.SignedRFC3161Timestamp) == 0 {
		return errors.New("its timestamp is malformed")
	}
	material.TimestampVerificationData = &protobundle.TimestampVerificationData{
		Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: s.SignedRFC3161Timestamp}},
	}
	return nil
}

// readPromise reads Rekor v1's promise. The kind and version of the entry are in
// its body.
func readPromise(annotations map[string]string, material *protobundle.VerificationMaterial) error {
	text, ok := annotations[promiseAnnotation]
	if !ok {
		return nil
	}
	malformed := errors.New("its log entry is malformed")
	var p promise
	if json.Unmarshal([]byte(text), &p) != nil {
		return malformed
	}
	body, err := base64.StdEncoding.DecodeString(p.Payload.Body)
	if err != nil {
		return malformed
	}
	var kind struct{ Kind, APIVersion string }
	if json.Unmarshal(body, &kind) != nil {
		return malformed
	}
	id, err := hex.DecodeString(p.Payload.LogID)
	if err != nil {
		return malformed
	}
	material.TlogEntries = []*protorekor.TransparencyLogEntry{{
		LogIndex:          p.Payload.LogIndex,
		LogId:             &protocommon.LogId{KeyId: id},
		KindVersion:       &protorekor.KindVersion{Kind: kind.Kind, Version: kind.APIVersion},
		IntegratedTime:    p.Payload.IntegratedTime,
		InclusionPromise:  &protorekor.InclusionPromise{SignedEntryTimestamp: p.SignedEntryTimestamp},
		CanonicalizedBody: body,
	}}
	return nil
}
