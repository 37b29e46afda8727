package image

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Connection reaches registries as an Access describes, and does once what need not
// be done twice: its connections are kept, and so is each login, which is a request
// of its own and often another one for a token. It is safe for concurrent use.
type Connection struct {
	access   Access
	direct   []remote.Option
	mirrored []remote.Option // by way of the mirrors

	mu      sync.Mutex
	clients map[string]*http.Client // by repository and actions
}

// Connect returns a Connection. Nothing is asked of a registry yet.
func (a Access) Connect() *Connection {
	a.Transport = a.transport()
	c := &Connection{access: a, direct: reusing(a.optionsOver(a.guarded())), clients: map[string]*http.Client{}}
	c.mirrored = c.direct
	if len(a.Mirrors) > 0 {
		c.mirrored = reusing(a.optionsOver(a.mirrored()))
	}
	return c
}

// reusing lets whoever is given the options share their logins.
func reusing(options []remote.Option) []remote.Option {
	puller, err := remote.NewPuller(options...)
	if err != nil { // they contradict each other, as whoever uses them is told
		return options
	}
	pusher, err := remote.NewPusher(options...)
	if err != nil {
		return options
	}
	return append(options, remote.Reuse(puller), remote.Reuse(pusher))
}

// RemoteOptions returns the options with which the client library reaches the
// registries themselves, without their mirrors.
func (c *Connection) RemoteOptions() []remote.Option { return slices.Clone(c.direct) }

// Client returns an HTTP client that is logged in to a repository's registry, for
// what the client library has no call for. The actions are those of the
// distribution specification: pull; push,pull; delete.
func (c *Connection) Client(ctx context.Context, repository name.Repository, actions string) (*http.Client, error) {
	key := repository.Name() + " " + actions
	c.mu.Lock()
	client := c.clients[key]
	c.mu.Unlock()
	if client != nil {
		return client, nil
	}
	client, err := c.access.login(ctx, repository, actions)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients[key] = client
	return client, nil
}

// login returns a client that has just logged in.
func (a Access) login(ctx context.Context, repository name.Repository, actions string) (*http.Client, error) {
	credentials, err := authn.Resolve(ctx, a.keychain(), repository)
	if err != nil {
		return nil, fmt.Errorf("logging in to %s: %w", repository.RegistryStr(), err)
	}
	ready, err := transport.NewWithContext(ctx, repository.Registry, credentials, a.guarded(), []string{repository.Scope(actions)})
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: agent{next: ready, name: a.UserAgent}}, nil
}

// agent tells the registry who asks.
type agent struct {
	next http.RoundTripper
	name string
}

// RoundTrip implements http.RoundTripper.
func (g agent) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("User-Agent", g.name)
	return g.next.RoundTrip(r)
}
