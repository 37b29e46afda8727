package verify

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
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

	Source Source // what else its certificate has to say
}

// Complete returns a usage error unless the identity has both its subject and its
// issuer: of either alone, anybody could be the other.
func (i Identity) Complete() error {
	if i.Subject+i.SubjectRegexp == "" || i.Issuer+i.IssuerRegexp == "" {
		return fault.WithHint(fault.Usagef("an accepted identity needs both its subject and its issuer"),
			"give certificate-identity and certificate-oidc-issuer, or their -regexp forms")
	}
	return nil
}

// String names the identity.
func (i Identity) String() string {
	name := fmt.Sprintf("%s (issuer %s)", either(i.Subject, i.SubjectRegexp), either(i.Issuer, i.IssuerRegexp))
	if source := i.Source.String(); source != "" {
		name += " for the " + source
	}
	return name
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
	matchers []matcher
}

// TrustLoggedIdentities is TrustIdentities, for signatures that a transparency log of
// the root holds and for no others.
func TrustLoggedIdentities(root Root, first Identity, more ...Identity) (Trust, error) {
	if err := root.mustHaveLog(); err != nil {
		return Trust{}, err
	}
	root.logOptional = false
	return TrustIdentities(root, first, more...)
}

// TrustIdentities returns a Trust in the holders of certificates that the
// deployment of the root gave to one of the identities. At least one is required,
// with a subject and an issuer.
func TrustIdentities(root Root, first Identity, more ...Identity) (Trust, error) {
	if root.material == nil {
		return Trust{}, errors.New("certificates are to be believed, and there is no trusted root")
	}
	believed := identities{root: root}
	for _, i := range append([]Identity{first}, more...) {
		if err := i.Complete(); err != nil {
			return Trust{}, err
		}
		matcher, err := newMatcher(i)
		if err != nil {
			return Trust{}, err
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

// errNoCertificate is the refusal of what no certificate of a deployment vouches
// for.
var errNoCertificate = fmt.Errorf("%w: it comes without a certificate", errNotTrusted)

// open implements authority. Whose image it is about is checked for every signer
// in the same way, and not here.
func (i identities) open(e attest.Envelope) (opened, error) {
	if err := e.Proof().Malformed(); err != nil {
		return opened{}, err
	}
	if !e.Proof().HasCertificate() {
		return opened{}, errNoCertificate
	}
	if _, err := x509.ParseCertificate(e.Proof().Certificate()); err != nil {
		return opened{}, fmt.Errorf("its certificate cannot be read: %s", plain.Line(err.Error(), maxDetail))
	}
	entity, err := entityOf(e)
	if err != nil {
		return opened{}, err
	}
	return i.judge(stampedBy{i.root.material, e.Raw()}, claim{
		entity: entity, proof: e.Proof(), signatures: e.Signatures(), about: sigverify.WithoutArtifactUnsafe(), payload: e.Payload(),
	})
}

// claim is what a signature by certificate says.
type claim struct {
	entity     *bundle.Bundle
	proof      attest.Proof
	signatures int
	about      sigverify.ArtifactPolicyOption
	payload    []byte // that the signature covers
}

// judge follows the client specification of Sigstore: log entry, time,
// certificate, signature; then who it is.
func (i identities) judge(material root.TrustedMaterial, c claim) (opened, error) {
	verifier, err := sigverify.NewVerifier(material, i.root.demands(c.proof)...)
	if err != nil {
		return opened{}, err
	}
	result, err := verifier.Verify(c.entity, sigverify.NewPolicy(c.about, sigverify.WithoutIdentitiesUnsafe())) // the latter comes below
	if err != nil {
		return opened{}, explain(material, c.proof, c.signatures, err.Error())
	}
	signer := result.Signature.Certificate
	if why := i.refusal(*signer); why != "" {
		return opened{}, strangerError{name: nameOf(*signer), why: why}
	}
	return opened{
		payload: c.payload, signer: nameOf(*signer), source: sourceOf(*signer),
		at: earliest(result.VerifiedTimestamps),
	}, nil
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
		return nil, fmt.Errorf("what vouches for its signature is malformed: %s", plain.Line(err.Error(), maxDetail))
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
