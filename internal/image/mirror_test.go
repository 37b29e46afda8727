package image_test

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/image"
)

// asked keeps what a registry is asked for.
type asked struct {
	mu       sync.Mutex
	requests []string
}

func (a *asked) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.requests = append(a.requests, r.Method+" "+r.URL.Path)
		a.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// count returns how many requests were of a kind.
func (a *asked) count(kind string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, r := range a.requests {
		if regexp.MustCompile(kind).MatchString(r) {
			n++
		}
	}
	return n
}

// through is the way to an origin by its mirrors.
func through(t *testing.T, mirrors ...string) image.Access {
	t.Helper()
	access := quick()
	for _, text := range mirrors {
		m, err := access.ParseMirror(text)
		must(t, err)
		access.Mirrors = append(access.Mirrors, m)
	}
	return access
}

const (
	blobs     = "GET .*/blobs/"
	manifests = "GET .*/manifests/sha256:"
	tagged    = "(GET|HEAD) .*/manifests/1$"
)

// What is asked for by its digest comes from the mirror; a tag is what its own
// registry says.
func TestAMirrorIsPulledFrom(t *testing.T) {
	var origin, mirror asked
	from, to := serve(t, origin.before), serve(t, mirror.before)
	push(t, from+"/app:1", sample(t))
	push(t, to+"/hub/app:1", sample(t))
	push(t, to+"/hub/app:1", imageOf(t, honest(t, archive(t, "stale")))) // of the tag
	origin.requests, mirror.requests = nil, nil

	access := through(t, from+"="+to+"/hub/")
	must(t, pulls(t, access, from))
	if origin.count(blobs) != 0 || mirror.count(blobs) != 2 || origin.count(tagged) == 0 || mirror.count(tagged) != 0 {
		t.Errorf("the registry was asked for %q, the mirror for %q", origin.requests, mirror.requests)
	}
	_, err := readLayer(t, image.NewRegistry(access.Connect(), image.DefaultLimits()), from+"/app@"+digestOf(t, sample(t)))
	must(t, err)
	if origin.count(manifests) != 0 || mirror.count(manifests) != 1 {
		t.Errorf("by digest, the registry was asked for %q, the mirror for %q", origin.requests, mirror.requests)
	}
}

// Whatever a mirror answers, what is pulled is what the registry has; and what is
// written, or read by others, never comes near the mirror.
func TestAMirrorThatIsOfNoUse(t *testing.T) {
	forged := imageOf(t, honest(t, archive(t, "forged")))
	forgedManifest, err := forged.RawManifest()
	must(t, err)
	tests := []struct {
		name   string
		before func(next http.Handler) http.Handler
		filled bool
	}{
		{"it has nothing", plainHandler, false},
		{"it fails", func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers(503)(w, r, nil) })
		}, false},
		{"it limits", func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers(429, "Retry-After", "3600")(w, r, nil) })
		}, false},
		{"it drops", func(http.Handler) http.Handler {
			return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		}, false},
		{"it cuts", (&cutting{kind: regexp.MustCompile("GET .*sha256:"), times: 1 << 20, after: 30}).before, true},
		{"it asks for a login", instead(http.MethodGet, "/v2/", func(w http.ResponseWriter) {
			w.Header().Set("WWW-Authenticate", `Basic realm="mirror"`)
			w.WriteHeader(http.StatusUnauthorized)
		}), false},
		{"its manifest is another", instead(http.MethodGet, digestOf(t, sample(t)), func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			_, _ = w.Write(forgedManifest)
		}), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var origin, mirror asked
			on := false
			from, to := serve(t, origin.before), serve(t, func(next http.Handler) http.Handler {
				other := test.before(next)
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if on {
						other.ServeHTTP(w, r)
						return
					}
					next.ServeHTTP(w, r)
				})
			}, mirror.before)
			push(t, from+"/app:1", sample(t))
			if test.filled {
				push(t, to+"/app:1", sample(t))
			}
			on, mirror.requests = true, nil
			_, err := readLayer(t, image.NewRegistry(through(t, from+"="+to).Connect(), image.DefaultLimits()), from+"/app@"+digestOf(t, sample(t)))
			must(t, err)
			if mirror.count("GET ") == 0 {
				t.Error("the mirror was not asked")
			}
			mirror.requests = nil
			must(t, pushes(t, through(t, from+"="+to), from))
			if len(mirror.requests) != 0 {
				t.Errorf("to push, the mirror was asked for %q", mirror.requests)
			}
		})
	}
}

func TestAMirrorThatForgesALayer(t *testing.T) {
	stored := honest(t, archive(t, "sample")).stored
	from, to := serve(t), serve(t, instead(http.MethodGet, digestOfLayer(t), func(w http.ResponseWriter) {
		other := bytes.Clone(stored)
		other[len(other)-9] ^= 1
		w.Header().Set("Content-Length", strconv.Itoa(len(other)))
		_, _ = w.Write(other)
	}))
	push(t, from+"/app:1", sample(t))
	push(t, to+"/app:1", sample(t))
	_, err := reads(t, through(t, from+"="+to), from)
	refused(t, err, "reading the layer "+digestOfLayer(t))
}

// Mirrors are asked in their order, and only for their own registry.
func TestMirrorsInTheirOrder(t *testing.T) {
	var origin, first, second, others asked
	from, a, b, c := serve(t, origin.before), serve(t, first.before), serve(t, second.before), serve(t, others.before)
	push(t, from+"/app:1", sample(t))
	push(t, b+"/app:1", sample(t))
	for _, one := range []*asked{&origin, &first, &second, &others} {
		one.requests = nil
	}
	must(t, pulls(t, through(t, "docker.io="+c, from+"="+a, from+"="+b), from))
	if origin.count(blobs) != 0 || first.count(blobs) != 2 || second.count(blobs) != 2 || len(others.requests) != 0 {
		t.Errorf("asked were %q, %q, %q and %q", origin.requests, first.requests, second.requests, others.requests)
	}
}

// An artifact, as a database is one, comes from the mirror, too.
func TestAnArtifactComesFromTheMirror(t *testing.T) {
	var origin, mirror asked
	from, to := serve(t, origin.before), serve(t, mirror.before)
	push(t, from+"/db:1", sample(t))
	push(t, to+"/db:1", sample(t))
	origin.requests = nil
	must(t, image.NewRegistry(through(t, from+"="+to).Connect(), image.DefaultLimits()).Fetch(t.Context(), from+"/db:1", io.Discard))
	if origin.count(blobs) != 0 || mirror.count(blobs) == 0 {
		t.Errorf("the registry was asked for %q", origin.requests)
	}
}

func TestAMirrorThatIsMalformed(t *testing.T) {
	for _, text := range []string{"", "=", "docker.io", "docker.io=", "=mirror.example", "docker.io=https://mirror.example", "a b=mirror.example", "docker.io=hub/", "docker.io=mirror.example/UPPER", "docker.io=mirror.example/a:b"} {
		_, err := quick().ParseMirror(text)
		refused(t, err, "registry mirror "+strconv.Quote(text)+" is malformed")
	}
	for _, text := range []string{"docker.io=mirror.example", "localhost:5000=mirror.example:443/a/b", "ghcr.io=mirror.example/" + strings.Repeat("a", 20) + "/"} {
		_, err := quick().ParseMirror(text)
		must(t, err)
	}
}
