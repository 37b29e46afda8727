package store_test

import (
	"slices"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// signsImage signs the image of the place, and reports which signatures are its.
func (s signer) signsImage(t *testing.T) (attest.Signature, func(attest.Signature) bool) {
	t.Helper()
	signature, err := s.key.SignImage(t.Context(), s.subject, "")
	must(t, err)
	return signature, func(other attest.Signature) bool {
		_, _, err := verify.Signature(other, s.subject, s.trust)
		return err == nil
	}
}

// All signatures of an image are over the same bytes, and so in layers of one
// digest. Each signer has one of them all the same.
func TestEachSignerHasOneSignature(t *testing.T) {
	p := newPlace(t)
	signatures := store.NewSignatures(p.options, nil)
	ours, theirs := p.signer(t), p.signer(t)
	first, mine := ours.signsImage(t)
	must(t, signatures.Attach(t.Context(), p.subject, first, mine))
	others, others2 := theirs.signsImage(t)
	must(t, signatures.Attach(t.Context(), p.subject, others, others2))
	second, _ := ours.signsImage(t)
	must(t, signatures.Attach(t.Context(), p.subject, second, mine))

	entries, err := signatures.List(t.Context(), p.subject)
	must(t, err)
	var found []string
	for _, e := range entries {
		if e.Format != store.FormatSig {
			t.Errorf("an entry of the format %s", e.Format)
		}
		if _, err := e.Envelope(); err == nil {
			t.Error("a signature was taken for an attestation")
		}
		signature, err := e.Signature()
		must(t, err)
		found = append(found, string(signature.Signature))
	}
	if want := []string{string(others.Signature), string(second.Signature)}; !slices.Equal(found, want) {
		t.Errorf("%d signatures, want theirs and our second", len(found))
	}
	attestations, err := p.att().List(t.Context(), p.subject)
	must(t, err)
	if len(attestations) != 0 {
		t.Errorf("%d attestations", len(attestations))
	}
}
