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

// ImageSignature is a signature of an image itself, by an accepted signer.
type ImageSignature struct {
	Signer string
	Label  attest.Label
}

// SignedBy returns the name of an accepted signer who signed the subject itself, in
// either format. Where there is none, the error says whether there is anybody's
// signature at all.
func SignedBy(ctx context.Context, s attest.Subject, signatures, bundles Lister, trust verify.Trust) (string, error) {
	all, err := ImageSignatures(ctx, s, signatures, bundles, trust)
	if err != nil {
		return "", err
	}
	return all[0].Signer, nil
}

// ImageSignatures returns the signatures of the subject itself by accepted signers, in
// either format: at least one. Where there is none, the error says whether there is
// anybody's at all.
func ImageSignatures(
	ctx context.Context, s attest.Subject, signatures, bundles Lister, trust verify.Trust,
) ([]ImageSignature, error) {
	found := 0
	var accepted []ImageSignature
	var refusal, unread error
	for _, from := range []Lister{signatures, bundles} {
		entries, err := from.List(ctx, s)
		if err != nil {
			return nil, err
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
			one, err := accept(e, s, trust)
			if err == nil {
				accepted = append(accepted, one)
			} else if refusal == nil || verify.WrongSigner(refusal) {
				refusal = err
			}
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case len(accepted) > 0:
		return accepted, nil
	case unread != nil:
		return nil, fault.Undecidedf("no signature by an accepted signer was found, and something attached was not read: %w", unread)
	}
	return nil, unsigned(found, refusal, trust)
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

// accept returns what an accepted signer signed. What cannot be read nobody signed:
// others may be there that can.
func accept(e store.Entry, s attest.Subject, trust verify.Trust) (ImageSignature, error) {
	if e.Format == store.FormatSig {
		signature, err := e.Signature()
		if err != nil {
			return ImageSignature{}, err
		}
		signer, _, err := verify.Signature(signature, s, trust)
		return ImageSignature{Signer: signer, Label: attest.LabelOf(signature.Payload)}, err
	}
	v, err := VerifyEntry(e, s, trust)
	if err != nil {
		return ImageSignature{}, err
	}
	return ImageSignature{Signer: v.Signer(), Label: v.Statement().Label(s)}, nil
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
