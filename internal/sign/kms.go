package sign

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sigstore/sigstore/pkg/signature/kms"
	_ "github.com/sigstore/sigstore/pkg/signature/kms/aws"        // awskms://
	_ "github.com/sigstore/sigstore/pkg/signature/kms/azure"      // azurekms://
	_ "github.com/sigstore/sigstore/pkg/signature/kms/gcp"        // gcpkms://
	_ "github.com/sigstore/sigstore/pkg/signature/kms/hashivault" // hashivault://
	"github.com/sigstore/sigstore/pkg/signature/options"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// kmsSchemes are the key management services that keys can be in.
func kmsSchemes() []string {
	return []string{"awskms://", "azurekms://", "gcpkms://", "hashivault://"}
}

// IsKMS reports whether a reference names a key of a key management service.
func IsKMS(reference string) bool {
	return slices.ContainsFunc(kmsSchemes(), func(scheme string) bool { return strings.HasPrefix(reference, scheme) })
}

// loadKMS finds a key of a key management service, which signs there: the private
// key never leaves it. Who may use it is in the service's own environment
// variables.
func loadKMS(ctx context.Context, reference string) (Key, error) {
	signer, err := kms.Get(ctx, reference, crypto.SHA256)
	if err != nil {
		return Key{}, explainKMS(ctx, reference, err)
	}
	public, err := signer.PublicKey(options.WithContext(ctx))
	if err != nil {
		return Key{}, explainKMS(ctx, reference, err)
	}
	return Key{signer: signer, public: public}, nil
}

func explainKMS(ctx context.Context, reference string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("loading the key %s: %w", reference, context.Cause(ctx))
	}
	return fault.WithHint(fmt.Errorf("loading the key %s: %w", reference, errors.New(plain.Line(err.Error(), 400))),
		"this job must be logged in to the service, and may need the right to read the public key as well as to sign")
}
