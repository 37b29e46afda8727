package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// place is where one test happens: a registry of its own, a folder of its own
// and an environment that knows nothing of this machine but its programs.
type place struct {
	t    *testing.T
	host string // of the registry
	dir  string // programs run in it
	env  []string
}

// newPlace starts a registry that ends with the test. databases is the folder
// with grype's database, or empty where a test scans nothing.
func newPlace(t *testing.T, databases string) *place {
	t.Helper()
	dir := t.TempDir()
	registry, err := world.StartRegistry(context.Background(), dir) // outlives t.Context, to be stopped in order
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Stop(); err != nil {
			t.Error(err)
		}
	})
	env, err := world.Environ(dir, databases)
	if err != nil {
		t.Fatal(err)
	}
	return &place{t: t, host: registry.Host, dir: dir, env: env}
}

// useReferrers moves the place to a registry with the referrers API.
func (p *place) useReferrers() {
	p.t.Helper()
	registry, err := world.StartReferrers()
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := registry.Stop(); err != nil {
			p.t.Error(err)
		}
	})
	p.host = registry.Host
}

// bare pushes an image of its own under the name and returns it pinned.
func (p *place) bare(name string) string {
	p.t.Helper()
	pinned, err := world.PushBare(p.t.Context(), p.host+"/bare/"+name+":v1")
	if err != nil {
		p.t.Fatal(err)
	}
	return pinned.String()
}

// outcome is what became of a program.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs the product or a peer to its end.
func (p *place) run(tool string, args ...string) outcome {
	p.t.Helper()
	path, err := world.Tool(tool)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), path, args...)
	cmd.Dir, cmd.Env = p.dir, p.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		p.t.Fatalf("running %s: %v", tool, err)
	}
	return outcome{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// must is run for what has to succeed; it returns what was printed.
func (p *place) must(tool string, args ...string) string {
	p.t.Helper()
	got := p.run(tool, args...)
	if got.code != 0 {
		p.t.Fatalf("%s %s: exit %d\n%s%s", tool, strings.Join(args, " "), got.code, got.stdout, got.stderr)
	}
	return got.stdout
}

// keys makes NAME.key and NAME.pub with stock cosign.
func (p *place) keys(name string) {
	p.t.Helper()
	p.must("cosign", "generate-key-pair", "--output-key-prefix", name)
}

// file writes a file for the programs to read and returns its name.
func (p *place) file(name, content string) string {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return name
}

// read returns what a program wrote.
func (p *place) read(name string) []byte {
	p.t.Helper()
	content, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return content
}

// cosignAttest attaches a predicate with stock cosign.
func (p *place) cosignAttest(key, predicateType, file, image string) {
	p.t.Helper()
	p.must("cosign", "attest", "-y", "--tlog-upload=false", "--key", key, "--type", predicateType, "--predicate", file, image)
}

// newRealPlace returns a place with a key pair and real images, and the real
// database. Where their recipes are not beside this checkout it says so.
func newRealPlace(t *testing.T, images ...string) (p *place, archive string, ok bool) {
	t.Helper()
	shared, ok := world.Shared()
	if !ok {
		t.Logf("the recipes of the real images are not beside this checkout: %v were not tried", images)
		return nil, "", false
	}
	archive, err := world.SharedArchive(shared)
	if err != nil {
		t.Fatal(err)
	}
	p = newPlace(t, "")
	p.keys("cosign")
	if err := world.PushReal(t.Context(), p.host, images...); err != nil {
		t.Fatal(err)
	}
	return p, archive, true
}
