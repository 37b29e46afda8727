package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"fmt"
	"os"

	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

const (
	verifierID   = evidence.VerifierID
	publicFulcio = "https://fulcio.sigstore.dev"
	publicRekor  = "https://rekor.sigstore.dev"
)

func (a *app) policyCompile() *cobra.Command {
	return a.policyJob(cmdPolicyCompile, "PATH...", "Write policies as ClusterImagePolicies, for Sigstore's Policy Controller",
		func(ctx context.Context, v values, args []string) error { return a.policyCompileJob(ctx, v, args) })
}

func (a *app) policyCompileJob(ctx context.Context, v values, args []string) error {
	cluster, err := a.cluster(ctx, v)
	if err != nil {
		return err
	}
	asked, err := a.compiled(ctx, v, args)
	if err != nil {
		return err
	}
	resources, err := policy.Resources(asked, cluster)
	if err != nil {
		return fault.WithHint(err, "the gate enforces it all the same; hallmark policy lint says more")
	}
	var out bytes.Buffer
	for i, r := range resources {
		if i > 0 {
			out.WriteString("---\n")
		}
		out.Write(r.YAML)
		for _, note := range r.Notes {
			a.note("%s: %s", r.Policy, note)
		}
	}
	return a.deliver(v.text("output"), out.Bytes())
}

// deliver writes a result to a file, or to standard output.
func (a *app) deliver(path string, content []byte) error {
	if path == "" || path == "-" {
		_, err := a.stdio.Out.Write(content)
		return err
	}
	if err := os.WriteFile(path, content, publicMode); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// cluster reads what the cluster is to believe.
func (a *app) cluster(ctx context.Context, v values) (policy.Cluster, error) {
	mode, err := v.oneOf("mode", "enforce", "warn")
	if err != nil {
		return policy.Cluster{}, err
	}
	scanAge, err := v.duration("max-scan-age")
	if err != nil {
		return policy.Cluster{}, err
	}
	databaseAge, err := v.duration("vuln-db-max-age")
	if err != nil {
		return policy.Cluster{}, err
	}
	verdictAge, err := v.duration("max-verdict-age")
	if err != nil {
		return policy.Cluster{}, err
	}
	allowed, err := policy.ParseAllowance(v.list("allow-unread"))
	if err != nil {
		return policy.Cluster{}, err
	}
	checked, err := v.oneOf("check", "evidence", "verdict")
	if err != nil {
		return policy.Cluster{}, err
	}
	part, err := v.oneOf("verdict-scope", "whole", "policy")
	if err != nil {
		return policy.Cluster{}, err
	}
	authorities, err := a.authorities(ctx, v)
	if err != nil {
		return policy.Cluster{}, err
	}
	return policy.Cluster{
		Name: plain.Address(v.text("name")), Globs: v.list("image-glob"), Warn: mode == "warn", Authorities: authorities,
		Verifier: plain.Address(v.text("verifier-id")), AllowUnread: allowed,
		MaxScanAge: scanAge, MaxDatabaseAge: databaseAge, MaxVerdictAge: verdictAge,
		ByVerdict: checked == "verdict", PartOfVerdict: part == "policy",
	}, nil
}

// authorities returns the signers that the cluster believes.
func (a *app) authorities(ctx context.Context, v values) ([]policy.Authority, error) {
	format, err := v.oneOf("attestation-format", string(store.FormatAtt), string(store.FormatBundle), "both")
	if err != nil {
		return nil, err
	}
	tlog, err := v.oneOf("tlog", tlogAuto, tlogYes, tlogNo)
	if err != nil {
		return nil, err
	}
	logged := tlog == tlogYes
	bundle := format == string(store.FormatBundle)
	var all []policy.Authority
	if reference := v.text("key"); reference != "" {
		if bundle {
			return nil, fault.WithHint(fault.Usagef("the cluster reads bundles of keyless signers only"),
				"attach with --attestation-format att or both, and compile for att")
		}
		one, err := a.keyAuthority(ctx, reference)
		if err != nil {
			return nil, err
		}
		if logged { // as the gate demands it then
			one.Rekor, one.TrustRoot = cmp.Or(plain.Address(v.text("rekor-url")), publicRekor), plain.Address(v.text("trust-root-ref"))
		}
		all = append(all, one)
	}
	identity := certificateIdentity(v)
	if identity != (verify.Identity{}) {
		one, err := identityAuthority(v, identity, logged)
		if err != nil {
			return nil, err
		}
		one.Bundle = bundle
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, fault.WithHint(fault.Usagef("no signer given whose attestations the cluster believes"),
			"give the public key with --key cosign.pub, or --certificate-identity and --certificate-oidc-issuer")
	}
	return all, nil
}

// identityAuthority returns the authority of a keyless signer. logged: the log has to
// hold the signature.
func identityAuthority(v values, identity verify.Identity, logged bool) (policy.Authority, error) {
	if err := identity.Complete(); err != nil {
		return policy.Authority{}, err
	}
	if source := identity.Source.String(); source != "" {
		return policy.Authority{}, fault.WithHint(
			fault.Usagef("the cluster cannot check the %s: a ClusterImagePolicy compares a certificate's subject and issuer, "+
				"and nothing else of it", source),
			"leave it to the gate, and sign with a key, or in a workflow of each repository's own, for what the cluster is to admit")
	}
	one := policy.Authority{
		Subject: identity.Subject, SubjectRegexp: identity.SubjectRegexp, Issuer: identity.Issuer, IssuerRegexp: identity.IssuerRegexp,
		Fulcio: plain.Address(v.text("fulcio-url")), Rekor: plain.Address(v.text("rekor-url")),
		TrustRoot: plain.Address(v.text("trust-root-ref")),
	}
	if one.Fulcio == "" && one.Rekor == "" {
		one.Fulcio, one.Rekor = publicFulcio, publicRekor
	}
	if logged && one.Rekor == "" {
		return policy.Authority{}, noLog()
	}
	var err error
	one.Timestamps, err = timestamped(v, one)
	return one, err
}

// timestamped reports whether the cluster is to go by the timestamps of a private
// deployment: where its root has an authority for them. A log goes before these,
// since the controller asks for one of the two only.
func timestamped(v values, a policy.Authority) (bool, error) {
	path := v.text("trusted-root")
	if a.TrustRoot == "" || a.Rekor != "" || path == "" {
		return false, nil
	}
	root, err := verify.LoadRoot(path)
	return root.HasTimestamps(), err
}

// keyAuthority returns the authority of a key. One in a key management service
// stays there: the controller asks it.
func (a *app) keyAuthority(ctx context.Context, reference string) (policy.Authority, error) {
	if sign.IsKMS(reference) {
		return policy.Authority{KMS: reference}, nil
	}
	key, err := a.publicKey(ctx, reference)
	if err != nil {
		return policy.Authority{}, err
	}
	text, err := publicPEM(key)
	return policy.Authority{PEM: text}, err
}

func publicPEM(key crypto.PublicKey) (string, error) {
	text, err := cryptoutils.MarshalPublicKeyToPEM(key)
	if err != nil {
		return "", fmt.Errorf("writing the public key: %w", err)
	}
	return string(text), nil
}
