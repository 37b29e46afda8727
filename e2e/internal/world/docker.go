package world

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Docker is a Docker Engine of its own, which shares nothing with one that may run on
// this machine. Its containers use the network of the machine.
type Docker struct {
	Socket string // for DOCKER_HOST
	engine *service
	dir    string
}

// StartDocker starts the engine and returns when it answers. It needs root.
// Everything of it lies in a folder with a short name, for a socket's path must be
// short; Stop removes it.
func StartDocker(ctx context.Context) (*Docker, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("starting Docker: it needs root")
	}
	path, err := exec.LookPath("dockerd")
	if err != nil {
		return nil, fmt.Errorf("starting Docker: %w; make e2e installs it", err)
	}
	dir, err := os.MkdirTemp("", "docker-")
	if err != nil {
		return nil, fmt.Errorf("starting Docker: %w", err)
	}
	d := &Docker{Socket: "unix://" + filepath.Join(dir, "s"), dir: dir}
	d.engine, err = startProgram(ctx, dir, nil, path, "--host", d.Socket, "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--iptables=false", "--bridge=none")
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := d.answers(ctx); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return d, nil
}

// answers waits until the engine answers.
func (d *Docker) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for {
		_, last := d.Do(ctx, nil, "version")
		if last == nil {
			return nil
		}
		select {
		case <-d.engine.done:
			return fmt.Errorf("starting Docker: it ended before it answered:\n%s", d.engine.tail())
		case <-ctx.Done():
			return fmt.Errorf("starting Docker: %w:\n%s", last, d.engine.tail())
		case <-again.C:
		}
	}
}

// Stop ends the engine and removes all that is its.
func (d *Docker) Stop() error {
	err := d.engine.stop()
	_ = syscall.Unmount(filepath.Join(d.dir, "exec", "netns", "default"), syscall.MNT_DETACH) // left by the engine, if a container ran
	return errors.Join(err, os.RemoveAll(d.dir))
}

// Environ returns an environment for programs that use the engine.
func (d *Docker) Environ() []string {
	return []string{"DOCKER_HOST=" + d.Socket, "DOCKER_BUILDKIT=1", "DOCKER_CONFIG=" + d.dir, "PATH=" + os.Getenv("PATH"), "HOME=" + d.dir}
}

// Do runs the engine's client and returns what it printed.
func (d *Docker) Do(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, client(), args...)
	cmd.Env, cmd.Stdin = d.Environ(), stdin
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("running docker %s: %w\n%s", args[0], err, out)
	}
	return string(out), nil
}

// client returns the client that fits the engine: the distribution's, which
// builds without a further program, before another that somebody has installed.
func client() string {
	const own = "/usr/bin/docker"
	if _, err := os.Stat(own); err == nil {
		return own
	}
	return "docker"
}

// ImportBase makes a small Debian with the certificate authorities and gives it to
// the engine under a name: no image can be pulled here.
func (d *Docker) ImportBase(ctx context.Context, name string) error {
	release, err := codename()
	if err != nil {
		return err
	}
	base := filepath.Join(d.dir, "base.tar")
	made, err := exec.CommandContext(ctx, "mmdebstrap", "--variant=essential", "--include=ca-certificates", release, base).CombinedOutput()
	if err != nil {
		return fmt.Errorf("making a base image: %w\n%s", err, made)
	}
	_, err = d.Do(ctx, nil, "import", base, name)
	return errors.Join(err, os.Remove(base))
}

// codename returns the name of this machine's Debian.
func codename() (string, error) {
	content, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", fmt.Errorf("finding the release of Debian: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		if name, ok := strings.CutPrefix(lines.Text(), "VERSION_CODENAME="); ok {
			return strings.Trim(name, `"`), nil
		}
	}
	return "", errors.New("finding the release of Debian: /etc/os-release does not name it")
}

// BuildHallmark builds the product's image from its Dockerfile, with the binary
// that make has built, and names it.
func (d *Docker) BuildHallmark(ctx context.Context, base, name string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	binary, err := Tool("hallmark")
	if err != nil {
		return err
	}
	source := filepath.Join(d.dir, "source")
	copies := [][2]string{{filepath.Join(root, "Dockerfile"), "Dockerfile"}, {filepath.Join(root, ".dockerignore"), ".dockerignore"}, {binary, "dist/hallmark-linux-" + runtime.GOARCH}}
	if err := os.MkdirAll(filepath.Join(source, "dist"), 0o755); err != nil {
		return fmt.Errorf("building the image: %w", err)
	}
	for _, c := range copies {
		content, err := os.ReadFile(c[0])
		if err != nil {
			return fmt.Errorf("building the image: %w", err)
		}
		if err := os.WriteFile(filepath.Join(source, c[1]), content, 0o755); err != nil {
			return fmt.Errorf("building the image: %w", err)
		}
	}
	_, err = d.Do(ctx, nil, "build", "--network", "host", "--build-arg", "BASE="+base, "--build-arg", "BINARY=prebuilt",
		"--build-arg", "TARGETARCH="+runtime.GOARCH, "--tag", name, source)
	return err
}
