// Package image turns a reference into a Subject and, for a container image,
// into layers that can be read. It is the pulling side of a registry; how
// registries are reached, also for pushing, is Access.
//
// A reference is resolved once. Everything after that asks for the digest, so
// a tag that moves during a run changes nothing about what is examined. Layers
// are checked while they stream: against the digest in the manifest, against
// the diff id in the config, and against bounds on their unpacked size, each and
// all together.
//
// Registries fail for a moment, and limit how often they are asked. What may
// pass is tried again in one place, retrier, for pulling and for pushing; what is
// cut short goes on where it ended.
package image

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Access says how registries may be reached.
type Access struct {
	Login     Login             // given by the user; asked first
	HostLogin Login             // given by the CI host; asked after the docker config
	Insecure  bool              // allow plain HTTP and untrusted TLS
	UserAgent string            // sent to the registry
	Transport http.RoundTripper // nil: one with time limits
	Backoff   Backoff           // how failed requests are made again
	Mirrors   []Mirror          // asked first by a Registry, and by nobody else
}

func (a Access) optionsOver(transport http.RoundTripper) []remote.Option {
	return append(a.Backoff.orDefault().options(),
		remote.WithTransport(transport),
		remote.WithUserAgent(a.UserAgent),
		remote.WithJobs(4),
		remote.WithAuthFromKeychain(a.keychain()),
	)
}

func (a Access) keychain() authn.Keychain {
	return authn.NewMultiKeychain(a.Login, authn.DefaultKeychain, a.HostLogin)
}

func (a Access) guarded() http.RoundTripper {
	retry := retrier{next: a.transport(), backoff: a.Backoff.orDefault()}
	return plainHTTPGuard{next: retry, allowed: a.Insecure}
}

// Login is a user's name and password at one registry.
type Login struct {
	Host               string // of the registry, with its port
	Username, Password string
}

// Resolve implements authn.Keychain: the login for its own registry, and none
// for any other.
func (l Login) Resolve(target authn.Resource) (authn.Authenticator, error) {
	if l.Username == "" || l.Host == "" || target.RegistryStr() != l.Host {
		return authn.Anonymous, nil
	}
	return &authn.Basic{Username: l.Username, Password: l.Password}, nil
}

// NameOptions returns the options that references are parsed with.
func (a Access) NameOptions() []name.Option {
	if a.Insecure {
		return []name.Option{name.Insecure}
	}
	return nil
}

func (a Access) transport() http.RoundTripper {
	if a.Transport != nil {
		return a.Transport
	}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          32,
		MaxIdleConnsPerHost:   16,
		IdleConnTimeout:       60 * time.Second,
		TLSHandshakeTimeout:   15 * time.Second,
		ResponseHeaderTimeout: 60 * time.Second,
	}
	if a.Insecure {
		t.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for with insecure-registry
	}
	return t
}

// plainHTTPGuard refuses plain HTTP to anything but this machine unless it was
// allowed: the registry client itself would use it for private addresses.
type plainHTTPGuard struct {
	next    http.RoundTripper
	allowed bool
}

// RoundTrip implements http.RoundTripper.
func (g plainHTTPGuard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "http" && !g.allowed && !loopback(r.URL.Hostname()) {
		return nil, fault.WithHint(&plainHTTPError{host: r.URL.Host},
			"serve the registry over TLS, or allow it with insecure-registry")
	}
	return g.next.RoundTrip(r)
}

// plainHTTPError is what the guard refuses with.
type plainHTTPError struct{ host string }

// Error implements error.
func (e *plainHTTPError) Error() string { return "refusing plain HTTP to " + e.host }

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
