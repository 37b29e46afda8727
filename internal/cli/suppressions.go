package cli

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/verify"
	"github.com/hallmark-ci/hallmark/internal/vex"
	"github.com/hallmark-ci/hallmark/internal/waiver"
)

// attested is the word for the VEX documents that are attested to the image.
const attested = "attested"

// suppressions reads what takes findings back: the inputs vex and waivers.
func (a *app) suppressions(ctx context.Context, v values, job *pipeline.Job) (err error) {
	for _, path := range v.list("vex") {
		if path == attested {
			job.Attested = true
			continue
		}
		d, err := vex.Load(path)
		if err != nil {
			return err
		}
		job.VEX = append(job.VEX, d)
	}
	job.Waivers, err = a.waiversOf(ctx, v)
	return err
}

// waiversOf reads the input waivers. Where waivers-key names somebody, only what they
// signed is a waiver.
func (a *app) waiversOf(ctx context.Context, v values) (waiver.File, error) {
	path := v.text("waivers")
	if path == "" {
		return waiver.File{}, nil
	}
	text, err := waiver.Read(path)
	if err != nil {
		return waiver.File{}, err
	}
	keys, err := a.loadPublicKeys(ctx, v.list("waivers-key"))
	if err != nil {
		return waiver.File{}, err
	}
	if len(keys) > 0 {
		trust, err := verify.TrustKeys(keys[0], keys[1:]...)
		if err != nil {
			return waiver.File{}, err
		}
		if err := checkDetached(path, text, trust); err != nil {
			return waiver.File{}, fault.WithHint(fault.Undecidedf("reading the waivers %s: %w", path, err),
				"cosign sign-blob --key KEY --output-signature %s.sig %s signs it", path, path)
		}
	}
	return waiver.Parse(path, text)
}

// maxSignature bounds a detached signature, in bytes.
const maxSignature = 64 << 10

// checkDetached makes sure that somebody who is trusted signed a file: its signature
// lies beside it, in base64, as cosign sign-blob writes it.
func checkDetached(path string, text []byte, trust verify.Trust) error {
	encoded, err := readBounded(path + ".sig")
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return fault.Undecidedf("its signature %s.sig cannot be read: %w", path, failed.Err)
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(encoded)))
	if err != nil || len(signature) == 0 {
		return errors.New("its signature " + path + ".sig is not one in base64")
	}
	_, err = verify.Blob(attest.Signature{Payload: text, Signature: signature}, trust)
	return err
}

func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read from
	return io.ReadAll(io.LimitReader(file, maxSignature))
}
