package cli

import (
	"context"
	"path/filepath"
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

// signing returns who signs: the key; without one, the job's own identity where
// the host gives it a token; or, where nothing will be pushed, a key that exists
// for this run only.
func (a *app) signing(ctx context.Context, v values, push bool) (signing, error) {
	tlog, err := v.oneOf("tlog", tlogAuto, tlogYes, tlogNo)
	if err != nil {
		return signing{}, err
	}
	if v.text("key") != "" {
		return a.signingByKey(ctx, v, tlog)
	}
	if !push {
		key, err := sign.Ephemeral()
		if err != nil {
			return signing{}, err
		}
		return byKey(key)
	}
	token := sign.FindToken(v.text("identity-token"), sign.Environment(a.env), sign.Services{})
	if token == nil {
		return signing{}, fault.WithHint(fault.Usagef("no signing key given, and this job has no identity token to sign keyless"),
			"give --key FILE or --key env://NAME (hallmark keygen makes one); for keyless signing, GitHub jobs need "+
				"the permission id-token: write, GitLab jobs an id_token SIGSTORE_ID_TOKEN for the audience sigstore")
	}
	return a.signingKeyless(ctx, v, tlog, token)
}

func (a *app) signingByKey(ctx context.Context, v values, tlog string) (signing, error) {
	key, err := sign.LoadKey(ctx, v.text("key"), sign.Environment(a.env))
	if err != nil {
		return signing{}, err
	}
	services, err := a.services(ctx, v, tlog == tlogYes)
	if err != nil {
		return signing{}, err
	}
	if tlog != tlogYes {
		services.Logs = nil
	} else if len(services.Logs) == 0 {
		return signing{}, noLog()
	}
	return byKey(key.VouchedBy(services))
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
	subject, issuer, err := signer.Identity()
	if err != nil {
		return signing{}, err
	}
	own, err := verify.TrustIdentities(root, verify.Identity{Subject: subject, Issuer: issuer})
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
	cache, err := a.cacheDir()
	if err != nil {
		return sign.Services{}, err
	}
	return sign.PublicServices(filepath.Join(cache, "sigstore"), time.Now())
}

func privateURL(v values) bool {
	return v.text("fulcio-url") != "" || v.text("rekor-url") != "" || v.text("timestamp-url") != ""
}
