package sign

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	ssldsse "github.com/secure-systems-lab/go-securesystemslib/dsse"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	sigsign "github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// renewBefore is how long before its end a certificate is replaced.
const renewBefore = 2 * time.Minute

// Keyless signs with a key that lives as long as the process, for which Fulcio
// certifies who the job is.
type Keyless struct {
	services Services
	token    Token
	pair     *sigsign.EphemeralKeypair

	mu   sync.Mutex
	leaf *x509.Certificate
}

// NewKeyless makes a key and has it certified, so that a job that cannot sign
// ends before it does any work. Without a log and a timestamp authority nothing
// would say when the certificate was used; that is refused.
func NewKeyless(ctx context.Context, services Services, token Token) (*Keyless, error) {
	if services.Fulcio == "" {
		return nil, fault.WithHint(fault.Usagef("signing keyless needs a Fulcio, and none is named"), "give fulcio-url or signing-config")
	}
	address, err := url.Parse(services.Fulcio)
	if err != nil {
		return nil, fault.Usagef("fulcio-url is not a URL")
	}
	if err := confidential(address); err != nil {
		return nil, fault.Usagef("asking Fulcio for a certificate: %w", err)
	}
	_, dated := services.Publishes()
	if len(services.Timestamps) == 0 && !dated {
		return nil, fault.WithHint(fault.Usagef("signing keyless needs a trusted clock, and none is named"),
			"give timestamp-url: without it, nothing says that the certificate was valid when it was used")
	}
	pair, err := sigsign.NewEphemeralKeypair(nil)
	if err != nil {
		return nil, fmt.Errorf("making a key for this run: %w", err)
	}
	k := &Keyless{services: services, token: token, pair: pair}
	if _, err = k.certificate(ctx); err != nil {
		return nil, err
	}
	return k, nil
}

// Holder is who a certificate is for, as it says itself. SourceRepository and Caller
// are empty where the issuer does not tell them.
type Holder struct {
	Subject, Issuer          string
	SourceRepository, Caller string // of the job: the repository's URI, the URI of the workflow it begins with
}

// Identity returns who the signer is, as its certificate says.
func (k *Keyless) Identity() (Holder, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	summary, err := certificate.SummarizeCertificate(k.leaf)
	if err != nil {
		return Holder{}, fmt.Errorf("reading the certificate from %s: %w", plain.Address(k.services.Fulcio), err)
	}
	return Holder{
		Subject: summary.SubjectAlternativeName, Issuer: summary.Issuer,
		SourceRepository: summary.SourceRepositoryURI, Caller: summary.BuildConfigURI,
	}, nil
}

// Sign returns the envelope of a statement.
func (k *Keyless) Sign(ctx context.Context, st attest.Statement) (attest.Envelope, error) {
	e, err := k.sign(ctx, st)
	if err != nil {
		return attest.Envelope{}, fmt.Errorf("signing the statement of type %s: %w", st.PredicateType, err)
	}
	return e, nil
}

func (k *Keyless) sign(ctx context.Context, st attest.Statement) (attest.Envelope, error) {
	payload, err := st.Encode()
	if err != nil {
		return attest.Envelope{}, err
	}
	leaf, err := k.certificate(ctx)
	if err != nil {
		return attest.Envelope{}, err
	}
	signature, _, err := k.pair.SignData(ctx, ssldsse.PAE(attest.PayloadType, payload))
	if err != nil {
		return attest.Envelope{}, err
	}
	material := &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_Certificate{
		Certificate: &protocommon.X509Certificate{RawBytes: leaf.Raw},
	}}
	holder := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw})
	return k.services.seal(ctx, signed{st.Type, payload, signature}, material, holder)
}

// certificate returns one that is valid for some time yet.
func (k *Keyless) certificate(ctx context.Context) (*x509.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.leaf != nil && time.Until(k.leaf.NotAfter) > renewBefore {
		return k.leaf, nil
	}
	token, err := k.token(ctx)
	if err != nil {
		return nil, err
	}
	fulcio := sigsign.NewFulcio(&sigsign.FulcioOptions{
		BaseURL: strings.TrimSuffix(k.services.Fulcio, "/"), Transport: k.services.transport(ctx), Timeout: forever,
	})
	der, err := fulcio.GetCertificate(ctx, k.pair, &sigsign.CertificateProviderOptions{IDToken: token})
	if err != nil {
		return nil, fault.WithHint(fmt.Errorf("asking Fulcio at %s for a certificate: %w", plain.Address(k.services.Fulcio), told(ctx, err, token)),
			"the token's issuer must be one that this Fulcio knows, and its audience %s", Audience)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate from %s: %w", plain.Address(k.services.Fulcio), err)
	}
	if own, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !own.Equal(k.pair.GetPublicKey()) {
		return nil, fmt.Errorf("reading the certificate from %s: it is for another key", plain.Address(k.services.Fulcio))
	}
	if k.leaf != nil && !sameHolder(k.leaf, leaf) {
		return nil, errors.New("the job's identity changed during the run")
	}
	k.leaf = leaf
	return leaf, nil
}

func sameHolder(a, b *x509.Certificate) bool {
	x, errX := certificate.SummarizeCertificate(a)
	y, errY := certificate.SummarizeCertificate(b)
	return errX == nil && errY == nil && x.SubjectAlternativeName == y.SubjectAlternativeName && x.Issuer == y.Issuer
}
