package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// SignatureStore keeps signatures of images, as cosign sign writes them.
type SignatureStore interface {
	List(ctx context.Context, s attest.Subject) ([]store.Entry, error)
	Attach(ctx context.Context, s attest.Subject, signature attest.Signature, mine func(attest.Signature) bool) error
}

// Sign signs the image or the index itself and attaches that in every format of
// the stores: as the signature that cosign reads, and as a bundle that says the
// same. The result names the signer, as read back and verified.
func Sign(ctx context.Context, reference string, rooms Rooms) (Result, error) {
	return SignVersion(ctx, reference, "", rooms)
}

// SignVersion is Sign, for a version: the signature says which, and replaces only this
// signer's earlier one for the same.
func SignVersion(ctx context.Context, reference, version string, rooms Rooms) (Result, error) {
	r := newRun(Job{Reference: reference, Push: true}, rooms)
	r.version = version
	if err := r.resolve(ctx); err != nil {
		return r.result, err
	}
	if err := r.identify(); err != nil {
		return r.result, err
	}
	signer, err := r.signImage(ctx)
	r.result.Signed = signer
	return r.result, err
}

// signImage leaves a signature of the subject. There is one for each signer and version:
// a new one replaces this signer's earlier one.
func (r *run) signImage(ctx context.Context) (signer string, err error) {
	end := r.stage("sign")
	defer func() { end("the image itself", err) }()
	for _, s := range r.Stores {
		if s.Format() == store.FormatAtt {
			signer, err = r.signTag(ctx)
		} else {
			signer, err = r.signBundle(ctx, s)
		}
		if err != nil {
			return "", err
		}
	}
	return signer, nil
}

// signTag writes the signature that every cosign reads.
func (r *run) signTag(ctx context.Context) (string, error) {
	subject := r.result.Subject
	signature, err := r.Signer.SignImage(ctx, subject, r.version)
	if err != nil {
		return "", err
	}
	mine := func(other attest.Signature) bool {
		return r.Own.WroteSignature(other, subject) && attest.LabelOf(other.Payload).Version == r.version
	}
	if err := r.Signatures.Attach(ctx, subject, signature, mine); err != nil {
		return "", err
	}
	entries, err := r.Signatures.List(ctx, subject)
	if err != nil {
		return "", err
	}
	// One of another job of this signer may have taken the place of this run's, and
	// says the same.
	refusal := errors.New("it is not there")
	for _, e := range entries {
		found, err := e.Signature()
		if err != nil || !mine(found) {
			continue
		}
		signer, _, err := verify.Signature(found, subject, r.Own)
		if err == nil {
			return signer, nil
		}
		refusal = err
	}
	return "", fmt.Errorf("verifying the signature of %s: %w", subject, refusal)
}

// mineOfVersion reports whether an envelope is this signer's signature for the version.
func (r *run) mineOfVersion(e attest.Envelope) bool {
	statement, err := attest.ParseStatement(e.Payload())
	return err == nil && r.wrote(e) && statement.Label(r.result.Subject).Version == r.version
}

// signBundle writes the signature as a statement without a predicate.
func (r *run) signBundle(ctx context.Context, s Store) (string, error) {
	subject := r.result.Subject
	predicate, err := attest.SigningPredicate(r.version)
	if err != nil {
		return "", err
	}
	statement := attest.NewStatement(subject, predicate)
	statement.Type = s.StatementType()
	envelope, err := r.Signer.Sign(ctx, statement)
	if err != nil {
		return "", err
	}
	signed := store.Signed{PredicateType: attest.TypeSignature, Envelope: envelope}
	receipt, err := r.attachOnce(ctx, s, []store.Signed{signed}, r.mineOfVersion)
	if err != nil {
		return "", err
	}
	r.noteStale(receipt)
	examined, err := Examine(ctx, s, subject, r.Trust())
	if err != nil {
		return "", err
	}
	found, err := r.own(examined, signed)
	return found.Signer(), err
}
