package sign

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"
	vault "github.com/hashicorp/vault/api"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/sigstore/sigstore/pkg/signature/kms"
	"github.com/sigstore/sigstore/pkg/signature/kms/aws"          // awskms://
	_ "github.com/sigstore/sigstore/pkg/signature/kms/azure"      // azurekms://
	_ "github.com/sigstore/sigstore/pkg/signature/kms/gcp"        // gcpkms://
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault" // hashivault://
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// kmsSchemes are the key management services that keys can be in.
func kmsSchemes() []string {
	return []string{aws.ReferenceScheme, "azurekms://", "gcpkms://", "hashivault://"}
}

// IsKMS reports whether a reference names a key of a key management service.
func IsKMS(reference string) bool {
	return slices.ContainsFunc(kmsSchemes(), func(scheme string) bool { return strings.HasPrefix(reference, scheme) })
}

// remoteKey is a key of a key management service, which signs there: the private
// key never leaves it.
type remoteKey struct {
	reference string
	service   signature.SignerVerifier
	check     signature.Verifier // as readers verify
}

// loadKMS finds a key of a key management service. Who may use it is in the
// service's own environment variables.
func loadKMS(ctx context.Context, reference string) (Key, error) {
	key := remoteKey{reference: reference}
	public, err := await(ctx, func() (public crypto.PublicKey, err error) {
		if key.service, err = openKMS(ctx, reference, crypto.SHA256); err != nil {
			return nil, err
		}
		return key.service.PublicKey(options.WithContext(ctx))
	})
	if err == nil {
		err = key.fit(ctx, public)
	}
	if err != nil {
		return Key{}, fault.WithHint(fmt.Errorf("loading the key %s: %w", reference, told(ctx, err)),
			"this job must be logged in to the service, and may need the right to read the public key as well as to sign")
	}
	return Key{signer: key, public: public}, nil
}

// openKMS returns a key of a service. For those that do not know it by the key,
// hash is what is signed of a message.
func openKMS(ctx context.Context, reference string, hash crypto.Hash) (signature.SignerVerifier, error) {
	if strings.HasPrefix(reference, aws.ReferenceScheme) {
		return aws.LoadSignerVerifier(ctx, reference, config.WithLogger(logging.Nop{})) // which warns of its ways to log in
	}
	return kms.Get(ctx, reference, hash)
}

// fit has the key sign with the hash by which its signatures are verified.
func (k *remoteKey) fit(ctx context.Context, public crypto.PublicKey) error {
	algorithm, err := signature.GetDefaultAlgorithmDetails(public, options.WithED25519ph())
	if err != nil {
		return err
	}
	if k.check, err = signature.LoadDefaultVerifier(public, options.WithED25519ph()); err != nil {
		return err
	}
	if algorithm.GetHashType() != crypto.SHA256 {
		k.service, err = openKMS(ctx, k.reference, algorithm.GetHashType())
	}
	return err
}

// PublicKey implements signature.PublicKeyProvider.
func (k remoteKey) PublicKey(opts ...signature.PublicKeyOption) (crypto.PublicKey, error) {
	return k.check.PublicKey(opts...)
}

// SignMessage implements signature.Signer. What the service returns is verified:
// keys may be of algorithms that no reader of attestations expects.
func (k remoteKey) SignMessage(message io.Reader, opts ...signature.SignOption) ([]byte, error) {
	ctx := context.Background()
	for _, option := range opts {
		option.ApplyContext(&ctx)
	}
	content, err := io.ReadAll(message)
	if err != nil {
		return nil, err
	}
	signed, err := await(ctx, func() ([]byte, error) { return k.service.SignMessage(bytes.NewReader(content), opts...) })
	if err != nil {
		return nil, fault.WithHint(fmt.Errorf("asking for a signature by %s: %w", k.reference, told(ctx, err)),
			"this job must be logged in to the service, and have the right to sign")
	}
	if k.check.VerifySignature(bytes.NewReader(signed), bytes.NewReader(content)) != nil {
		return nil, fault.WithHint(fmt.Errorf("asking for a signature by %s: what the service returned does not fit the public key", k.reference),
			"the key must be of ECDSA on P-256 with SHA-256, on P-384 with SHA-384, or RSA with PKCS #1 v1.5 and SHA-256")
	}
	return signed, nil
}

// await asks a service until it answers, but no longer than the job lasts: not
// every client knows of the context. What a client does not survive is an error.
func await[T any](ctx context.Context, ask func() (T, error)) (T, error) {
	var got T
	done := make(chan error, 1)
	go func() {
		done <- persist(ctx, 250*time.Millisecond, func() error {
			err := survive(func() (err error) {
				got, err = ask()
				return err
			})
			if err != nil && !passing(err) {
				return permanentError{err}
			}
			return err
		})
	}()
	select {
	case err := <-done:
		return got, err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// passing reports whether an error is worth asking again: Vault's client does not
// by itself, as those of the clouds do.
func passing(err error) bool {
	failed, ok := errors.AsType[*vault.ResponseError](err)
	return ok && failed.StatusCode >= 500
}
