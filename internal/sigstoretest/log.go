package sigstoretest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekorpb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	rekornote "github.com/sigstore/rekor-tiles/v2/pkg/note"
	"github.com/sigstore/rekor-tiles/v2/pkg/types/hashedrekord"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"
	formats "github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/encoding/protojson"
)

// logName is the host of the log, which its checkpoints name.
const logName = "log.example"

// payloadType is that of in-toto statements.
const payloadType = "application/vnd.in-toto+json"

// Record has the log hold the signature of a statement, by the holder of a
// certificate or of a public key.
func (d *Deployment) Record(payload, sig []byte, by any) *protorekor.TransparencyLogEntry {
	d.tb.Helper()
	verifier := &rekorpb.Verifier{KeyDetails: protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256}
	if certificate, ok := by.(*x509.Certificate); ok {
		verifier.Verifier = &rekorpb.Verifier_X509Certificate{X509Certificate: &protocommon.X509Certificate{RawBytes: certificate.Raw}}
	} else {
		der, err := x509.MarshalPKIXPublicKey(by)
		d.must(err)
		verifier.Verifier = &rekorpb.Verifier_PublicKey{PublicKey: &rekorpb.PublicKey{RawBytes: der}}
	}
	digest := sha256.Sum256(dsse.PAE(payloadType, payload))
	entry, err := d.add(&rekorpb.HashedRekordRequestV002{
		Digest: digest[:], Signature: &rekorpb.Signature{Content: sig, Verifier: verifier},
	})
	d.must(err)
	return entry
}

// add checks a request as Rekor does and logs it, each as the first entry of a
// tree of its own.
func (d *Deployment) add(request *rekorpb.HashedRekordRequestV002) (*protorekor.TransparencyLogEntry, error) {
	algorithms, err := signature.NewAlgorithmRegistryConfig([]protocommon.PublicKeyDetails{protocommon.PublicKeyDetails_PKIX_ECDSA_P256_SHA_256})
	if err != nil {
		return nil, err
	}
	logged, err := hashedrekord.ToLogEntry(request, algorithms)
	if err != nil {
		return nil, err
	}
	encoded, err := protojson.Marshal(logged)
	if err != nil {
		return nil, err
	}
	body, err := jsoncanonicalizer.Transform(encoded)
	if err != nil {
		return nil, err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(body)
	checkpoint, err := d.checkpoint(leaf)
	if err != nil {
		return nil, err
	}
	return &protorekor.TransparencyLogEntry{
		LogId:             &protocommon.LogId{KeyId: d.logID(d.logKey)},
		KindVersion:       &protorekor.KindVersion{Kind: logged.GetKind(), Version: logged.GetApiVersion()},
		InclusionProof:    &protorekor.InclusionProof{TreeSize: 1, RootHash: leaf, Checkpoint: &protorekor.Checkpoint{Envelope: checkpoint}},
		CanonicalizedBody: body,
	}, nil
}

func (d *Deployment) checkpoint(rootHash []byte) (string, error) {
	key, err := signature.LoadECDSASignerVerifier(d.logKey, crypto.SHA256)
	if err != nil {
		return "", err
	}
	signer, err := rekornote.NewNoteSigner(context.Background(), logName, key)
	if err != nil {
		return "", err
	}
	text := formats.Checkpoint{Origin: logName, Size: 1, Hash: rootHash}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
	return string(signed), err
}

// decode reads the request of Rekor v2's API.
func decode(body []byte) (*rekorpb.HashedRekordRequestV002, error) {
	var request rekorpb.CreateEntryRequest
	if err := protojson.Unmarshal(bytes.TrimSpace(body), &request); err != nil {
		return nil, err
	}
	if request.GetHashedRekordRequestV002() == nil {
		return nil, errors.New("no request of the kind hashedrekord")
	}
	return request.GetHashedRekordRequestV002(), nil
}

// log is a log as a trusted root names it.
func (d *Deployment) log(key *ecdsa.PrivateKey) *root.TransparencyLog {
	return &root.TransparencyLog{
		BaseURL: "https://" + logName, ID: d.logID(key), ValidityPeriodStart: d.start, ValidityPeriodEnd: d.end,
		HashFunc: crypto.SHA256, PublicKey: key.Public(), SignatureHashFunc: crypto.SHA256,
	}
}

func (d *Deployment) logID(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	d.must(err)
	id := sha256.Sum256(der)
	return id[:]
}
