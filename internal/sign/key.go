package sign

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	ssldsse "github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/sigstore/cosign/v2/pkg/cosign"
	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

// PasswordVariable names the environment variable that holds the password of a
// key file, as with cosign.
const PasswordVariable = "COSIGN_PASSWORD"

// Environment looks up an environment variable, as os.LookupEnv does.
type Environment func(name string) (string, bool)

// Key signs with a private key: one that was decrypted into memory, or one that a
// key management service holds.
type Key struct {
	signer   signature.Signer
	public   crypto.PublicKey
	services Services
}

// LoadKey finds a private key: a cosign key in a file that is named by its path,
// or in the environment as env://NAME, or one of a key management service. The
// password of a file comes from COSIGN_PASSWORD; it may be empty, but it must be
// set, since a job cannot be asked.
func LoadKey(ctx context.Context, reference string, env Environment) (Key, error) {
	wait, err := StartLoadKey(ctx, reference, env)
	if err != nil {
		return Key{}, err
	}
	return wait()
}

// StartLoadKey is LoadKey for those who have other work to do meanwhile: a key is
// encrypted so that decrypting it costs a fifth of a second, whoever does it. That the
// password does not fit, or that what is encrypted is damaged, is told by wait; what
// else is wrong, at once.
func StartLoadKey(ctx context.Context, reference string, env Environment) (wait func() (Key, error), err error) {
	if IsKMS(reference) {
		key, err := loadKMS(ctx, reference)
		return func() (Key, error) { return key, nil }, err
	}
	encrypted, err := readKey(reference, env)
	if err != nil {
		return nil, err
	}
	if err := checkFormat(reference, encrypted); err != nil {
		return nil, err
	}
	password, ok := env(PasswordVariable)
	if !ok {
		return nil, fault.WithHint(fmt.Errorf("loading the key %s: no password given", reference),
			"set %s; to the empty string if the key has none", PasswordVariable)
	}
	wait = sync.OnceValues(func() (Key, error) { return decrypt(reference, encrypted, password) })
	go func() { _, _ = wait() }() // who waits is told
	return wait, nil
}

func decrypt(reference string, encrypted []byte, password string) (Key, error) {
	signer, err := cosign.LoadPrivateKey(encrypted, []byte(password), nil)
	if err != nil {
		return Key{}, explainKeyError(reference, err)
	}
	public, err := signer.PublicKey()
	if err != nil {
		return Key{}, fmt.Errorf("loading the key %s: %w", reference, err)
	}
	return Key{signer: signer, public: public}, nil
}

// Public returns the public half.
func (k Key) Public() crypto.PublicKey { return k.public }

// VouchedBy returns a signer with the same key, whose signatures the logs and
// the timestamp authorities of a deployment vouch for.
func (k Key) VouchedBy(services Services) Key {
	k.services = services
	return k
}

// Sign returns the envelope of a statement.
func (k Key) Sign(ctx context.Context, st attest.Statement) (attest.Envelope, error) {
	e, err := k.sign(ctx, st)
	if err != nil { // of an envelope, too, that is too large for those who read it
		return attest.Envelope{}, fmt.Errorf("signing the statement of type %s: %w", st.PredicateType, err)
	}
	return e, nil
}

func (k Key) sign(ctx context.Context, st attest.Statement) (attest.Envelope, error) {
	if err := ctx.Err(); err != nil {
		return attest.Envelope{}, err
	}
	payload, err := st.Encode()
	if err != nil {
		return attest.Envelope{}, err
	}
	signature, err := k.signer.SignMessage(bytes.NewReader(ssldsse.PAE(attest.PayloadType, payload)), options.WithContext(ctx))
	if err != nil {
		return attest.Envelope{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(k.public)
	if err != nil {
		return attest.Envelope{}, err
	}
	material := &protobundle.VerificationMaterial{Content: &protobundle.VerificationMaterial_PublicKey{
		PublicKey: &protocommon.PublicKeyIdentifier{Hint: attest.KeyHint(der)},
	}}
	return k.services.seal(ctx, signed{st.Type, payload, signature}, material, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func readKey(reference string, env Environment) ([]byte, error) {
	name, fromEnv := strings.CutPrefix(reference, "env://")
	if fromEnv {
		value, ok := env(name)
		if !ok || value == "" {
			return nil, fault.WithHint(fmt.Errorf("loading the key %s: the variable is not set", reference),
				"is the secret available to this job, and to this branch?")
		}
		return []byte(value), nil
	}
	if scheme, _, ok := strings.Cut(reference, "://"); ok {
		return nil, fault.WithHint(fault.Usagef("loading the key %s: no signer for %s://", reference, scheme),
			"use a key file, env://NAME, or one of %s", strings.Join(kmsSchemes(), ", "))
	}
	content, err := os.ReadFile(reference)
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err // the path is the reference
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.WithHint(fmt.Errorf("loading the key %s: %w", reference, err),
			"hallmark keygen makes a key pair: cosign.key, cosign.pub")
	case err != nil:
		return nil, fault.WithHint(fmt.Errorf("loading the key %s: %w", reference, err), "this job must be able to read the file")
	}
	return content, nil
}

func checkFormat(reference string, content []byte) error {
	block, _ := pem.Decode(content)
	switch {
	case block == nil:
		return fault.WithHint(fmt.Errorf("loading the key %s: not a PEM file", reference),
			"hallmark reads the encrypted keys of cosign: make one with hallmark keygen")
	case block.Type == "PUBLIC KEY":
		return fault.WithHint(fmt.Errorf("loading the key %s: it is a public key", reference),
			"signing needs the private half, usually cosign.key")
	case block.Type != cosign.CosignPrivateKeyPemType && block.Type != cosign.SigstorePrivateKeyPemType:
		return fault.WithHint(fmt.Errorf("loading the key %s: it is a PEM block of type %q, not a cosign key", reference, block.Type),
			"convert it with: cosign import-key-pair --key %s", reference)
	}
	return nil
}

func explainKeyError(reference string, err error) error {
	if strings.Contains(err.Error(), "decryption failed") {
		return fault.WithHint(fmt.Errorf("loading the key %s: the password does not fit", reference),
			"check %s", PasswordVariable)
	}
	return fmt.Errorf("loading the key %s: the file is damaged: %w", reference, err)
}
