package e2e_test

import (
	"bytes"
	"context"
	"debug/elf"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

const (
	baseImage     = "hallmark-base:e2e"
	hallmarkImage = "hallmark:e2e"
	// On a base like Alpine's, which has its own authorities.
	busyboxBase, busyboxImage = "busybox-base:e2e", "hallmark:busybox"
	// For an architecture that this machine has not, on a base without authorities.
	foreignBase, foreignImage = "foreign-base:e2e", "hallmark:foreign"
)

// foreign returns an architecture of a release that is not this machine's.
func foreign() string {
	if runtime.GOARCH == "arm64" {
		return "amd64"
	}
	return "arm64"
}

func TestImageAndAction(t *testing.T) {
	hub := newPlace(t, "")                                           // what would be pulled from Docker Hub is here
	docker, err := world.StartDocker(context.Background(), hub.host) // outlives t.Context, to be stopped in order
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := docker.Stop(); err != nil {
			t.Error(err)
		}
	})
	importBases(t, docker)
	if err := docker.PushIndexOf(t.Context(), hub.host+"/library/alpine:3.22", busyboxBase, foreignBase); err != nil {
		t.Fatal(err)
	}
	if err := docker.BuildHallmark(t.Context(), world.Bases{Base: baseImage, Authorities: baseImage}, hallmarkImage); err != nil {
		t.Fatal(err)
	}
	databases := t.TempDir()
	if _, err := world.MakeDatabase(t.Context(), databases); err != nil {
		t.Fatal(err)
	}
	t.Run("image", func(t *testing.T) { testImage(t, docker) })
	t.Run("busybox", func(t *testing.T) { testBusybox(t, docker) })
	t.Run("github", func(t *testing.T) { testGitHub(t, docker, databases) })
	t.Run("attest", func(t *testing.T) { testAttest(t, docker, databases) })
	t.Run("gitlab", func(t *testing.T) { testComponentImage(t, docker, databases) })
	t.Run("build and attest", func(t *testing.T) { testBuildAndAttest(t, docker, databases) })
	var binary []byte
	t.Run("foreign", func(t *testing.T) { binary = testForeign(t, docker) })
	t.Run("release", func(t *testing.T) { testRelease(t, docker, databases, binary) })
}

func importBases(t *testing.T, docker *world.Docker) {
	t.Helper()
	if err := docker.ImportBase(t.Context(), baseImage); err != nil {
		t.Fatal(err)
	}
	if err := docker.ImportBusybox(t.Context(), busyboxBase); err != nil {
		t.Fatal(err)
	}
	if err := docker.ImportForeign(t.Context(), foreignBase, foreign()); err != nil {
		t.Fatal(err)
	}
}

// GitHub starts the image with arguments and as root; GitLab with a shell in
// place of the entrypoint.
func testImage(t *testing.T, docker *world.Docker) {
	out, err := docker.Do(t.Context(), nil, "run", "--rm", "--network", "host", hallmarkImage, "version")
	if err != nil || !strings.HasPrefix(out, "hallmark ") {
		t.Errorf("with arguments: %s %v", out, err)
	}
	out, err = docker.Do(t.Context(), nil, "run", "--rm", "--network", "host", "--entrypoint", "", hallmarkImage,
		"sh", "-c", "id -u && pwd && hallmark version | grep -c hallmark && test -s /etc/ssl/certs/ca-certificates.crt && hallmark run 2>&1; echo exit $?")
	if err != nil || !strings.HasPrefix(out, "0\n/\n1\n") || !strings.HasSuffix(out, "exit 2\n") {
		t.Errorf("with a shell: %s %v", out, err)
	}
	checkShipped(t, shipped(t, docker, hallmarkImage), runtime.GOARCH)
}

// runnerScript does with a shell what GitLab's runner does around a job's script:
// it looks for the best shell, asks it for pipefail, unpacks quoted lines, makes
// folders, and leaves files and an exit code.
const runnerScript = `
for shell in /usr/local/bin/bash /usr/bin/bash /bin/bash /usr/local/bin/sh /usr/bin/sh /bin/sh; do
  if [ -x "$shell" ]; then break; fi
done
exec "$shell" <<'JOB'
if set -o | grep pipefail > /dev/null; then set -o pipefail; fi
set -o errexit
set +o noclobber
: | eval $'export FOLDER="/builds/team/shop.tmp"\nrm -r -f "$FOLDER"\nmkdir -p "$FOLDER"\nchmod 0700 "$FOLDER"\nprintf %s "a file" > "$FOLDER/VARIABLE"\ncat "$FOLDER/VARIABLE" | grep -c file\n'
echo "shell: $0"
hallmark version | head -n 1
if hallmark run --key /nowhere 2> /tmp/said; then echo passed; else echo "exit $?"; fi
if grep -q image /tmp/said; then echo "named what is missing"; fi
JOB
`

