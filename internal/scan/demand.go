package scan

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxSignature bounds a detached signature, in bytes.
const maxSignature = 64 << 10

// Signed makes sure that somebody who is trusted signed what open gives, as cosign
// sign-blob does. It may call open more than once.
type Signed func(signature []byte, open func() (io.ReadCloser, error)) error

// demand is what a database must be, before anything in it is read.
type demand struct {
	sum       string                                    // SHA-256 in hexadecimal; empty: any
	signed    Signed                                    // nil: by nobody
	signature func(ctx context.Context) ([]byte, error) // gets the signature, in base64
}

// asked reports whether anything is demanded.
func (d demand) asked() bool { return d.sum != "" || d.signed != nil }

// check checks the file of a database, which has the given SHA-256.
func (d demand) check(ctx context.Context, file, sum, source string) error {
	name := plain.Address(source)
	if d.sum != "" && d.sum != sum {
		return fault.WithHint(fault.Undecidedf("%s has the SHA-256 %s, and #sha256= names another", name, sum),
			"find out why it changed; if the new one is good, give its digest")
	}
	if d.signed == nil {
		return nil
	}
	encoded, err := d.signature(ctx)
	if err != nil {
		return unsigned(name, err)
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(encoded)))
	if err != nil || len(signature) == 0 {
		return unsigned(name, errors.New("the signature is not one in base64"))
	}
	if err := d.signed(signature, func() (io.ReadCloser, error) { return os.Open(file) }); err != nil {
		return unsigned(name, err)
	}
	return ctx.Err()
}

func unsigned(name string, err error) error {
	return fault.WithHint(fault.Undecidedf("the signature of %s that vuln-db-key asks for: %w", name, err),
		"cosign sign-blob --key KEY --output-signature FILE.sig FILE signs a database; the signature lies beside it")
}

// besideFile reads the signature beside a file.
func besideFile(file string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) {
		f, err := os.Open(file + ".sig")
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			return nil, fault.Undecidedf("%s.sig cannot be read: %w", file, failed.Err)
		}
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // only read from
		return io.ReadAll(io.LimitReader(f, maxSignature))
	}
}

// divided returns a place and the digest that it must have: PLACE#sha256=HEX.
func divided(source string) (place, sum string, err error) {
	i := strings.LastIndex(source, "#sha256=")
	if i < 0 {
		return source, "", nil
	}
	place, sum = source[:i], source[i+len("#sha256="):]
	if !isSum(sum) {
		return "", "", fault.WithHint(fault.Usagef("%s does not say which database is meant", plain.Address(place)),
			"end it with #sha256= and the 64 digits that sha256sum prints")
	}
	return place, sum, nil
}
