package sign

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"

	"github.com/sigstore/cosign/v2/pkg/cosign"
	"github.com/sigstore/sigstore/pkg/signature"
)

// Pair is a key pair in the form of cosign: the private half encrypted, both in
// PEM.
type Pair struct {
	Private, Public []byte
}

// GeneratePair makes an ECDSA P-256 key pair whose private half is encrypted
// with the password, which may be empty.
func GeneratePair(password []byte) (Pair, error) {
	keys, err := cosign.GenerateKeyPair(func(bool) ([]byte, error) { return password, nil })
	if err != nil {
		return Pair{}, fmt.Errorf("making a key pair: %w", err)
	}
	return Pair{Private: keys.PrivateBytes, Public: keys.PublicBytes}, nil
}

// Ephemeral returns a key that exists in memory only: what it signs can be
// verified by this process and by nobody after it.
func Ephemeral() (Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("making a key for this run: %w", err)
	}
	signer, err := signature.LoadDefaultSignerVerifier(private)
	if err != nil {
		return Key{}, fmt.Errorf("making a key for this run: %w", err)
	}
	return Key{signer: signer, public: private.Public()}, nil
}
