package image_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
)

// network answers every request over plain HTTP with 404 and has nobody who
// speaks TLS. Nothing leaves the process.
type network struct {
	mu   sync.Mutex
	http []string // hosts that were asked in plain HTTP
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r.URL.Scheme == "https" {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	n.http = append(n.http, r.URL.Host)
	status := http.StatusNotFound
	if r.URL.Path == "/v2/" {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("")), Request: r, Header: http.Header{}}, nil
}

func TestPlainHTTPIsRefusedUnlessAllowedOrAtHome(t *testing.T) {
	tests := []struct {
		host     string
		insecure bool
		asked    bool
	}{
		{"10.0.0.1", false, false},
		{"192.168.1.1:5000", false, false},
		{"registry.local", false, false},
		{"registry.example", false, false},
		{"127.0.0.1.example.com", false, false},
		{"127.0.0.1:5000", false, true},
		{"localhost:5000", false, true},
		{"10.0.0.1", true, true},
		{"registry.example", true, true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprint(test.host, test.insecure), func(t *testing.T) {
			n := &network{}
			registry := image.NewRegistry(image.Access{Insecure: test.insecure, Transport: n}.Connect(), image.DefaultLimits())
			_, err := registry.Resolve(t.Context(), test.host+"/app:1")
			if err == nil {
				t.Fatal("an image was found where there is none")
			}
			if asked := len(n.http) > 0; asked != test.asked {
				t.Errorf("asked in plain HTTP: %v, want %v; error %v", n.http, test.asked, err)
			}
		})
	}
}

// A registry that has plain HTTP only: the hint says how to allow that.
func TestTheRefusalOfPlainHTTPHasAHint(t *testing.T) {
	_, err := image.NewRegistry(image.Access{Transport: &network{}}.Connect(), image.DefaultLimits()).Resolve(t.Context(), "10.0.0.1:5000/app:1")
	refused(t, err, "resolving 10.0.0.1:5000/app:1", "refusing plain HTTP to 10.0.0.1:5000")
	if !strings.Contains(fault.HintOf(err), "insecure-registry") {
		t.Errorf("hint %q", fault.HintOf(err))
	}
}

// logins records the Authorization headers that come to a registry which asks
// for a login.
type logins struct {
	mu   sync.Mutex
	seen []string
}

func (l *logins) ask(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Authorization")
		l.mu.Lock()
		l.seen = append(l.seen, header)
		l.mu.Unlock()
		if header == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// tried reports whether a login was tried.
func (l *logins) tried(username, password string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
	for _, header := range l.seen {
		if header == want {
			return true
		}
	}
	return false
}

func (l *logins) anything() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.seen, "") != ""
}

func TestCredentialsGoToTheirRegistryOnly(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir()) // not this machine's
	var home, elsewhere logins
	homeHost, otherHost := serve(t, home.ask), serve(t, elsewhere.ask)
	access := image.Access{Login: image.Login{Host: homeHost, Username: "robot", Password: "secret"}}
	registry := image.NewRegistry(access.Connect(), image.DefaultLimits())

	_, err := registry.Resolve(t.Context(), otherHost+"/app:1")
	refused(t, err, "the registry refuses access (401)")
	if elsewhere.anything() {
		t.Errorf("another registry was told %q", elsewhere.seen)
	}
	_, err = registry.Resolve(t.Context(), homeHost+"/app:1")
	refused(t, err, "the registry has no such image")
	if !home.tried("robot", "secret") {
		t.Errorf("its own registry was told %q", home.seen)
	}
}

// What the CI host gives a job is for the host's own registry, and gives way to
// a login that the user made.
func TestTheLoginOfTheHostComesLast(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	var home, elsewhere logins
	homeHost, otherHost := serve(t, home.ask), serve(t, elsewhere.ask)
	access := image.Access{HostLogin: image.Login{Host: homeHost, Username: "job", Password: "token"}}

	for _, host := range []string{homeHost, otherHost} {
		_, err := image.NewRegistry(access.Connect(), image.DefaultLimits()).Resolve(t.Context(), host+"/app:1")
		if err == nil {
			t.Fatal("an image was found where there is none")
		}
	}
	if !home.tried("job", "token") || elsewhere.anything() {
		t.Errorf("its own registry was told %q, another %q", home.seen, elsewhere.seen)
	}

	auth := base64.StdEncoding.EncodeToString([]byte("from:docker"))
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, homeHost, auth), 0o600))
	home.seen = nil
	_, err := image.NewRegistry(access.Connect(), image.DefaultLimits()).Resolve(t.Context(), homeHost+"/app:1")
	refused(t, err, "the registry has no such image")
	if !home.tried("from", "docker") || home.tried("job", "token") {
		t.Errorf("with a docker login the registry was told %q", home.seen)
	}
}

func TestWithoutCredentialsTheDockerConfigIsAsked(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	var seen logins
	host := serve(t, seen.ask)
	auth := base64.StdEncoding.EncodeToString([]byte("from:docker"))
	must(t, os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"auths":{%q:{"auth":%q}}}`, host, auth), 0o600))

	_, err := anonymous().Resolve(t.Context(), host+"/app:1")
	refused(t, err, "the registry has no such image")
	if !seen.tried("from", "docker") {
		t.Errorf("the registry was told %q", seen.seen)
	}

	given := image.NewRegistry(image.Access{Login: image.Login{Host: host, Username: "robot", Password: "secret"}}.Connect(), image.DefaultLimits())
	_, err = given.Resolve(t.Context(), host+"/app:1")
	refused(t, err, "the registry has no such image")
	if !seen.tried("robot", "secret") {
		t.Error("the given credentials do not come before the docker config's")
	}
}

func TestTheRegistryIsToldWhoAsks(t *testing.T) {
	var mu sync.Mutex
	agents := map[string]bool{}
	host := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			agents[r.UserAgent()] = true
			mu.Unlock()
			next.ServeHTTP(w, r)
		})
	})
	_, err := anonymous().Resolve(t.Context(), host+"/app:1")
	refused(t, err, "no such image")
	for agent := range agents {
		if !strings.HasPrefix(agent, "hallmark/test") {
			t.Errorf("user agent %q", agent)
		}
	}
}
