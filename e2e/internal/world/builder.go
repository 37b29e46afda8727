package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/module"
)

// Modules serves the Go modules that this machine has, and fetches those that it
// has not: the builder's container knows neither its proxy nor its cache.
type Modules struct {
	URL    string // as GOPROXY
	server *http.Server
	cache  string
}

// ServeModules starts to serve them on loopback. Stop ends that.
func ServeModules(ctx context.Context) (*Modules, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE").Output()
	if err != nil {
		return nil, fmt.Errorf("finding the module cache: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serving modules: %w", err)
	}
	m := &Modules{URL: "http://" + listener.Addr().String(), cache: filepath.Join(strings.TrimSpace(string(out)), "cache", "download")}
	m.server = &http.Server{Handler: m, ReadHeaderTimeout: time.Minute}
	go func() { _ = m.server.Serve(listener) }() // until Stop, and who asks in vain says so
	return m, nil
}

// Stop ends the server.
func (m *Modules) Stop() error { return m.server.Close() }

// ServeHTTP implements http.Handler, by the protocol of GOPROXY
// (https://go.dev/ref/mod#goproxy-protocol).
func (m *Modules) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file := filepath.Join(m.cache, filepath.FromSlash(filepath.Clean(r.URL.Path)))
	if _, err := os.Stat(file); err != nil {
		if err := m.fetch(r.Context(), r.URL.Path); err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
	}
	http.ServeFile(w, r, file)
}

func (m *Modules) fetch(ctx context.Context, asked string) error {
	escaped, file, _ := strings.Cut(strings.TrimPrefix(asked, "/"), "/@v/")
	path, err := module.UnescapePath(escaped)
	if err != nil {
		return err
	}
	version, err := module.UnescapeVersion(strings.TrimSuffix(file, filepath.Ext(file)))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", path+"@"+version)
	cmd.Dir = os.TempDir() // outside of any module
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fetching %s: %w\n%s", path, err, out)
	}
	return nil
}

// ImportBuilder makes a Debian with this machine's Go, which compiles with the
// modules of a proxy, and gives it to the engine under a name.
func (d *Docker) ImportBuilder(ctx context.Context, image string, modules *Modules) error {
	release, err := codename()
	if err != nil {
		return err
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("finding Go: %w", err)
	}
	base := filepath.Join(d.dir, "builder.tar")
	made, err := exec.CommandContext(ctx, "mmdebstrap", "--variant=essential", "--include=ca-certificates,make",
		"--customize-hook=mkdir -p \"$1/usr/local/go\" && cp -a "+strings.TrimSpace(string(goroot))+"/. \"$1/usr/local/go/\"", release, base).CombinedOutput()
	if err != nil {
		return fmt.Errorf("making a builder: %w\n%s", err, made)
	}
	_, err = d.Do(ctx, nil, "import", "--change", "ENV PATH=/usr/local/go/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"--change", "ENV GOPROXY="+modules.URL, "--change", "ENV GOSUMDB=off", base, image) // go.sum has the sums
	return errors.Join(err, os.Remove(base))
}
