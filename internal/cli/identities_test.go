package cli_test

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// known sets $CONFIG to the digest of the config of the image that was pushed last; of an index, $AMD64 to the digest
// of its image for amd64, $AMD64_CONFIG to that of its config, and so on.
func known(ts *testscript.TestScript, w *world, _ []string) error {
	direct := httptest.NewServer(w.gateway.registry)
	defer direct.Close()
	pushed, err := name.NewDigest(host(direct) + "/" + w.subject.RepositoryStr() + "@" + w.subject.DigestStr())
	if err != nil {
		return err
	}
	descriptor, err := remote.Get(pushed)
	if err != nil {
		return err
	}
	if !descriptor.MediaType.IsIndex() {
		image, err := descriptor.Image()
		if err != nil {
			return err
		}
		return setConfig(ts, "CONFIG", image)
	}
	index, err := descriptor.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, entry := range manifest.Manifests {
		image, err := index.Image(entry.Digest)
		if err != nil {
			return err
		}
		architecture := strings.ToUpper(entry.Platform.Architecture)
		ts.Setenv(architecture, entry.Digest.String())
		if err := setConfig(ts, architecture+"_CONFIG", image); err != nil {
			return err
		}
	}
	return nil
}

func setConfig(ts *testscript.TestScript, variable string, image v1.Image) error {
	config, err := image.ConfigName()
	if err != nil {
		return err
	}
	ts.Setenv(variable, config.String())
	return nil
}

// fill FORM FILE writes a file like another one, with each ${NAME} replaced by the variable of that name.
func fill(ts *testscript.TestScript, _ *world, args []string) error {
	filled := regexp.MustCompile(`\$\{[A-Z0-9_]+\}`).ReplaceAllStringFunc(ts.ReadFile(args[0]), func(variable string) string {
		return ts.Getenv(variable[2 : len(variable)-1])
	})
	return os.WriteFile(ts.MkAbs(args[1]), []byte(filled), 0o600)
}
