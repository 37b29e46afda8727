package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// service is a running server program that writes its log to a file.
type service struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
}

// startService starts a peer as a server. Its home and its log are in dir.
func startService(ctx context.Context, dir, name string, args ...string) (*service, error) {
	path, err := Tool(name)
	if err != nil {
		return nil, err
	}
	return startProgram(ctx, dir, nil, path, args...)
}

// startProgram starts any program as a server, with more in its environment.
func startProgram(ctx context.Context, dir string, env []string, path string, args ...string) (*service, error) {
	name := filepath.Base(path)
	s := &service{name: name, log: filepath.Join(dir, name+".log"), done: make(chan struct{})}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer log.Close()
	s.cmd = exec.CommandContext(ctx, path, args...)
	s.cmd.Dir, s.cmd.Env = dir, append([]string{"HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH")}, env...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 10 * time.Second
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait() // how it ended is in its log, and nothing here depends on it
	}()
	return s, nil
}

// answers waits until a GET of the address is answered with 200.
func (s *service) answers(ctx context.Context, address string) error {
	return s.until(ctx, func(ctx context.Context) error { return get(ctx, address, io.Discard) })
}

// until waits until asking the service succeeds.
func (s *service) until(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		last := ask(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("starting %s: it ended before it answered:\n%s", s.name, s.tail())
		case <-ctx.Done():
			return fmt.Errorf("starting %s: %w:\n%s", s.name, last, s.tail())
		case <-again.C:
		}
	}
}

// tail returns the end of the log, for an error.
func (s *service) tail() string {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-2000):])
}

// stop ends the service and waits for it.
func (s *service) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", s.name, err)
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(30 * time.Second):
	}
	return errors.Join(fmt.Errorf("stopping %s: it had to be killed", s.name), s.kill())
}

// kill ends a service that has nothing to lose and would take its time.
func (s *service) kill() error {
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stopping %s: %w", s.name, err)
	}
	<-s.done
	return nil
}

// get copies the body of an answer with status 200.
func get(ctx context.Context, address string, to io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("getting %s: %s", address, response.Status)
	}
	_, err = io.Copy(to, response.Body)
	return err
}

// freePorts returns n ports that are free: for servers that have to be told
// theirs. All are held until the last is found, so that no two are the same.
func freePorts(n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer l.Close()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
