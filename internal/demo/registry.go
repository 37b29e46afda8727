package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Registry is a registry in this process, on a free port of loopback.
type Registry struct {
	host   string
	server *http.Server
}

// StartRegistry starts a registry that speaks the referrers API. Close stops
// it.
func StartRegistry(ctx context.Context) (*Registry, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting a registry on loopback: %w", err)
	}
	handler := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	r := &Registry{
		host:   listener.Addr().String(),
		server: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
	}
	go func() { _ = r.server.Serve(listener) }() // ends with Close
	return r, nil
}

// Host returns the registry's address, host:port.
func (r *Registry) Host() string { return r.host }

// Close stops the registry. What it held is gone.
func (r *Registry) Close() error {
	if err := r.server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("stopping the registry: %w", err)
	}
	return nil
}

// Push writes an image to the registry and returns its reference by tag.
func (r *Registry) Push(ctx context.Context, repository, tag string, image v1.Image) (string, error) {
	reference := r.host + "/" + repository + ":" + tag
	ref, err := name.NewTag(reference)
	if err != nil {
		return "", fmt.Errorf("pushing %s: %w", reference, err)
	}
	if err := remote.Write(ref, image, remote.WithContext(ctx)); err != nil {
		return "", fmt.Errorf("pushing %s: %w", reference, err)
	}
	return reference, nil
}
