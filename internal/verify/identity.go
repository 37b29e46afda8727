package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	"github.com/sigstore/sigstore-go/pkg/root"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// bundleWithPromise is the media type of the bundles whose log entries carry a
// signed promise of inclusion and no proof of it, as Rekor v1 gave them to cosign.
const bundleWithPromise = "application/vnd.dev.sigstore.bundle+json;version=0.1"

// Identity is who a signing certificate is for: its subject, an e-mail address
// or the URI of a workflow, and the issuer that vouched for it. Of each, the exact
// value or a regular expression is given, which is searched for as cosign does:
// it must be anchored to mean the whole.
type Identity struct {
	Subject, SubjectRegexp string
	Issuer, IssuerRegexp   string
}

// String names the identity.
func (i Identity) String() string {
	return fmt.Sprintf("%s (issuer %s)", either(i.Subject, i.SubjectRegexp), either(i.Issuer, i.IssuerRegexp))
}

func either(exact, pattern string) string {
	switch {
	case exact == "":
		return "/" + pattern + "/"
	case pattern == "":
		return exact
	}
	return exact + " and /" + pattern + "/"
}

// identities believes those whom a Sigstore deployment gave a certificate.
type identities struct {
	root     Root
	wanted   []Identity
	matchers sigverify.CertificateIdentities
}

// TrustIdentities returns a Trust in the holders of certificates that the
// deployment of the root gave to one of the identities. At least one is required,
// with a subject and an issuer.
func TrustIdentities(root Root, first Identity, more ...Identity) (Trust, error) {
	believed := identities{root: root}
	for _, i := range append([]Identity{first}, more...) {
		if i.Subject+i.SubjectRegexp == "" || i.Issuer+i.IssuerRegexp == "" {
			return Trust{}, fault.WithHint(fault.Usagef("an accepted identity needs both its subject and its issuer"),
				"give certificate-identity and certificate-oidc-issuer, or their -regexp forms")
		}
		matcher, err := sigverify.NewShortCertificateIdentity(i.Issuer, i.IssuerRegexp, i.Subject, i.SubjectRegexp)
		if err != nil {
			return Trust{}, fault.Usagef("the accepted identity %s: %w", i, err)
		}
		believed.wanted = append(believed.wanted, i)
		believed.matchers = append(believed.matchers, matcher)
	}
	return Trust{authorities: []authority{believed}}, nil
}

func (i identities) names() []string {
	names := make([]string, len(i.wanted))
	for n, w := range i.wanted {
		names[n] = w.String()
	}
	return names
}

// open implements authority.
func (i identities) open(e attest.Envelope, subject attest.Subject) (opened, error) {
	if !e.Proof().HasCertificate() {
		return opened{}, errNotTrusted
	}
	entity, err := entityOf(e)
	if err != nil {
		return opened{}, err
	}
	about, err := subjectDigest(subject)
	if err != nil {
		return opened{}, err
	}
	return i.judge(stampedBy{i.root.material, e.Raw()}, claim{entity, e.Proof(), about, e.Payload()})
}

// claim is what a signature by certificate says.
type claim struct {
	entity  *bundle.Bundle
	proof   attest.Proof
	about   sigverify.ArtifactPolicyOption
	payload []byte // that the signature covers
}

// judge follows the client specification of Sigstore: log entry, time,
// certificate, signature; then who it is.
func (i identities) judge(material root.TrustedMaterial, c claim) (opened, error) {
	verifier, err := sigverify.NewVerifier(material, i.root.demands(c.proof)...)
	if err != nil {
		return opened{}, err
	}
	result, err := verifier.Verify(c.entity, sigverify.NewPolicy(c.about, sigverify.WithoutIdentitiesUnsafe())) // who it is comes below
	if err != nil {
		return opened{}, explain(c.proof, err)
	}
	signer := result.Signature.Certificate
	if _, err := i.matchers.Verify(*signer); err != nil {
		return opened{}, fmt.Errorf("signed by %s, who is not an accepted signer", nameOf(*signer))
	}
	return opened{payload: c.payload, signer: nameOf(*signer), at: earliest(result.VerifiedTimestamps)}, nil
}

// demands returns what the deployment promises of its signatures, as the root
// says which services it has.
func (r Root) demands(proof attest.Proof) []sigverify.VerifierOption {
	options := []sigverify.VerifierOption{sigverify.WithObserverTimestamps(1)}
	logged := len(proof.Material().GetTlogEntries()) > 0
	if r.HasLog() && (logged || !r.logOptional) {
		options = append(options, sigverify.WithTransparencyLog(1))
	}
	if len(r.material.CTLogs()) > 0 {
		options = append(options, sigverify.WithSignedCertificateTimestamps(1))
	}
	return options
}

// entityOf returns the envelope in the form that Sigstore's verifier takes.
func entityOf(e attest.Envelope) (*bundle.Bundle, error) { return entityIn(e.Bundle()) }

func entityIn(b *protobundle.Bundle) (*bundle.Bundle, error) {
	if promised(b) {
		b.MediaType = bundleWithPromise
	}
	entity, err := bundle.NewBundle(b, allowChain(b)...)
	if err != nil {
		return nil, fmt.Errorf("what vouches for its signature is malformed: %s", plain.Line(err.Error(), 200))
	}
	return entity, nil
}

func promised(b *protobundle.Bundle) bool {
	entries := b.GetVerificationMaterial().GetTlogEntries()
	return slices.ContainsFunc(entries, func(entry *protorekor.TransparencyLogEntry) bool {
		return entry.GetInclusionProof() == nil
	})
}

func allowChain(b *protobundle.Bundle) []bundle.Option {
	if b.GetVerificationMaterial().GetX509CertificateChain() != nil && b.GetMediaType() == attest.BundleMediaType {
		return []bundle.Option{bundle.AllowCertificateChain()}
	}
	return nil
}

func nameOf(c certificate.Summary) string {
	return fmt.Sprintf("%s (issuer %s)", plain.Line(c.SubjectAlternativeName, 300), plain.Line(c.Issuer, 200))
}

func earliest(stamps []sigverify.TimestampVerificationResult) time.Time {
	var first time.Time
	for _, s := range stamps {
		if first.IsZero() || s.Timestamp.Before(first) {
			first = s.Timestamp
		}
	}
	return first
}

// explain puts the steps of Sigstore's verifier into words about the
// attestation. What it says besides is kept, bounded.
func explain(proof attest.Proof, err error) error {
	steps := []struct{ prefix, says string }{
		{"failed to verify timestamps", "no trusted timestamp says when its certificate was used"},
		{"failed to verify leaf certificate", "its certificate is of no trusted authority, or was not valid when it was used"},
		{"failed to verify signed certificate timestamp", "its certificate is in no trusted certificate log"},
		{"failed to verify signature", "its signature does not fit: its content was changed after signing, or it is about another image"},
	}
	detail := err.Error()
	if rest, ok := strings.CutPrefix(detail, "failed to verify log inclusion: "); ok {
		return explainLog(proof, errors.New(rest))
	}
	for _, step := range steps {
		if rest, ok := strings.CutPrefix(detail, step.prefix); ok {
			return errors.New(step.says + plain.Line(rest, 200))
		}
	}
	return errors.New(plain.Line(detail, 300))
}

func explainLog(proof attest.Proof, err error) error {
	if len(proof.Material().GetTlogEntries()) == 0 {
		return errors.New("no transparency log holds it, and one is asked for")
	}
	return fmt.Errorf("no trusted transparency log holds it: %s", plain.Line(err.Error(), 200))
}
