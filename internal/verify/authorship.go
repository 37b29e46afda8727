package verify

import (
	"bytes"
	"crypto/x509"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Wrote reports whether one of the signers signed an envelope about the subject,
// whoever else signed it and whatever vouches for it. Other signatures, log entries,
// timestamps and key ids can be added and removed by whoever may push, so they do
// not change whose attestation it is, and by that what its signer may replace.
//
// It is no reason to believe the envelope: that is Verify.
func (t Trust) Wrote(e attest.Envelope, subject attest.Subject) (attest.Statement, bool) {
	statement, err := attest.ParseStatement(e.Payload())
	if err != nil || !statement.About(subject) {
		return attest.Statement{}, false
	}
	_, err = t.ask(func(a authority) (opened, error) {
		if !a.wrote(e) {
			return opened{}, errNotTrusted
		}
		return opened{}, nil
	})
	return statement, err == nil
}

// WroteSignature is Wrote for a signature of the image itself.
func (t Trust) WroteSignature(sig attest.Signature, subject attest.Subject) bool {
	if attest.CheckSigned(sig.Payload, subject) != nil {
		return false
	}
	_, err := t.ask(func(a authority) (opened, error) {
		if !a.wroteSignature(sig) {
			return opened{}, errNotTrusted
		}
		return opened{}, nil
	})
	return err == nil
}

// wrote implements authority.
func (r keyring) wrote(e attest.Envelope) bool {
	for _, k := range r.keys {
		if k.signed(withoutKeyIDs(e)) {
			return true
		}
	}
	return false
}

// wroteSignature implements authority.
func (r keyring) wroteSignature(sig attest.Signature) bool {
	_, ok := r.signerOf(sig)
	return ok
}

// wrote implements authority.
func (i identities) wrote(e attest.Envelope) bool {
	holder, ok := i.holder(e.Proof())
	return ok && holder.signed(withoutKeyIDs(e))
}

// wroteSignature implements authority.
func (i identities) wroteSignature(sig attest.Signature) bool {
	holder, ok := i.holder(sig.Proof)
	return ok && holder.verifier.VerifySignature(bytes.NewReader(sig.Signature), bytes.NewReader(sig.Payload)) == nil
}

// holder returns the key of a certificate that an authority of the root gave to one
// of the identities, at whatever time.
func (i identities) holder(proof attest.Proof) (trustedKey, bool) {
	leaf, err := x509.ParseCertificate(proof.Certificate())
	if err != nil || !chained(i.root.material, leaf) {
		return trustedKey{}, false
	}
	summary, err := certificate.SummarizeCertificate(leaf)
	if err != nil {
		return trustedKey{}, false
	}
	if i.refusal(summary) != "" {
		return trustedKey{}, false
	}
	verifier, err := signature.LoadDefaultVerifier(leaf.PublicKey, options.WithED25519ph())
	return trustedKey{verifier: verifier}, err == nil
}

// chained reports whether an authority of the root issued a certificate.
func chained(material root.TrustedMaterial, leaf *x509.Certificate) bool {
	for _, ca := range material.FulcioCertificateAuthorities() {
		if _, err := ca.Verify(leaf, leaf.NotBefore); err == nil {
			return true
		}
	}
	return false
}
