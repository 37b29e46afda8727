package cli_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/sigstore/cosign/v2/pkg/cosign"
)

// website DIR [FILE] serves a folder over TLS, which the program is told to trust,
// and sets $SITE to its address, $SECRETSITE to that with a login, and $SUM to the
// SHA-256 of the file in it.
func website(ts *testscript.TestScript, w *world, args []string) error {
	server := httptest.NewTLSServer(http.FileServer(http.Dir(ts.MkAbs(args[0]))))
	ts.Defer(server.Close)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	path := filepath.Join(ts.Getenv("WORK"), "website.pem")
	if err := os.WriteFile(path, certificate, 0o600); err != nil {
		return err
	}
	ts.Setenv("SSL_CERT_FILE", path)
	ts.Setenv("SITE", server.URL)
	ts.Setenv("SECRETSITE", strings.Replace(server.URL, "://", "://canary-user:canary-login@", 1))
	for _, file := range args[1:] {
		content, err := os.ReadFile(filepath.Join(ts.MkAbs(args[0]), file))
		if err != nil {
			return err
		}
		ts.Setenv("SUM", fmt.Sprintf("%x", sha256.Sum256(content)))
	}
	_ = w
	return nil
}

// retag REPOSITORY:TAG REPOSITORY:TAG copies a manifest and its blobs to another
// name, without what is attached to it, and sets $RETAGGED to its digest.
func retag(ts *testscript.TestScript, w *world, args []string) error {
	direct := httptest.NewServer(w.gateway.registry)
	defer direct.Close()
	from, err := name.NewTag(host(direct) + "/" + args[0])
	if err != nil {
		return err
	}
	to, err := name.NewTag(host(direct) + "/" + args[1])
	if err != nil {
		return err
	}
	descriptor, err := remote.Get(from)
	if err != nil {
		return err
	}
	image, err := descriptor.Image()
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	for _, l := range layers {
		if err := remote.WriteLayer(to.Context(), l); err != nil {
			return err
		}
	}
	ts.Setenv("RETAGGED", strings.TrimPrefix(descriptor.Digest.String(), "sha256:"))
	return remote.Put(to, descriptor)
}

// signblob KEY FILE writes FILE.sig, as cosign sign-blob does.
func signBlob(ts *testscript.TestScript, _ *world, args []string) error {
	key, err := cosign.LoadPrivateKey([]byte(ts.ReadFile(args[0])), []byte(password), nil)
	if err != nil {
		return err
	}
	signature, err := key.SignMessage(strings.NewReader(ts.ReadFile(args[1])))
	if err != nil {
		return err
	}
	return os.WriteFile(ts.MkAbs(args[1]+".sig"), []byte(base64.StdEncoding.EncodeToString(signature)+"\n"), 0o600)
}
