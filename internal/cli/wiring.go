package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

// rules reads what the gate decides by, and whether it only warns.
func (a *app) rules(ctx context.Context, v values) (policy.Rules, error) {
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
	maxScanAge, err := v.duration("max-scan-age")
	if err != nil {
		return policy.Rules{}, err
	}
	allowed, err := policy.ParseAllowance(v.list("allow-unread"))
	if err != nil {
		return policy.Rules{}, err
	}
	asked, err := a.policies(ctx, v)
	if err != nil {
		return policy.Rules{}, err
	}
	return policy.Rules{
		Policies: asked, Cutoff: cutoff, OnlyFixed: onlyFixed, AllowUnread: allowed, MaxDatabaseAge: maxAge, MaxScanAge: maxScanAge,
	}, nil
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
	if bom.Foreign() {
		return d.ScanForeign(ctx, bom.Syft())
	}
	return d.Database.Scan(ctx, bom.Syft())
}

// databases opens the vulnerability database when the pipeline asks for it.
type databases struct {
	config scan.Config
	opened *scan.Database
}

// databases returns nil if no scan is asked for.
func (a *app) databases(ctx context.Context, v values, p place) (*databases, error) {
	wanted, err := v.boolean("scan")
	if err != nil || !wanted {
		return nil, err
	}
	return a.database(ctx, v, p)
}

// database returns the vulnerability database that is asked for, not yet open.
func (a *app) database(ctx context.Context, v values, p place) (*databases, error) {
	cache, err := a.cacheDir(v)
	if err != nil {
		return nil, err
	}
	trust, err := a.databaseTrust(ctx, v)
	if err != nil {
		return nil, err
	}
	access, err := a.access(v)
	if err != nil {
		return nil, err
	}
	home, _ := a.env("HOME")
	source := databaseSource{registry: p.registry, connection: access.Connect(), trust: trust}
	config := scan.Config{
		Source: v.text("vuln-db"), CacheDir: filepath.Join(cache, "db"), Home: home, Fetch: p.registry.Fetch, Pin: source.pin,
	}
	if len(trust.Signers()) > 0 {
		config.Signed = source.signed
	}
	return &databases{config: config}, nil
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

// cacheDir returns the folder that databases are kept in between runs. A step of a
// host has one of its own, unless it names another: what earlier steps left in the
// usual one is not believed.
func (a *app) cacheDir(v values) (string, error) {
	if dir := v.text("cache-dir"); dir != "" {
		return dir, nil
	}
	if v.step.alone() {
		return a.ownCache()
	}
	if dir, ok := a.env("XDG_CACHE_HOME"); ok && dir != "" {
		return filepath.Join(dir, "hallmark"), nil
	}
	if home, ok := a.env("HOME"); ok && home != "" {
		return filepath.Join(home, ".cache", "hallmark"), nil
	}
	return "", fault.WithHint(errors.New("finding the cache folder: neither XDG_CACHE_HOME nor HOME is set"), "set XDG_CACHE_HOME, or give cache-dir")
}

// ownCache makes a cache that ends with this invocation.
func (a *app) ownCache() (string, error) {
	if a.cache == "" {
		dir, remove, err := tempDir()
		if err != nil {
			return "", err
		}
		flush := a.flush
		a.cache, a.flush = dir, func() {
			_ = remove() // what is left is temporary
			flush()
		}
	}
	return a.cache, nil
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
