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
	var refusal, unread error
	for _, from := range []Lister{signatures, bundles} {
		entries, err := from.List(ctx, s)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if e.Unread {
				unread = e.Err
				continue
			}
			if !signs(e) {
				continue
			}
			found++
			signer, err := signerOf(e, s, trust)
			if err == nil {
				return signer, nil
			}
			if refusal == nil || verify.WrongSigner(refusal) {
				refusal = err
			}
		}
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if unread != nil {
		return "", fault.Undecidedf("no signature by an accepted signer was found, and something attached was not read: %w", unread)
	}
	return "", unsigned(found, refusal, trust)
}

// signs reports whether an entry is a signature, by what is in it.
func signs(e store.Entry) bool {
	if e.Format == store.FormatSig {
		return true
	}
	envelope, err := e.Envelope()
	if err != nil {
		return false
	}
	statement, err := attest.ParseStatement(envelope.Payload())
	return err == nil && statement.PredicateType == attest.TypeSignature
}

// signerOf returns the accepted signer of an entry. What cannot be read has none:
// others may be there that can.
func signerOf(e store.Entry, s attest.Subject, trust verify.Trust) (string, error) {
	if e.Format == store.FormatSig {
		signature, err := e.Signature()
		if err != nil {
			return "", err
		}
		signer, _, err := verify.Signature(signature, s, trust)
		return signer, err
	}
	envelope, err := e.Envelope()
	if err != nil {
		return "", err
	}
	v, err := verify.Verify(envelope, s, trust)
	return v.Signer(), err
}

// unsigned says why there is no signature to go by, and blames the signers only if
// nothing else is wrong.
func unsigned(found int, refusal error, trust verify.Trust) error {
	switch {
	case found == 0:
		return fault.Undecidedf("it is not signed")
	case !verify.WrongSigner(refusal):
		return fault.Undecidedf("%s there, and none is believed: %w", plain.Count(found, "signature"), refusal)
	}
	return fault.Undecidedf("%s there, and none is by an accepted signer (%s)", plain.Count(found, "signature"), strings.Join(trust.Signers(), ", "))
}
