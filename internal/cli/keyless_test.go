package cli_test

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
)

// keyless is the deployment of Sigstore that the scripts share. $SIGSTORE is the
// address of all its services, $TRUSTED_ROOT the file that it is believed by.
type keyless struct {
	server *sigstoretest.Server
	root   string
}

func serveKeyless(t *testing.T) keyless {
	t.Helper()
	d := sigstoretest.New(t)
	return keyless{server: d.Serve(9 * time.Minute), root: d.TrustedRoot(sigstoretest.Root{NoLog: true})}
}

// token FILE SUBJECT [REPOSITORY [REF [CALLER]]] writes an identity token of GitHub's,
// whose bearer's certificates are for the subject and say the rest in extensions.
func token(ts *testscript.TestScript, w *world, args []string) error {
	said := append(slices.Clone(args[2:]), "", "", "")
	return os.WriteFile(ts.MkAbs(args[0]), []byte(w.keyless.server.Token(args[1], "https://token.actions.githubusercontent.com", "sigstore",
		sigstoretest.Extensions{SourceRepository: said[0], SourceRef: said[1], Caller: said[2]})), 0o600)
}
