package cli

import (
	"context"
	"crypto"
	"path/filepath"
	"sync"
	"time"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// The answers to the input tlog.
const (
	tlogAuto = "auto" // a log for keyless signing, none for a key
	tlogYes  = "true"
	tlogNo   = "false"
)

// signing is who signs, and the trust in that signer alone.
type signing struct {
	signer pipeline.Signer
	own    verify.Trust
}

// identity returns who signs, and whom a command that signs believes. All that can
// be wrong with it is told at once, but for what decrypting a key tells: that takes
// a while, and there is other work to do.
func (a *app) identity(ctx context.Context, v values, push bool) (func() (pipeline.Identity, error), error) {
	wait, err := a.signing(ctx, v, push)
	if err != nil {
		return nil, err
	}
	others, err := a.othersAccepted(ctx, v)
	if err != nil {
		return nil, err
	}
	return sync.OnceValues(func() (pipeline.Identity, error) {
		signing, err := wait()
		if err != nil {
			return pipeline.Identity{}, err
		}
		return pipeline.Identity{Signer: signing.signer, Own: signing.own, Others: others}, nil
	}), nil
}

// signing returns who signs: the key; without one, the job's own identity where
// the host gives it a token; or, where nothing will be pushed, a key that exists
// for this run only.
func (a *app) signing(ctx context.Context, v values, push bool) (wait func() (signing, error), err error) {
	tlog, err := v.oneOf("tlog", tlogAuto, tlogYes, tlogNo)
	if err != nil {
		return nil, err
	}
	if v.text("key") != "" {
		return a.signingByKey(ctx, v, tlog)
	}
	if !push {
		key, err := sign.Ephemeral()
		return func() (signing, error) { return byKey(key) }, err
	}
	token := sign.FindToken(v.text("identity-token"), sign.Environment(a.env), sign.Services{})
	if token == nil {
		return nil, fault.WithHint(fault.Usagef("no signing key given, and this job has no identity token to sign keyless"),
			"give --key FILE or --key env://NAME (hallmark keygen makes one); for keyless signing, GitHub jobs need "+
				"the permission id-token: write, GitLab jobs an id_token SIGSTORE_ID_TOKEN for the audience sigstore")
	}
	keyless, err := a.signingKeyless(ctx, v, tlog, token)
	return func() (signing, error) { return keyless, nil }, err
}

func (a *app) signingByKey(ctx context.Context, v values, tlog string) (wait func() (signing, error), err error) {
	key, err := sign.StartLoadKey(ctx, v.text("key"), sign.Environment(a.env))
	if err != nil {
		return nil, err
	}
	services, err := a.services(ctx, v, tlog == tlogYes)
	if err != nil {
		return nil, err
	}
	if tlog != tlogYes {
		services.Logs = nil
	} else if len(services.Logs) == 0 {
		return nil, noLog()
	}
	trusts := func(public crypto.PublicKey) (verify.Trust, error) { return verify.TrustKeys(public) }
	if tlog == tlogYes { // what it reads back must be in the log, too
		root, err := a.sigstoreRoot(v)
		if err != nil {
			return nil, err
		}
		trusts = func(public crypto.PublicKey) (verify.Trust, error) { return verify.TrustLoggedKeys(root, public) }
	}
	return func() (signing, error) {
		key, err := key()
		if err != nil {
			return signing{}, err
		}
		own, err := trusts(key.Public())
		return signing{signer: key.VouchedBy(services), own: own}, err
	}, nil
}

func byKey(key sign.Key) (signing, error) {
	own, err := verify.TrustKeys(key.Public())
	return signing{signer: key, own: own}, err
}

func (a *app) signingKeyless(ctx context.Context, v values, tlog string, token sign.Token) (signing, error) {
	services, err := a.services(ctx, v, true)
	if err != nil {
		return signing{}, err
	}
	switch url, publishes := services.Publishes(); {
	case tlog == tlogNo:
		services.Logs = nil
	case tlog == tlogYes && len(services.Logs) == 0:
		return signing{}, noLog()
	case tlog == tlogAuto && publishes:
		return signing{}, fault.WithHint(
			fault.Usagef("the transparency log %s is a Rekor v1, which would be sent every attestation whole, SBOM and scan included", url),
			"--tlog=true agrees to that; --tlog=false signs without a log and needs timestamp-url; a Rekor v2 is sent hashes only")
	}
	root, err := a.sigstoreRoot(v)
	if err != nil {
		return signing{}, err
	}
	signer, err := sign.NewKeyless(ctx, services, token)
	if err != nil {
		return signing{}, err
	}
	holder, err := signer.Identity()
	if err != nil {
		return signing{}, err
	}
	// The certificate of a reusable workflow names that, whoever calls it: this job's
	// own attestations are those of the same caller.
	own, err := trustIdentity(root, tlog, verify.Identity{
		Subject: holder.Subject, Issuer: holder.Issuer,
		Source: verify.Source{Repository: holder.SourceRepository, Caller: holder.Caller},
	})
	return signing{signer: signer, own: own}, err
}

func noLog() error {
	return fault.WithHint(fault.Usagef("tlog is true, and no transparency log is named"), "give rekor-url, or a signing-config that has one")
}

// services returns the parts of a Sigstore deployment that the inputs name: a
// signing config, single URLs, both, or, if it is needed and nothing is named, the
// public deployment.
func (a *app) services(ctx context.Context, v values, needed bool) (sign.Services, error) {
	services, err := a.namedServices(v, needed)
	if err != nil {
		return sign.Services{}, err
	}
	if url := v.text("fulcio-url"); url != "" {
		services.Fulcio = url
	}
	if url := v.text("rekor-url"); url != "" {
		services.Logs = []sign.Log{{URL: url}}
	}
	if url := v.text("timestamp-url"); url != "" {
		services.Timestamps = []string{url}
	}
	return services.ProbeLogs(ctx)
}

func (a *app) namedServices(v values, needed bool) (sign.Services, error) {
	switch path := v.text("signing-config"); {
	case path != "":
		return sign.LoadServices(path, time.Now())
	case !needed || privateURL(v):
		return sign.Services{}, nil
	}
	cache, err := a.cacheDir(v)
	if err != nil {
		return sign.Services{}, err
	}
	return sign.PublicServices(filepath.Join(cache, "sigstore"), time.Now())
}

func privateURL(v values) bool {
	return v.text("fulcio-url") != "" || v.text("rekor-url") != "" || v.text("timestamp-url") != ""
}
