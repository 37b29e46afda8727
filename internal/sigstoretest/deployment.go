// Package sigstoretest is a small deployment of Sigstore for tests: a certificate
// authority, a timestamp authority and a Rekor v2, with real keys, in memory and
// behind their documented APIs on loopback. The tests say what it certifies and
// when, also what an honest deployment never would.
package sigstoretest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore-go/pkg/root"
)

// Deployment is a deployment of Sigstore.
type Deployment struct {
	tb                          testing.TB
	ca, tsa                     holder // a root certificate, and the certificate of the authority's clock
	caKey, tsaKey, logKey, ctor *ecdsa.PrivateKey
	start, end                  time.Time
}

type holder struct{ root, leaf *x509.Certificate }

// New makes the keys and certificates of a deployment, which are valid for a day
// before and after now.
func New(tb testing.TB) *Deployment {
	tb.Helper()
	d := &Deployment{tb: tb, start: time.Now().Add(-24 * time.Hour), end: time.Now().Add(24 * time.Hour)}
	for _, key := range []**ecdsa.PrivateKey{&d.caKey, &d.tsaKey, &d.logKey, &d.ctor} {
		*key = d.newKey()
	}
	d.ca.root = d.certify(d.authority("ca.example"), nil, d.caKey.Public(), d.caKey)
	tsaRoot := d.newKey()
	d.tsa.root = d.certify(d.authority("tsa.example"), nil, tsaRoot.Public(), tsaRoot)
	d.tsa.leaf = d.certify(d.clock(), d.tsa.root, d.tsaKey.Public(), tsaRoot)
	return d
}

// Extensions are what a certificate says of a job besides its subject; an empty one
// is left out.
type Extensions struct{ SourceRepository, SourceRef, Caller string }

// Certify has a key certified to belong to a subject, a URI or an e-mail address,
// for which an issuer vouches.
func (d *Deployment) Certify(public crypto.PublicKey, subject, issuer string, from, to time.Time, more ...Extensions) *x509.Certificate {
	d.tb.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(), NotBefore: from, NotAfter: to,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		ExtraExtensions: []pkix.Extension{d.extension(8, issuer)},
	}
	for _, e := range more {
		for number, text := range map[int]string{12: e.SourceRepository, 14: e.SourceRef, 18: e.Caller} {
			if text != "" {
				template.ExtraExtensions = append(template.ExtraExtensions, d.extension(number, text))
			}
		}
	}
	if uri, err := url.Parse(subject); err == nil && uri.IsAbs() {
		template.URIs = []*url.URL{uri}
	} else {
		template.EmailAddresses = []string{subject}
	}
	return d.certify(template, d.ca.root, public, d.caKey)
}

// extension is one of Fulcio's, by its last number
// (https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md).
func (d *Deployment) extension(number int, text string) pkix.Extension {
	d.tb.Helper()
	value, err := asn1.MarshalWithParams(text, "utf8")
	d.must(err)
	return pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1, number}, Value: value}
}

// Stamp returns a response of the timestamp authority about a message.
func (d *Deployment) Stamp(message []byte, at time.Time) []byte {
	d.tb.Helper()
	hash := crypto.SHA256.New()
	hash.Write(message)
	return d.respond(&timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: hash.Sum(nil)}, at)
}

func (d *Deployment) respond(request *timestamp.Request, at time.Time) []byte {
	d.tb.Helper()
	stamp := timestamp.Timestamp{
		HashAlgorithm: request.HashAlgorithm, HashedMessage: request.HashedMessage, Nonce: request.Nonce,
		Time: at, Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2}, AddTSACertificate: request.Certificates,
	}
	response, err := stamp.CreateResponseWithOpts(d.tsa.leaf, d.tsaKey, crypto.SHA256)
	d.must(err)
	return response
}

// Root says which services a trusted root has.
type Root struct {
	NoLog, NoClock   bool
	CertificateLog   bool // certificates must be in a log, which none of this deployment is in
	AuthorityOf      *Deployment
	ClockOf, EntryOf *Deployment // whose, where not the deployment's own
}

// TrustedRoot writes the trusted root of the deployment into a file, as its readers
// have it.
func (d *Deployment) TrustedRoot(has Root) string {
	d.tb.Helper()
	ca := or(has.AuthorityOf, d)
	authorities := []root.CertificateAuthority{&root.FulcioCertificateAuthority{
		Root: ca.ca.root, ValidityPeriodStart: d.start, ValidityPeriodEnd: d.end, URI: "https://ca.example",
	}}
	var clocks []root.TimestampingAuthority
	if !has.NoClock {
		of := or(has.ClockOf, d)
		clocks = append(clocks, &root.SigstoreTimestampingAuthority{
			Root: of.tsa.root, Leaf: of.tsa.leaf, ValidityPeriodStart: d.start, ValidityPeriodEnd: d.end, URI: "https://tsa.example",
		})
	}
	logs, certificateLogs := map[string]*root.TransparencyLog{}, map[string]*root.TransparencyLog{}
	if !has.NoLog {
		logs["log"] = or(has.EntryOf, d).log(d.logKeyOf(has))
	}
	if has.CertificateLog {
		certificateLogs["log"] = d.log(d.ctor)
	}
	trusted, err := root.NewTrustedRoot(root.TrustedRootMediaType01, authorities, certificateLogs, clocks, logs)
	d.must(err)
	content, err := trusted.MarshalJSON()
	d.must(err)
	path := filepath.Join(d.tb.TempDir(), "trusted_root.json")
	d.must(os.WriteFile(path, content, 0o600))
	return path
}

func (d *Deployment) logKeyOf(has Root) *ecdsa.PrivateKey { return or(has.EntryOf, d).logKey }

func or(other, own *Deployment) *Deployment {
	if other != nil {
		return other
	}
	return own
}

func (d *Deployment) authority(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name, Organization: []string{"example"}}, NotBefore: d.start, NotAfter: d.end,
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
}

// clock is the certificate of a timestamp authority, whose purpose must be marked
// as critical.
func (d *Deployment) clock() *x509.Certificate {
	purpose, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}})
	d.must(err)
	return &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: "clock.example"}, NotBefore: d.start, NotAfter: d.end,
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: purpose}},
	}
}

// certify returns a certificate by an issuer, or by itself if there is none.
func (d *Deployment) certify(template, issuer *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) *x509.Certificate {
	d.tb.Helper()
	if issuer == nil {
		issuer = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, signer)
	d.must(err)
	certificate, err := x509.ParseCertificate(der)
	d.must(err)
	return certificate
}

func serial() *big.Int { return big.NewInt(time.Now().UnixNano()) }

func (d *Deployment) newKey() *ecdsa.PrivateKey {
	d.tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	d.must(err)
	return key
}

func (d *Deployment) must(err error) {
	d.tb.Helper()
	if err != nil {
		d.tb.Fatal(err)
	}
}
