package verify

import (
	"crypto"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/sigstore/sigstore/pkg/cryptoutils"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// LoadPublicKey reads a public key in PEM form: a file's path, or env://NAME
// for one in the environment. lookup is as os.LookupEnv.
func LoadPublicKey(reference string, lookup func(string) (string, bool)) (crypto.PublicKey, error) {
	content, err := readPublicKey(reference, lookup)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("loading the public key %s: not a PEM file", reference)
	}
	if strings.Contains(block.Type, "PRIVATE KEY") {
		return nil, fault.WithHint(fmt.Errorf("loading the public key %s: it is a private key", reference),
			"give the public half, usually cosign.pub")
	}
	if !strings.HasSuffix(block.Type, "PUBLIC KEY") {
		return nil, fmt.Errorf("loading the public key %s: it is a PEM block of type %q", reference, block.Type)
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey(content)
	if err != nil {
		return nil, fmt.Errorf("loading the public key %s: %w", reference, err)
	}
	return public, nil
}

func readPublicKey(reference string, lookup func(string) (string, bool)) ([]byte, error) {
	if name, ok := strings.CutPrefix(reference, "env://"); ok {
		value, found := lookup(name)
		if !found || value == "" {
			return nil, fmt.Errorf("loading the public key %s: the variable is not set", reference)
		}
		return []byte(value), nil
	}
	if scheme, _, ok := strings.Cut(reference, "://"); ok {
		return nil, fault.WithHint(fault.Usagef("loading the public key %s: no reader for %s://", reference, scheme),
			"use a file or env://NAME")
	}
	content, err := os.ReadFile(reference)
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err // the path is the reference
	}
	if err != nil {
		return nil, fmt.Errorf("loading the public key %s: %w", reference, err)
	}
	return content, nil
}
