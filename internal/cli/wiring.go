package cli

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/scan"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// place is an image's reference and the ways to its registry.
type place struct {
	reference string
	registry  *image.Registry
	store     store.Att
}

// place reads where the image is and how its registry is reached.
func (a *app) place(v values, args []string) (place, error) {
	reference := v.text("image")
	if len(args) > 0 {
		reference = args[0]
	}
	if reference == "" {
		return place{}, fault.WithHint(fault.Usagef("no image given"), "name it as the argument, or in the input image")
	}
	insecure, err := v.boolean("insecure-registry")
	if err != nil {
		return place{}, err
	}
	host, err := registryOf(reference)
	if err != nil {
		return place{}, err
	}
	login, err := explicitLogin(v, host)
	if err != nil {
		return place{}, err
	}
	access := image.Access{
		Login:     login,
		HostLogin: a.hostLogin(),
		Insecure:  insecure,
		UserAgent: "hallmark/" + buildVersion(),
	}
	target, err := a.targetRepository(access.NameOptions())
	if err != nil {
		return place{}, err
	}
	return place{
		reference: reference,
		registry:  image.NewRegistry(access, image.DefaultLimits()),
		store:     store.NewAtt(access.RemoteOptions(), target),
	}, nil
}

// explicitLogin reads the login that the user gives for the image's registry:
// both halves of it or neither.
func explicitLogin(v values, host string) (image.Login, error) {
	login := image.Login{Host: host, Username: v.text("registry-username"), Password: v.text("registry-password")}
	if (login.Username == "") != (login.Password == "") {
		return image.Login{}, fault.WithHint(fault.Usagef("only one of registry-username and registry-password is given"), "give both, or neither")
	}
	return login, nil
}

// hostLogin returns the login that GitLab gives every job, for GitLab's own
// registry and no other.
func (a *app) hostLogin() image.Login {
	host, _ := a.env("CI_REGISTRY")
	username, _ := a.env("CI_REGISTRY_USER")
	password, _ := a.env("CI_REGISTRY_PASSWORD")
	return image.Login{Host: host, Username: username, Password: password}
}

// registryOf returns the host of a reference's registry.
func registryOf(reference string) (string, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return "", fault.WithHint(fault.Usagef("image reference %q is malformed", reference),
			"write it as registry/repository:tag or registry/repository@sha256:…")
	}
	return ref.Context().RegistryStr(), nil
}

// targetRepository returns the repository that attestations lie in, if it is
// not the image's own: COSIGN_REPOSITORY, as with cosign.
func (a *app) targetRepository(options []name.Option) (*name.Repository, error) {
	value, ok := a.env("COSIGN_REPOSITORY")
	if !ok || value == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	repository, err := name.NewRepository(value, options...)
	if err != nil {
		return nil, fault.Usagef("COSIGN_REPOSITORY is %q, which is not a repository: %w", value, err)
	}
	return &repository, nil
}

// signer returns who signs: the key, or, where nothing will be pushed and no
// key is given, one that exists for this run only.
func (a *app) signer(v values, push bool) (sign.Key, error) {
	reference := v.text("key")
	switch {
	case reference != "":
		return sign.LoadKey(reference, sign.Environment(a.env))
	case !push:
		return sign.Ephemeral()
	}
	return sign.Key{}, fault.WithHint(fault.Usagef("no signing key given"),
		"give --key FILE or --key env://NAME; hallmark keygen makes one")
}

