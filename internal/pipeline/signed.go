package pipeline

import (
	"context"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// SignedBy returns the name of an accepted signer who signed the subject itself, in
// either format. Where there is none, the error says whether there is anybody's
// signature at all.
func SignedBy(ctx context.Context, s attest.Subject, signatures, bundles Lister, trust verify.Trust) (string, error) {
	found := 0
	for _, from := range []Lister{signatures, bundles} {
		entries, err := from.List(ctx, s)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if e.Format != store.FormatSig && e.ClaimedType != "" && e.ClaimedType != attest.TypeSignature {
				continue // an attestation
			}
			found++
			if signer, ok := signerOf(e, s, trust); ok {
				return signer, nil
			}
		}
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return "", unsigned(found, trust)
}

// signerOf returns the accepted signer of an entry. What cannot be read has none:
// others may be there that can.
func signerOf(e store.Entry, s attest.Subject, trust verify.Trust) (string, bool) {
	if e.Format == store.FormatSig {
		signature, err := e.Signature()
		if err != nil {
			return "", false
		}
		signer, _, err := verify.Signature(signature, s, trust)
		return signer, err == nil
	}
	envelope, err := e.Envelope()
	if err != nil {
		return "", false
	}
	v, err := verify.Verify(envelope, s, trust)
	return v.Signer(), err == nil && v.PredicateType() == attest.TypeSignature
}

func unsigned(found int, trust verify.Trust) error {
	if found == 0 {
		return fault.Undecidedf("it is not signed")
	}
	return fault.Undecidedf("%s there, and none is by an accepted signer (%s)", plain.Count(found, "signature"), strings.Join(trust.Signers(), ", "))
}
