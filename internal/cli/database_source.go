package cli

import (
	"context"
	"io"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// databaseTrust returns whose signatures of vulnerability databases count: nobody's, where
// none is asked for.
func (a *app) databaseTrust(ctx context.Context, v values) (verify.Trust, error) {
	keys, err := a.loadPublicKeys(ctx, v.list("vuln-db-key"))
	if err != nil || len(keys) == 0 {
		return verify.Trust{}, err
	}
	return verify.TrustKeys(keys[0], keys[1:]...)
}

// databaseSource vouches for vulnerability databases.
type databaseSource struct {
	registry   *image.Registry
	connection *image.Connection
	trust      verify.Trust // in nobody: no signature is asked for
}

// pin returns a reference by its digest. Where signatures are asked for, somebody who is
// trusted signed just that, as cosign sign does.
func (d databaseSource) pin(ctx context.Context, reference string) (string, error) {
	subject, err := d.registry.Resolve(ctx, reference)
	if err != nil || len(d.trust.Signers()) == 0 {
		return subject.String(), err
	}
	signatures, bundles := store.NewSignatures(d.connection.RemoteOptions(), nil), store.NewBundles(d.connection, nil)
	if _, err := pipeline.SignedBy(ctx, subject, signatures, bundles, d.trust); err != nil {
		err := fault.Undecidedf("the signature of oci://%s that vuln-db-key asks for: %w", subject, err)
		return "", fault.WithHint(err, "cosign sign --key KEY %s signs it", subject)
	}
	return subject.String(), nil
}

// signed checks the signature beside a file or an address.
func (d databaseSource) signed(signature []byte, open func() (io.ReadCloser, error)) error {
	_, err := verify.Stream(signature, open, d.trust)
	return err
}