// trust returns the accepted signers: the given keys and those of verify-key.
func (a *app) trust(v values, keys ...crypto.PublicKey) (verify.Trust, error) {
	references := v.list("verify-key")
	for _, reference := range references {
		key, err := verify.LoadPublicKey(reference, a.env)
		if err != nil {
			return verify.Trust{}, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return verify.Trust{}, fault.WithHint(fault.Usagef("no accepted signer given"), "give the public key with --key cosign.pub")
	}
	return verify.TrustKeys(keys[0], keys[1:]...)
}

// readerTrust is trust for the commands that sign nothing: there, key is the
// public half, as with cosign.
func (a *app) readerTrust(v values) (verify.Trust, error) {
	reference := v.text("key")
	if reference == "" {
		return a.trust(v)
	}
	key, err := verify.LoadPublicKey(reference, a.env)
	if err != nil {
		return verify.Trust{}, err
	}
	return a.trust(v, key)
}

// rules reads what the gate decides by, and whether it only warns.
func (a *app) rules(v values) (policy.Rules, error) {
	mode, err := v.oneOf("gate", "enforce", "warn")
	if err != nil {
		return policy.Rules{}, err
	}
	a.warning = mode == "warn"
	cutoff, err := finding.ParseCutoff(v.text("severity-cutoff"))
	if err != nil {
		return policy.Rules{}, err
	}
	onlyFixed, err := v.boolean("only-fixed")
	if err != nil {
		return policy.Rules{}, err
	}
	maxAge, err := v.duration("vuln-db-max-age")
	if err != nil {
		return policy.Rules{}, err
	}
	policies, err := policy.Load(v.list("policy"))
	if err != nil {
		return policy.Rules{}, err
	}
	return policy.Rules{Policies: policies, Cutoff: cutoff, OnlyFixed: onlyFixed, MaxDatabaseAge: maxAge}, nil
}

// checkPolicies refuses policies that can decide nothing before a run does any
// work for them. Under gate: warn the gate itself says what is wrong with them.
func (a *app) checkPolicies(policies []policy.Policy) error {
	if a.warning {
		return nil
	}
	for _, p := range policies {
		if problems := p.Problems(); len(problems) > 0 {
			return fault.Undecidedf("compiling the policies: %s", strings.Join(problems, "; "))
		}
	}
	return nil
}

// formats reads the input sbom, each format once.
func formats(v values) ([]catalog.Format, error) {
	var out []catalog.Format
	none := false
	for _, word := range v.list("sbom") {
		switch word {
		case "none":
			none = true
		case string(catalog.CycloneDX), string(catalog.SPDX):
			if !slices.Contains(out, catalog.Format(word)) {
				out = append(out, catalog.Format(word))
			}
		default:
			return nil, fault.WithHint(fault.Usagef("sbom is %q: use cyclonedx, spdx or none", word), "repeat --sbom for more than one")
		}
	}
	if none && len(out) > 0 {
		return nil, fault.Usagef("sbom is none and %s at once", out[0])
	}
	return out, nil
}

// database is an opened vulnerability database in the form that the pipeline
// takes it.
type database struct{ *scan.Database }

// Scan implements pipeline.Scanner.
func (d database) Scan(ctx context.Context, bom catalog.SBOM) (finding.Scan, error) {
	return d.Database.Scan(ctx, bom.Syft())
}

// databases opens the vulnerability database when the pipeline asks for it.
type databases struct {
	config scan.Config
	opened *scan.Database
}

// databases returns nil if no scan is asked for.
func (a *app) databases(v values, p place) (*databases, error) {
	wanted, err := v.boolean("scan")
	if err != nil || !wanted {
		return nil, err
	}
	cache, err := a.cacheDir()
	if err != nil {
		return nil, err
	}
	return &databases{config: scan.Config{
		Source: v.text("vuln-db"), CacheDir: filepath.Join(cache, "db"), Fetch: p.registry.Fetch,
	}}, nil
}

func (d *databases) open(ctx context.Context) (pipeline.Scanner, error) {
	db, err := scan.Open(ctx, d.config)
	if err != nil {
		return nil, err
	}
	d.opened = db
	return database{db}, nil
}

// close closes what was opened.
func (d *databases) close() error {
	if d == nil || d.opened == nil {
		return nil
	}
	return d.opened.Close()
}

// cacheDir returns the folder that databases are kept in between runs.
func (a *app) cacheDir() (string, error) {
	if dir, ok := a.env("XDG_CACHE_HOME"); ok && dir != "" {
		return filepath.Join(dir, "hallmark"), nil
	}
	if home, ok := a.env("HOME"); ok && home != "" {
		return filepath.Join(home, ".cache", "hallmark"), nil
	}
	return "", fault.WithHint(errors.New("finding the cache folder: neither XDG_CACHE_HOME nor HOME is set"), "set XDG_CACHE_HOME")
}

// tempDir makes a folder for this invocation. The returned function removes it
// with all that is in it.
func tempDir() (string, func() error, error) {
	dir, err := os.MkdirTemp("", "hallmark-")
	if err != nil {
		return "", nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
