package image

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Client returns an HTTP client that is logged in to a repository's registry, for
// what the client library has no call for. The actions are those of the
// distribution specification: pull; push,pull; delete.
func (a Access) Client(ctx context.Context, repository name.Repository, actions string) (*http.Client, error) {
	login, err := authn.Resolve(ctx, a.keychain(), repository)
	if err != nil {
		return nil, fmt.Errorf("logging in to %s: %w", repository.RegistryStr(), err)
	}
	ready, err := transport.NewWithContext(ctx, repository.Registry, login, a.guarded(), []string{repository.Scope(actions)})
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
