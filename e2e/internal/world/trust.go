package world

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

// Chain is a certificate chain in PEM files: whole, and in the parts that
// cosign's flags ask for.
type Chain struct {
	Whole         string // the end first, the root last
	Intermediates string // whole without its root
	Root          string
}

func chainIn(dir, name string) Chain {
	return Chain{
		Whole:         filepath.Join(dir, name+"-chain.pem"),
		Intermediates: filepath.Join(dir, name+"-intermediates.pem"),
		Root:          filepath.Join(dir, name+"-root.pem"),
	}
}

// write writes the certificates, of which the last is the root.
func (c Chain) write(certificates ...[]byte) error {
	last := len(certificates) - 1
	if last < 1 {
		return fmt.Errorf("writing %s: a chain of %d certificates is none", c.Whole, len(certificates))
	}
	for path, part := range map[string][][]byte{
		c.Whole: certificates, c.Intermediates: certificates[:last], c.Root: certificates[last:],
	} {
		if err := writePEM(path, "CERTIFICATE", part...); err != nil {
			return err
		}
	}
	return nil
}

// writeTrust describes the deployment in the two files that clients take, with
// cosign's own commands for it.
func (s *Sigstore) writeTrust(ctx context.Context, dir string) error {
	// Everything that this deployment signs comes after.
	start := ",start-time=" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	service := start + ",operator=hallmark-ci"
	for _, args := range [][]string{
		{
			"trusted-root", "create", "--out", s.TrustedRoot,
			"--fulcio", "url=" + s.FulcioURL + ",certificate-chain=" + s.FulcioChain.Whole + start,
			"--rekor", "url=" + s.RekorURL + ",public-key=" + s.RekorKey + ",origin=" + origin + start,
			"--tsa", "url=" + s.TimestampURL + ",certificate-chain=" + s.TimestampChain.Whole,
		},
		{
			"signing-config", "create", "--out", s.SigningConfig,
			"--fulcio", "url=" + s.FulcioURL + ",api-version=1" + service,
			"--rekor", "url=" + s.RekorURL + ",api-version=2" + service, "--rekor-config", "ANY",
			"--oidc-provider", "url=" + s.Issuer.Email("").Issuer + ",api-version=1" + service,
			"--tsa", "url=" + s.TimestampURL + ",api-version=1" + service, "--tsa-config", "ANY",
		},
	} {
		if err := runTool(ctx, dir, "cosign3", args...); err != nil {
			return err
		}
	}
	return nil
}

// runTool runs a peer to its end, with dir as its home.
func runTool(ctx context.Context, dir, name string, args ...string) error {
	path, err := Tool(name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %s %s: %w\n%s", name, args[0], err, out)
	}
	return nil
}
