package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Mirror is another registry that has what one registry has, below a prefix. Only
// what is asked for by its digest is pulled from it: whatever it answers, it cannot
// change what is examined. A tag is always resolved at its own registry.
type Mirror struct {
	of     string // the registry, as the client library names it
	prefix string // the mirror and the path below which it has the repositories
	names  []name.Option
}

// ParseMirror reads HOST=MIRROR or HOST=MIRROR/PREFIX.
func (a Access) ParseMirror(text string) (Mirror, error) {
	host, prefix, found := strings.Cut(text, "=")
	prefix = strings.TrimSuffix(prefix, "/")
	of, err := name.NewRegistry(host, a.NameOptions()...)
	if found && err == nil && host != "" && prefix != "" && !strings.Contains(prefix, "//") {
		m := Mirror{of: of.RegistryStr(), prefix: prefix, names: a.NameOptions()}
		registry, _, _ := strings.Cut(prefix, "/")
		if repository, err := m.repository("a"); err == nil && repository.RegistryStr() == registry {
			return m, nil
		}
	}
	return Mirror{}, fault.WithHint(fault.Usagef("registry mirror %q is malformed", plain.Line(text, 120)),
		"write it as HOST=MIRROR or HOST=MIRROR/PREFIX, as in docker.io=mirror.example/dockerhub")
}

// repository returns where the mirror has a repository.
func (m Mirror) repository(path string) (name.Repository, error) {
	return name.NewRepository(m.prefix+"/"+path, m.names...)
}

// mirroring asks mirrors before the registry itself. A mirror is asked once: the
// registry has what it lacks, and the rest of what it cuts short.
type mirroring struct {
	next    http.RoundTripper
	retrier retrier
	access  Access

	byDigest *regexp.Regexp // a path that names a digest: repository, kind, digest

	mu      sync.Mutex
	clients map[string]*http.Client // by repository; nil: it cannot be reached
}

func (a Access) mirrored() http.RoundTripper {
	if len(a.Mirrors) == 0 {
		return a.guarded()
	}
	hasty := a
	hasty.Backoff = Backoff{Attempts: 1}
	return &mirroring{
		next: a.guarded(), retrier: retrier{next: a.transport(), backoff: a.Backoff.orDefault()}, access: hasty,
		byDigest: regexp.MustCompile(`^/v2/(.+)/(blobs|manifests)/(sha256:[0-9a-f]{64})$`),
		clients:  map[string]*http.Client{},
	}
}

// RoundTrip implements http.RoundTripper.
func (m *mirroring) RoundTrip(r *http.Request) (*http.Response, error) {
	parts := m.byDigest.FindStringSubmatch(r.URL.Path)
	if r.Method != http.MethodGet || parts == nil || r.Response != nil {
		return m.next.RoundTrip(r)
	}
	for _, mirror := range m.access.Mirrors {
		if mirror.of != r.URL.Host {
			continue
		}
		if answer, ok := m.ask(r, mirror, parts); ok {
			return answer, nil
		}
	}
	return m.next.RoundTrip(r)
}

// ask returns a mirror's answer, if it has what is asked for.
func (m *mirroring) ask(r *http.Request, mirror Mirror, parts []string) (*http.Response, bool) {
	repository, err := mirror.repository(parts[1])
	if err != nil {
		return nil, false
	}
	client := m.client(r.Context(), repository)
	if client == nil {
		return nil, false
	}
	address := repository.Scheme() + "://" + repository.RegistryStr() + "/v2/" + repository.RepositoryStr() + "/" + parts[2] + "/" + parts[3]
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, address, nil)
	if err != nil {
		return nil, false
	}
	request.Header["Accept"] = r.Header["Accept"]
	answer, err := client.Do(request)
	if err != nil {
		return nil, false
	}
	if answer.StatusCode != http.StatusOK {
		discard(answer)
		return nil, false
	}
	answer.Request = r
	if parts[2] == "blobs" {
		answer.Body = &resumingBody{retrier: m.retrier, request: r, content: answer.Body, size: answer.ContentLength}
		return answer, true
	}
	return answer, promised(answer, parts[3])
}

// promised reports whether an answer is the manifest of a digest.
func promised(answer *http.Response, digest string) bool {
	defer answer.Body.Close() //nolint:errcheck // only read from
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxManifest+1))
	answer.Body = io.NopCloser(bytes.NewReader(raw))
	sum := sha256.Sum256(raw)
	return err == nil && "sha256:"+hex.EncodeToString(sum[:]) == digest
}

// client returns the client for a repository of a mirror, or nil where there is
// none to be had, which is found out once.
func (m *mirroring) client(ctx context.Context, repository name.Repository) *http.Client {
	m.mu.Lock()
	defer m.mu.Unlock()
	client, known := m.clients[repository.String()]
	if !known {
		var err error
		if client, err = m.access.login(ctx, repository, "pull"); err != nil {
			client = nil
		}
		m.clients[repository.String()] = client
	}
	return client
}

// broke reports whether a body ended before its time, in a way that the rest of it
// may be had.
func broke(err error) bool {
	_, ended := errors.AsType[*brokenError](err)
	return ended || passes(nil, err)
}
