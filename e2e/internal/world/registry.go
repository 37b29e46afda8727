package world

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// Registry is a running docker-registry 2.8: a real one, without the referrers
// API.
type Registry struct {
	Host string // HOST:PORT on loopback
	cmd  *exec.Cmd
	done chan error
}

// StartRegistry starts a registry that keeps its content below dir, on a port
// that is free, and returns when it listens. Stop ends it.
func StartRegistry(ctx context.Context, dir string) (*Registry, error) {
	config := filepath.Join(dir, "registry.yml")
	content := fmt.Sprintf(`version: 0.1
log: {level: info, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %q}}
http: {addr: "127.0.0.1:0"}
`, filepath.Join(dir, "registry"))
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		return nil, fmt.Errorf("configuring the registry: %w", err)
	}
	cmd := exec.CommandContext(ctx, "docker-registry", "serve", config)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	logs, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the registry: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the registry: %w; make e2e installs it", err)
	}
	r := &Registry{cmd: cmd, done: make(chan error, 1)}
	listening := make(chan string, 1)
	go r.follow(logs, listening)
	select {
	case host, ok := <-listening:
		if !ok {
			return nil, errors.Join(errors.New("starting the registry: it ended before it listened"), <-r.done)
		}
		r.Host = host
		return r, nil
	case <-time.After(time.Minute):
		return nil, errors.Join(errors.New("starting the registry: it does not listen after a minute"), r.Stop())
	}
}

// follow reads the registry's log to its end, tells the address that it listens
// on, and collects the process.
func (r *Registry) follow(logs io.Reader, listening chan<- string) {
	address := regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)
	lines := bufio.NewScanner(logs)
	for lines.Scan() {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			select {
			case listening <- m[1]:
			default: // it was told already
			}
		}
	}
	close(listening)
	r.done <- r.cmd.Wait()
}

// Stop ends the registry and waits for it.
func (r *Registry) Stop() error {
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping the registry: %w", err)
	}
	var ended *exec.ExitError
	if err := <-r.done; err != nil && !errors.As(err, &ended) {
		return fmt.Errorf("stopping the registry: %w", err)
	}
	return nil
}
