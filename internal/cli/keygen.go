package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sign"
)

const (
	privateMode = 0o600
	publicMode  = 0o644
)

func (a *app) keygen() *cobra.Command {
	return a.command(cmdKeygen, "", "Make a key pair that cosign can use too",
		func(_ context.Context, v values, _ []string) error { return a.keygenJob(v) })
}

func (a *app) keygenJob(v values) error {
	password, ok := a.env(sign.PasswordVariable)
	if !ok {
		return fault.WithHint(fault.Usagef("no password for the private key"),
			"set %s; to the empty string for a key without one", sign.PasswordVariable)
	}
	prefix := v.text("output-key-prefix")
	private, public := prefix+".key", prefix+".pub"
	for _, path := range []string{private, public} {
		switch _, err := os.Lstat(path); {
		case err == nil:
			return fault.WithHint(fmt.Errorf("writing the key pair: %s is there already", path),
				"move it away, or choose other names with --output-key-prefix")
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("writing the key pair: %w", err)
		}
	}
	pair, err := sign.GeneratePair([]byte(password))
	if err != nil {
		return err
	}
	if err := writeNew(private, pair.Private, privateMode); err != nil {
		return err
	}
	if err := writeNew(public, pair.Public, publicMode); err != nil {
		return errors.Join(err, os.Remove(private))
	}
	_, _ = fmt.Fprintf(a.stdio.Out, "private key  %s\npublic key   %s\n", private, public)
	return nil
}

// writeNew writes a file that must not exist yet, whole or not at all.
func writeNew(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("writing the key pair: %w", err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing the key pair: %w", err), os.Remove(path))
	}
	return nil
}
