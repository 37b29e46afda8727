package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Bounds of what a registry may answer.
const (
	maxManifest = 4 << 20 // bytes, as registries bound what they take
	maxPages    = 256     // of a list of referrers
	maxListed   = 20_000  // referrers in all
)

// errNoReferrersAPI says that a registry keeps its referrers under the fallback
// tag.
var errNoReferrersAPI = errors.New("the registry has no referrers API")

// cutError says that a list goes on beyond what is read of it. What was read comes
// with it.
type cutError struct{ error }

// Unwrap returns the error itself.
func (e cutError) Unwrap() error { return e.error }

// manifests is the part of a registry's API that the client library has not: lists
// of referrers that go over several pages, what the registry made of a subject,
// and removal.
type manifests struct {
	http *http.Client
	repo name.Repository
}

// referrers lists what refers to a digest, page by page, or errNoReferrersAPI. With
// a cutError there are more than it returns.
func (m manifests) referrers(ctx context.Context, digest string) ([]v1.Descriptor, error) {
	var found []v1.Descriptor
	next := m.url("referrers", digest)
	for range maxPages {
		page, link, err := m.page(ctx, next)
		if err != nil {
			return nil, err
		}
		if found = append(found, page.Manifests...); len(found) > maxListed {
			return found[:maxListed], cutError{overBounds("not all referrers were looked at: the list has over %d entries", maxListed)}
		}
		if link == "" {
			return found, nil
		}
		if next, err = m.follow(next, link); err != nil {
			return nil, err
		}
	}
	return found, cutError{overBounds("not all referrers were looked at: the list has over %d pages", maxPages)}
}

func (m manifests) page(ctx context.Context, address string) (v1.IndexManifest, string, error) {
	answer, err := m.do(ctx, http.MethodGet, address, "", nil)
	if err != nil {
		return v1.IndexManifest{}, "", err
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	if err := transport.CheckError(answer, http.StatusOK, http.StatusNotFound, http.StatusBadRequest,
		http.StatusNotAcceptable, http.StatusMethodNotAllowed); err != nil {
		return v1.IndexManifest{}, "", err
	}
	mediaType, _, _ := strings.Cut(answer.Header.Get("Content-Type"), ";")
	if answer.StatusCode != http.StatusOK || types.MediaType(mediaType) != types.OCIImageIndex {
		return v1.IndexManifest{}, "", errNoReferrersAPI
	}
	raw, err := bounded(answer.Body)
	if err != nil {
		return v1.IndexManifest{}, "", fmt.Errorf("its list of referrers: %w", err)
	}
	var page v1.IndexManifest
	if json.Unmarshal(raw, &page) != nil {
		return v1.IndexManifest{}, "", errors.New("its list of referrers cannot be read")
	}
	return page, answer.Header.Get("Link"), nil
}

// follow returns the next page of a list (RFC 8288). It must be on the same
// registry: the login goes along.
func (m manifests) follow(current, link string) (string, error) {
	match := regexp.MustCompile(`^\s*<([^>]+)>\s*;.*\brel="?next"?`).FindStringSubmatch(link)
	if match == nil {
		return "", errors.New("its list of referrers goes on in a way that is not understood")
	}
	base, err := url.Parse(current)
	if err != nil {
		return "", err
	}
	next, err := base.Parse(match[1])
	if err != nil || next.Host != base.Host || next.Scheme != base.Scheme {
		return "", errors.New("its list of referrers goes on elsewhere")
	}
	return next.String(), nil
}

// get returns a manifest; nil where there is none.
func (m manifests) get(ctx context.Context, reference string) ([]byte, error) {
	answer, err := m.do(ctx, http.MethodGet, m.url("manifests", reference), "", nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	if err := transport.CheckError(answer, http.StatusOK, http.StatusNotFound); err != nil || answer.StatusCode == http.StatusNotFound {
		return nil, err
	}
	raw, err := bounded(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("its manifest %s: %w", reference, err)
	}
	return raw, nil
}

// put writes a manifest, and reports whether the registry said that it lists it
// among the referrers of its subject.
func (m manifests) put(ctx context.Context, reference string, mediaType types.MediaType, raw []byte) (listed bool, err error) {
	answer, err := m.do(ctx, http.MethodPut, m.url("manifests", reference), mediaType, raw)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	return answer.Header.Get("OCI-Subject") != "", transport.CheckError(answer, http.StatusOK, http.StatusCreated, http.StatusAccepted)
}

// remove deletes a manifest. One that is not there is removed, so it can be tried
// again where the registry fails for a moment.
func (m manifests) remove(ctx context.Context, digest string) error {
	for attempt := 1; ; attempt++ {
		err := m.removeOnce(ctx, digest)
		if _, passes := errors.AsType[passingError](passing(err, err)); !passes || attempt == tries {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (m manifests) removeOnce(ctx context.Context, digest string) error {
	answer, err := m.do(ctx, http.MethodDelete, m.url("manifests", digest), "", nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	return transport.CheckError(answer, http.StatusOK, http.StatusAccepted, http.StatusNoContent, http.StatusNotFound)
}

func (m manifests) url(kind, reference string) string {
	u := url.URL{
		Scheme: m.repo.Scheme(), Host: m.repo.RegistryStr(),
		Path: fmt.Sprintf("/v2/%s/%s/%s", m.repo.RepositoryStr(), kind, reference),
	}
	return u.String()
}

func (m manifests) do(ctx context.Context, method, address string, mediaType types.MediaType, body []byte) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		content = bytes.NewReader(body) // can be sent again
	}
	request, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return nil, err
	}
	if mediaType != "" {
		request.Header.Set("Content-Type", string(mediaType))
	}
	if method == http.MethodGet {
		request.Header.Set("Accept", strings.Join([]string{string(types.OCIImageIndex), string(types.OCIManifestSchema1)}, ","))
	}
	return m.http.Do(request)
}

// bounded reads a manifest or a list.
func bounded(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err == nil && len(raw) > maxManifest {
		return nil, fmt.Errorf("it has over %d bytes (4 MiB)", maxManifest)
	}
	return raw, err
}
