package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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

// StartDocker starts the engine and returns when it answers. It needs root. What it
// would pull from Docker Hub it asks the registry at mirror for. Everything of it
// lies in a folder with a short name, for a socket's path must be short; Stop
// removes it.
func StartDocker(ctx context.Context, mirror string) (*Docker, error) {
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
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--iptables=false", "--bridge=none",
		"--registry-mirror", "http://"+mirror)
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
	cmd := exec.CommandContext(ctx, Client(), args...)
	cmd.Env, cmd.Stdin = d.Environ(), stdin
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("running docker %s: %w\n%s", args[0], err, out)
	}
	return string(out), nil
}

// Client returns the program of the client that fits the engine: the distribution's, which
// builds without a further program, before another that somebody has installed.
func Client() string {
	const own = "/usr/bin/docker"
	if _, err := os.Stat(own); err == nil {
		return own
	}
	return "docker"
}