// A base needs a shell and what a runner calls from it: no bash, no package
// manager, no C library. What it has of authorities is kept.
func testBusybox(t *testing.T, docker *world.Docker) {
	if err := docker.BuildHallmark(t.Context(), world.Bases{Base: busyboxBase, Authorities: baseImage}, busyboxImage); err != nil {
		t.Fatal(err)
	}
	out, err := docker.Do(t.Context(), nil, "run", "--rm", "--network", "host", busyboxImage, "version")
	if err != nil || !strings.HasPrefix(out, "hallmark ") {
		t.Errorf("with arguments: %s %v", out, err)
	}
	out, err = docker.Do(t.Context(), strings.NewReader(runnerScript), "run", "--rm", "--interactive", "--network", "host", "--entrypoint", "", busyboxImage, "sh")
	if err != nil {
		t.Errorf("as GitLab's runner: %v", err)
	}
	says(t, out, "1\nshell: /bin/sh\nhallmark ", "\nexit 2\nnamed what is missing\n")
	out, err = docker.Do(t.Context(), nil, "run", "--rm", "--network", "host", "--entrypoint", "cat", busyboxImage, "/etc/ssl/certs/ca-certificates.crt")
	if err != nil || strings.TrimSpace(out) != world.Company {
		t.Errorf("the base's own authorities were not kept: %s %v", out, err)
	}
}

// Without a binary that is built already, the Dockerfile compiles the sources that
// it is given, as it does for who uses the action from a branch; and it does so for
// an architecture that nothing can run here. It returns that binary.
func testForeign(t *testing.T, docker *world.Docker) []byte {
	const builder = "hallmark-builder:e2e"
	modules, err := world.ServeModules(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = modules.Stop() })
	if err := docker.ImportBuilder(t.Context(), builder, modules); err != nil {
		t.Fatal(err)
	}
	bases := world.Bases{Base: foreignBase, Authorities: baseImage}
	if err := docker.CompileHallmark(t.Context(), builder, bases, foreign(), foreignImage); err != nil {
		t.Fatal(err)
	}
	got := shipped(t, docker, foreignImage)
	checkShipped(t, got, foreign())
	runForeign(t, docker)
	return got.Binary
}

// runForeign runs the image for the other architecture where there is an emulator.
func runForeign(t *testing.T, docker *world.Docker) {
	emulator, err := exec.LookPath("qemu-" + map[string]string{"arm64": "aarch64", "amd64": "x86_64"}[foreign()] + "-static")
	if err != nil {
		t.Logf("the image for %s was looked at, not run: %v", foreign(), err)
		return
	}
	out, err := docker.Do(t.Context(), nil, "run", "--rm", "--network", "host", "--platform", "linux/"+foreign(),
		"--volume", emulator+":/emulator:ro", "--entrypoint", "/emulator", foreignImage, "/usr/local/bin/hallmark", "version")
	if err != nil || !strings.HasPrefix(out, "hallmark ") {
		t.Errorf("emulated: %s %v", out, err)
	}
}

// shipped pushes an image and returns what a registry has of it.
func shipped(t *testing.T, docker *world.Docker, image string) world.Shipped {
	t.Helper()
	registry, err := world.StartRegistry(context.Background(), t.TempDir()) // outlives t.Context, to be stopped in order
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := registry.Stop(); err != nil {
			t.Error(err)
		}
	})
	got, err := docker.Ship(t.Context(), image, registry.Host+"/"+image)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// checkShipped checks what every host wants of the image: its architecture, a
// binary that needs nothing of the base, root and no folder, labels, authorities,
// and that what it adds leaves room for a base: Alpine has 4 MB of 60.
func checkShipped(t *testing.T, got world.Shipped, architecture string) {
	t.Helper()
	if got.Config.OS != "linux" || got.Config.Architecture != architecture {
		t.Errorf("it is for %s/%s, want linux/%s", got.Config.OS, got.Config.Architecture, architecture)
	}
	if got.Config.Config.User != "" || strings.Trim(got.Config.Config.WorkingDir, "/") != "" {
		t.Errorf("it has the user %q and the folder %q; GitHub wants neither", got.Config.Config.User, got.Config.Config.WorkingDir)
	}
	for _, label := range []string{"title", "description", "source", "documentation", "licenses", "version"} {
		if got.Config.Config.Labels["org.opencontainers.image."+label] == "" {
			t.Errorf("it has no label for its %s", label)
		}
	}
	if !bytes.Contains(got.Authorities, []byte("BEGIN CERTIFICATE")) {
		t.Error("it has no certificate authorities")
	}
	checkStatic(t, got.Binary, map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[architecture])
	t.Logf("what the image for %s adds to its base has %.1f MB compressed", architecture, float64(got.Added)/1e6)
	if got.Added > 55e6 {
		t.Errorf("what the image for %s adds to its base has %d bytes compressed, more than 55 MB", architecture, got.Added)
	}
}

// checkStatic checks that a program is for a machine and asks for no loader and no
// library.
func checkStatic(t *testing.T, program []byte, machine elf.Machine) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatalf("the program in the image: %v", err)
	}
	if file.Machine != machine {
		t.Errorf("the program is for %s, want %s", file.Machine, machine)
	}
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			t.Errorf("the program is not static: it has %s", part.Type)
		}
	}
}
