package cli_test

import (
	"context"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hallmark-ci/hallmark/internal/advisory"
	"github.com/hallmark-ci/hallmark/internal/cli"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
)

// The scripts in testdata/script use the program as a user does: each runs it
// in processes of its own, against a registry that the test serves on loopback
// and that can be told to fail. Failing paths come first in every script.
//
// What a failing command must always do is checked by the script command fails:
// the exact exit code, one sentence on standard error, and no temporary file
// left behind. The commands of the scripts are in commands_test.go.

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"hallmark": hallmark})
}

// hallmark is cmd/hallmark.
func hallmark() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Main(ctx, os.Args[1:], cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Environ())
	stop()
	os.Exit(code)
}

const password = "correct horse"

func TestScripts(t *testing.T) {
	waitTogether(t)
	shared := materials(t)
	sigstore := serveSigstore(t, shared)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		ContinueOnError:     true,
		Cmds:                commands(),
		Setup:               func(env *testscript.Env) error { return setUp(env, shared, sigstore) },
	})
}

// waitTogether lets more scripts run at once than there are processors: many
// of them wait for a client that tries again after a while.
func waitTogether(t *testing.T) {
	t.Helper()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if asked {
		return
	}
	if err := flag.Set("test.parallel", "6"); err != nil {
		t.Fatal(err)
	}
}

// materials makes what all scripts share and none changes: two key pairs, the
// vulnerability databases that the script command database knows.
func materials(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"cosign", "other"} {
		pair, err := sign.GeneratePair([]byte(password))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name+".key"), pair.Private)
		write(t, filepath.Join(dir, name+".pub"), pair.Public)
	}
	advisories, err := advisory.Table()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for name, built := range map[string]time.Time{"fresh": now, "old": now.Add(-30 * 24 * time.Hour)} {
		if err := advisory.Build(t.Context(), filepath.Join(dir, name), built, advisories); err != nil {
			t.Fatal(err)
		}
	}
	makeSpoiled(t, dir)
	return dir
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// setUp gives a script the keys, the password, a cache of its own and a world.
func setUp(env *testscript.Env, shared string, sigstore *sigstoretest.Server) error {
	for _, name := range []string{"cosign.key", "cosign.pub", "other.key", "other.pub", "sigstore-root.json", "root-without-log.json", "job.token"} {
		content, err := os.ReadFile(filepath.Join(shared, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(env.WorkDir, name), content, 0o600); err != nil {
			return err
		}
	}
	env.Setenv(sign.PasswordVariable, password)
	env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
	env.Setenv("DB", filepath.Join(shared, "fresh"))
	env.Setenv("SIGSTORE", sigstore.URL)
	env.Setenv("TRUSTED_ROOT", filepath.Join(shared, "root-without-log.json"))
	w := &world{shared: shared, sigstore: sigstore}
	env.Values[worldKey{}] = w
	env.Defer(w.close)
	return nil
}
