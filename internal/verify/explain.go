package verify

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/root"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxDetail bounds what a refusal quotes, in bytes.
const maxDetail = 200

// explain puts a refusal of Sigstore's verifier, which is known by the words of
// its steps, into a sentence about the attestation.
func explain(material root.TrustedMaterial, proof attest.Proof, signatures int, detail string) error {
	if rest, ok := strings.CutPrefix(detail, "failed to verify log inclusion: "); ok {
		return explainLog(proof, rest)
	}
	steps := []struct{ prefix, says string }{
		{"failed to verify timestamps", explainTime(proof)},
		{"failed to summarize certificate", "its certificate names nobody"},
		{"failed to verify leaf certificate", explainLeaf(material, proof)},
		{"failed to verify signed certificate timestamp", "its certificate is in no trusted certificate log"},
		{"failed to verify signature: exactly one signature", fmt.Sprintf("it has %d signatures, and a certificate is for one", signatures)},
		{"failed to verify signature", "its signature does not fit its certificate: " + doesNotFit},
		{"failed to fetch envelope statement", "its payload is no in-toto statement"},
	}
	for _, step := range steps {
		if strings.HasPrefix(detail, step.prefix) {
			return errors.New(step.says)
		}
	}
	return errors.New(plain.Line(detail, maxDetail))
}

// explainLeaf tells a certificate that nobody trusted issued from one that was used
// before or after its time.
func explainLeaf(material root.TrustedMaterial, proof attest.Proof) string {
	leaf, err := x509.ParseCertificate(proof.Certificate())
	if err != nil || !chained(material, leaf) {
		return "its certificate is of no trusted authority"
	}
	return "its certificate had ended, or was not valid yet, when it was used"
}

// WrongSigner reports whether a refusal is about who signed, and not about what was
// signed, of which image it is, or what vouches for it.
func WrongSigner(err error) bool {
	_, stranger := errors.AsType[strangerError](err)
	return stranger || errors.Is(err, errNotTrusted) || errors.Is(err, errDoesNotFit)
}

// strangerError is the refusal of somebody whose signature holds.
type strangerError struct{ name, why string }

func (e strangerError) Error() string {
	return fmt.Sprintf("signed by %s, %s", e.name, e.why)
}

func explainTime(proof attest.Proof) string {
	if len(proof.Material().GetTimestampVerificationData().GetRfc3161Timestamps()) == 0 {
		return "nothing says when its certificate was used: it has no timestamp"
	}
	return "nothing trusted says when its certificate was used: its timestamp is of no trusted authority, or of another signature"
}

// explainLog does so for what was asked of a log.
func explainLog(proof attest.Proof, detail string) error {
	if len(proof.Material().GetTlogEntries()) == 0 {
		return errors.New("no transparency log holds it, and one is asked for")
	}
	steps := []struct{ prefix, says string }{
		{"not enough verified log entries", "no trusted transparency log vouches for its log entry"},
		{"integrated time outside", "its certificate was not valid when it was logged"},
		{"transparency log ", "its log entry is of another signature"},
		{"verifying log entry", "its log entry is of another signature, or does not prove that a log holds it"},
	}
	for _, step := range steps {
		if strings.HasPrefix(detail, step.prefix) {
			return errors.New(step.says)
		}
	}
	return fmt.Errorf("its log entry cannot be verified: %s", plain.Line(detail, maxDetail))
}
