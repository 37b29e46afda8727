package cli

import (
	"context"
	"crypto"
	"path/filepath"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// readerTrust returns the accepted signers for the commands that sign nothing:
// there, key is the public half, as with cosign.
func (a *app) readerTrust(ctx context.Context, v values) (verify.Trust, error) {
	keys, err := a.publicKeys(ctx, v)
	if err != nil {
		return verify.Trust{}, err
	}
	trust, err := a.accepted(v, keys)
	if err == nil && len(trust.Signers()) == 0 {
		return verify.Trust{}, fault.WithHint(fault.Usagef("no accepted signer given"),
			"give the public key with --key cosign.pub, or --certificate-identity and --certificate-oidc-issuer")
	}
	return trust, err
}

// othersAccepted returns the signers that the commands that sign accept besides the
// signer itself.
func (a *app) othersAccepted(ctx context.Context, v values) (verify.Trust, error) {
	keys, err := a.loadPublicKeys(ctx, v.list("verify-key"))
	if err != nil {
		return verify.Trust{}, err
	}
	return a.accepted(v, keys)
}

func (a *app) publicKeys(ctx context.Context, v values) ([]crypto.PublicKey, error) {
	references := v.list("verify-key")
	if key := v.text("key"); key != "" {
		references = append([]string{key}, references...)
	}
	return a.loadPublicKeys(ctx, references)
}

func (a *app) loadPublicKeys(ctx context.Context, references []string) ([]crypto.PublicKey, error) {
	var keys []crypto.PublicKey
	for _, reference := range references {
		key, err := a.publicKey(ctx, reference)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// publicKey reads a public key: a file, env://NAME, or the public half of one in a
// key management service.
func (a *app) publicKey(ctx context.Context, reference string) (crypto.PublicKey, error) {
	if !sign.IsKMS(reference) {
		return verify.LoadPublicKey(reference, a.env)
	}
	key, err := sign.LoadKey(ctx, reference, sign.Environment(a.env))
	if err != nil {
		return nil, err
	}
	return key.Public(), nil
}

// accepted returns a Trust in keys and in the identity that the inputs name. It
// may be in nobody.
func (a *app) accepted(v values, keys []crypto.PublicKey) (verify.Trust, error) {
	tlog, err := v.oneOf("tlog", tlogAuto, tlogYes, tlogNo)
	if err != nil {
		return verify.Trust{}, err
	}
	identity := certificateIdentity(v)
	var trust verify.Trust
	if len(keys) > 0 {
		if trust, err = a.trustKeys(v, tlog, keys); err != nil {
			return verify.Trust{}, err
		}
	}
	if identity == (verify.Identity{}) {
		return trust, nil
	}
	if err := identity.Complete(); err != nil { // before anything is fetched for it
		return verify.Trust{}, err
	}
	root, err := a.sigstoreRoot(v)
	if err != nil {
		return verify.Trust{}, err
	}
	identities, err := trustIdentity(root, tlog, identity)
	return trust.And(identities), err
}

// trustIdentity believes an identity, as the input tlog has it.
func trustIdentity(root verify.Root, tlog string, identity verify.Identity) (verify.Trust, error) {
	if tlog == tlogYes {
		return verify.TrustLoggedIdentities(root, identity)
	}
	return verify.TrustIdentities(root, identity)
}

// certificateIdentity reads whose certificates are accepted.
func certificateIdentity(v values) verify.Identity {
	return verify.Identity{
		Subject: v.text("certificate-identity"), SubjectRegexp: v.text("certificate-identity-regexp"),
		Issuer: v.text("certificate-oidc-issuer"), IssuerRegexp: v.text("certificate-oidc-issuer-regexp"),
		Source: sourceOf(v, "certificate"),
	}
}

// sourceOf reads what else a certificate has to say, from the inputs of a family.
func sourceOf(v values, family string) verify.Source {
	return verify.Source{
		Repository:       v.text(family + "-source-repository"),
		RepositoryRegexp: v.text(family + "-source-repository-regexp"),
		Ref:              v.text(family + "-source-ref"), RefRegexp: v.text(family + "-source-ref-regexp"),
		Caller: v.text(family + "-caller-workflow"), CallerRegexp: v.text(family + "-caller-workflow-regexp"),
	}
}

func (a *app) trustKeys(v values, tlog string, keys []crypto.PublicKey) (verify.Trust, error) {
	if tlog != tlogYes {
		return verify.TrustKeys(keys[0], keys[1:]...)
	}
	root, err := a.sigstoreRoot(v)
	if err != nil {
		return verify.Trust{}, err
	}
	return verify.TrustLoggedKeys(root, keys[0], keys[1:]...)
}

// sigstoreRoot returns what the Sigstore deployment is believed by: the file of
// trusted-root, or, where no private deployment is named, the root of the public
// one.
func (a *app) sigstoreRoot(v values) (verify.Root, error) {
	root, err := a.loadRoot(v)
	if err == nil && v.text("tlog") == tlogNo {
		root = root.WithoutLog()
	}
	return root, err
}

func (a *app) loadRoot(v values) (verify.Root, error) {
	if path := v.text("trusted-root"); path != "" {
		return verify.LoadRoot(path)
	}
	if v.text("signing-config") != "" || privateURL(v) {
		return verify.Root{}, fault.WithHint(fault.Usagef("a private Sigstore is named, and nothing to believe it by"),
			"give its trusted root with trusted-root")
	}
	cache, err := a.cacheDir(v)
	if err != nil {
		return verify.Root{}, err
	}
	return verify.PublicRoot(filepath.Join(cache, "sigstore"))
}

// policyTrust returns whose signatures of policies count. It is asked before
// anything is pulled.
func (a *app) policyTrust(ctx context.Context, v values) (verify.Trust, error) {
	tlog := v.text("tlog")
	keys, err := a.loadPublicKeys(ctx, v.list("policy-key"))
	if err != nil {
		return verify.Trust{}, err
	}
	var trust verify.Trust
	if len(keys) > 0 {
		if trust, err = a.trustKeys(v, tlog, keys); err != nil {
			return verify.Trust{}, err
		}
	}
	identity := verify.Identity{
		Subject: v.text("policy-identity"), SubjectRegexp: v.text("policy-identity-regexp"),
		Issuer: v.text("policy-oidc-issuer"), IssuerRegexp: v.text("policy-oidc-issuer-regexp"),
		Source: sourceOf(v, "policy"),
	}
	if identity == (verify.Identity{}) {
		return trust, nil
	}
	if err := identity.Complete(); err != nil {
		return verify.Trust{}, fault.WithHint(err, "give policy-identity and policy-oidc-issuer, or their -regexp forms")
	}
	root, err := a.sigstoreRoot(v)
	if err != nil {
		return verify.Trust{}, err
	}
	identities, err := trustIdentity(root, tlog, identity)
	return trust.And(identities), err
}
