package world

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// startFulcio starts a certificate authority that believes the issuer, and
// returns its address. It is like the public one: an intermediate signs, below
// a root that is kept away.
func startFulcio(ctx context.Context, dir string, issuer *Issuer, chain Chain) (*service, string, error) {
	if err := makeAuthority(dir, chain); err != nil {
		return nil, "", err
	}
	config := filepath.Join(dir, "fulcio.json")
	if err := writeConfig(config, issuer); err != nil {
		return nil, "", err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, "", err
	}
	s, err := startService(ctx, dir, "fulcio", "serve",
		"--ca=fileca", "--fileca-cert="+chain.Whole, "--fileca-key="+filepath.Join(dir, "fulcio.key"),
		"--fileca-key-passwd=", "--fileca-watch=false",
		"--config-path="+config, "--ct-log-url=",
		"--host=127.0.0.1", "--port="+ports[0], "--grpc-host=127.0.0.1", "--grpc-port="+ports[1],
		"--metrics-port="+ports[2], "--legacy-unix-domain-socket=@fulcio-"+ports[1])
	return s, "http://127.0.0.1:" + ports[0], err
}

// writeConfig says which issuers Fulcio believes, and what each one's tokens
// are. It speaks for no certificate transparency log.
func writeConfig(path string, issuer *Issuer) error {
	issuers := make(map[string]any)
	for url, kind := range map[string]string{
		issuer.GitHub.Issuer:    "github-workflow",
		issuer.GitLab.Issuer:    "gitlab-pipeline",
		issuer.Email("").Issuer: "email",
	} {
		issuers[url] = map[string]string{"IssuerURL": url, "ClientID": "sigstore", "Type": kind}
	}
	content, err := json.Marshal(map[string]any{"OIDCIssuers": issuers})
	if err != nil {
		return fmt.Errorf("configuring fulcio: %w", err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("configuring fulcio: %w", err)
	}
	return nil
}

// makeAuthority writes a fresh chain and the key of its intermediate.
func makeAuthority(dir string, chain Chain) error {
	root, err := newAuthority("root", nil)
	if err != nil {
		return fmt.Errorf("making fulcio's root: %w", err)
	}
	intermediate, err := newAuthority("intermediate", root)
	if err != nil {
		return fmt.Errorf("making fulcio's intermediate: %w", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(intermediate.key)
	if err != nil {
		return fmt.Errorf("making fulcio's key: %w", err)
	}
	if err := writePEM(filepath.Join(dir, "fulcio.key"), "PRIVATE KEY", key); err != nil {
		return err
	}
	return chain.write(intermediate.certificate.Raw, root.certificate.Raw)
}

// authority is a certificate that may sign others, and its key.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newAuthority makes an authority that parent signs, or that signs itself.
func newAuthority(name string, parent *authority) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Organization: []string{"hallmark-ci"}, CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	signer := &authority{certificate: template, key: key}
	if parent != nil {
		signer = parent
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}
		template.MaxPathLenZero = true
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.certificate, key.Public(), signer.key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &authority{certificate: certificate, key: key}, err
}

func writePEM(path, kind string, blocks ...[]byte) error {
	var content []byte
	for _, der := range blocks {
		content = append(content, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})...)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
