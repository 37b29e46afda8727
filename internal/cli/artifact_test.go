package cli_test

import (
	"net/http/httptest"
	"os"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// artifact FILE REPOSITORY:TAG pushes a file as the one layer of an artifact, and sets
// $ARTIFACT to its digest.
func pushArtifact(ts *testscript.TestScript, w *world, args []string) error {
	direct := httptest.NewServer(w.gateway.registry)
	defer direct.Close()
	content, err := os.ReadFile(ts.MkAbs(args[0]))
	if err != nil {
		return err
	}
	made, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(content, "application/octet-stream"))
	if err != nil {
		return err
	}
	tag, err := name.NewTag(host(direct) + "/" + args[1])
	if err != nil {
		return err
	}
	digest, err := made.Digest()
	if err != nil {
		return err
	}
	ts.Setenv("ARTIFACT", digest.String())
	return remote.Write(tag, made)
}
