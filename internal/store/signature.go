package store

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/sigstore/cosign/v2/pkg/oci"
	ocistatic "github.com/sigstore/cosign/v2/pkg/oci/static"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// FormatSig is the format of signatures of the image itself: layers of the tag
// sha256-<hex>.sig.
const FormatSig Format = "sig"

// signatureAnnotation holds the signature of a layer's content, in base64.
const signatureAnnotation = "dev.cosignproject.cosign/signature"

// maxPayload bounds a payload of simple signing, in bytes.
const maxPayload = 64 << 10

// Signatures is the store of cosign's signatures of images.
type Signatures struct{ tag Att }

// NewSignatures returns the store. Signatures lie in target, or beside the image if
// target is nil.
func NewSignatures(options []remote.Option, target *name.Repository) Signatures {
	return Signatures{tag: Att{remote: options, target: target, signatures: true, known: &memory{}, own: &writes{}}}
}

// Format returns sig.
func (s Signatures) Format() Format { return FormatSig }

// List returns the signatures of a subject.
func (s Signatures) List(ctx context.Context, subject attest.Subject) ([]Entry, error) {
	return s.tag.List(ctx, subject)
}

// Attach writes a signature of a subject. mine tells whether one that is already
// there gives way; all others are kept. It promises what Att.Attach does: where a
// job of the same signer does so at once, one of the two signatures is there.
func (s Signatures) Attach(ctx context.Context, subject attest.Subject, signature attest.Signature, mine func(attest.Signature) bool) error {
	annotations, err := annotate(signature.Proof)
	if err != nil {
		return fmt.Errorf("attaching the signature to %s: %w", subject, err)
	}
	layer, err := ocistatic.NewSignature(signature.Payload, base64.StdEncoding.EncodeToString(signature.Signature),
		ocistatic.WithAnnotations(annotations))
	if err != nil {
		return fmt.Errorf("attaching the signature to %s: %w", subject, err)
	}
	w, err := s.tag.newWriter(ctx, subject, []oci.Signature{layer})
	if err != nil {
		return fmt.Errorf("attaching the signature to %s: %w", subject, err)
	}
	w.judge = signatureJudge{mine}
	w.ranks = []rank{{name: layerNames(w.added)[0]}}
	watched, err := settle(ctx, subject, w, s.tag.own, func() []string { return nil })
	if err != nil {
		return err
	}
	_, err = watched.Settle()
	return err
}

// Signature returns the signature in an entry of the format sig.
func (e Entry) Signature() (attest.Signature, error) {
	switch {
	case e.Err != nil:
		return attest.Signature{}, e.Err
	case e.Format != FormatSig:
		return attest.Signature{}, errors.New("it is an attestation, not a signature")
	case len(e.Raw) > maxPayload:
		return attest.Signature{}, fmt.Errorf("its payload has %d bytes, the limit is %d", len(e.Raw), maxPayload)
	}
	signature, err := base64.StdEncoding.DecodeString(e.vouching[signatureAnnotation])
	if err != nil || len(signature) == 0 {
		return attest.Signature{}, errors.New("its annotation holds no signature")
	}
	proof, err := proofOf(e.vouching)
	if err != nil {
		proof = attest.MalformedProof(err)
	}
	return attest.Signature{Payload: e.Raw, Signature: signature, Proof: proof}, nil
}

// signatureJudge lets this signer's earlier signatures give way.
type signatureJudge struct {
	mine func(attest.Signature) bool
}

func (j signatureJudge) worthReading(e Entry) bool { return e.Err == nil && e.Size <= maxPayload }

func (j signatureJudge) givesWay(e Entry) (rank, bool, error) {
	signature, err := e.Signature()
	return rank{name: e.layerName()}, err == nil && j.mine(signature), nil
}
