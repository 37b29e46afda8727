package cli_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
)

// serveSigstore serves the deployment of Sigstore that the scripts share, and writes
// the files by which it is believed, and an identity token, into a directory. In a
// script $SIGSTORE is the address of all its services.
func serveSigstore(t *testing.T, dir string) *sigstoretest.Server {
	t.Helper()
	deployment := sigstoretest.New(t)
	services := deployment.Serve(time.Hour)
	write(t, filepath.Join(dir, "job.token"), []byte(services.Token("release@example.com", "https://issuer.example", sign.Audience)))
	for name, has := range map[string]sigstoretest.Root{"sigstore-root.json": {}, "root-without-log.json": {NoLog: true}} {
		content, err := os.ReadFile(deployment.TrustedRoot(has))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), content)
	}
	return services
}

// token FILE SUBJECT [REPOSITORY [REF [CALLER]]] writes an identity token of GitHub's,
// whose bearer's certificates are for the subject and say the rest in extensions.
func token(ts *testscript.TestScript, w *world, args []string) error {
	said := append(slices.Clone(args[2:]), "", "", "")
	return os.WriteFile(ts.MkAbs(args[0]), []byte(w.sigstore.Token(args[1], "https://token.actions.githubusercontent.com", "sigstore",
		sigstoretest.Extensions{SourceRepository: said[0], SourceRef: said[1], Caller: said[2]})), 0o600)
}
