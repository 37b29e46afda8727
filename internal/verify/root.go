package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/tuf"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxRoot bounds a trusted root file, in bytes: 4 MiB.
const maxRoot = 4 << 20

// Root is what a Sigstore deployment is believed by: the certificates of its
// authorities and the keys of its logs. Its zero value believes nobody.
type Root struct {
	material    root.TrustedMaterial
	logOptional bool
}

// LoadRoot reads a trusted root in the JSON form of Sigstore
// (https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto).
func LoadRoot(path string) (Root, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxRoot {
		err = fmt.Errorf("it has %d bytes, the limit is %d (4 MiB)", info.Size(), maxRoot)
	}
	var content []byte
	if err == nil {
		content, err = os.ReadFile(path)
	}
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	if err != nil {
		return Root{}, fmt.Errorf("loading the trusted root %s: %w", path, err)
	}
	material, err := root.NewTrustedRootFromJSON(content)
	if err != nil {
		return Root{}, fault.WithHint(fmt.Errorf("loading the trusted root %s: %s", path, plain.Line(err.Error(), 200)),
			"cosign trusted-root create makes one for a private deployment")
	}
	return Root{material: material}, nil
}

// PublicRoot returns the root of the public Sigstore deployment, from its TUF
// repository and by the root of trust in this program. What was fetched is kept
// in cacheDir.
func PublicRoot(cacheDir string) (Root, error) {
	material, err := root.FetchTrustedRootWithOptions(tuf.DefaultOptions().WithCachePath(cacheDir))
	if err != nil {
		return Root{}, fault.WithHint(fmt.Errorf("fetching the trusted root of the public Sigstore: %s", plain.Line(err.Error(), 300)),
			"this job must reach Sigstore's TUF repository, or be given the root as a file with trusted-root")
	}
	return Root{material: material}, nil
}

// WithoutLog returns the root for readers who do not ask for an entry in a
// transparency log. A signature by certificate then needs a timestamp by one of
// the root's authorities.
func (r Root) WithoutLog() Root {
	r.logOptional = true
	return r
}

// HasTimestamps reports whether the deployment has a timestamp authority.
func (r Root) HasTimestamps() bool {
	return r.material != nil && len(r.material.TimestampingAuthorities()) > 0
}

// HasLog reports whether the deployment has a transparency log.
func (r Root) HasLog() bool { return r.material != nil && len(r.material.RekorLogs()) > 0 }

func (r Root) mustHaveLog() error {
	if r.HasLog() {
		return nil
	}
	return fault.WithHint(fault.Usagef("signatures must be in a transparency log, and the trusted root has none"),
		"give a trusted-root with a log, or ask for none with tlog: false")
}
