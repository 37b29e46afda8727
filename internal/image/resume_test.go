package image_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/image"
)

// cutting is a registry whose answers of a kind end before their time, a number of
// times, each after some bytes.
type cutting struct {
	kind  *regexp.Regexp // of "METHOD path"
	times int
	after int

	mu     sync.Mutex
	ranges []string // that were asked for in requests of the kind
}

func (c *cutting) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		hit := c.kind.MatchString(r.Method + " " + r.URL.Path)
		if hit {
			c.ranges = append(c.ranges, r.Header.Get("Range"))
		}
		hit = hit && len(c.ranges) <= c.times
		c.mu.Unlock()
		if hit {
			w = &shortWriter{ResponseWriter: w, left: c.after}
		}
		next.ServeHTTP(w, r)
	})
}

// shortWriter ends the connection after some bytes.
type shortWriter struct {
	http.ResponseWriter
	left int
}

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	if _, err := w.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	if w.left -= n; n < len(p) {
		_ = http.NewResponseController(w.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, nil
}

// noRanges is a registry that gives the whole, whatever part it is asked for.
func noRanges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		next.ServeHTTP(w, r)
	})
}

// onRange answers a request for a range in another way.
func onRange(answer func(http.ResponseWriter, *http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") != "" {
				answer(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// elsewhere is a registry that keeps its blobs on another host, under names of its
// own.
func elsewhere(t *testing.T) func(http.Handler) http.Handler {
	t.Helper()
	return func(next http.Handler) http.Handler {
		storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = r.URL.Query().Get("of")
			next.ServeHTTP(w, r)
		}))
		t.Cleanup(storage.Close)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/sha256:") {
				http.Redirect(w, r, storage.URL+"/object?of="+r.URL.Path, http.StatusTemporaryRedirect)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func plainHandler(next http.Handler) http.Handler { return next }

// A pull goes on where it was cut, whatever the registry makes of ranges.
func TestABlobThatIsCutIsResumed(t *testing.T) {
	for name, registry := range map[string]func(http.Handler) http.Handler{
		"ranges":    plainHandler,
		"no ranges": noRanges,
		"ranges refused": onRange(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		}),
		"another range": onRange(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", "bytes 0-1/2")
			w.WriteHeader(http.StatusPartialContent)
			_, _ = io.WriteString(w, "no")
		}),
		"blobs elsewhere": elsewhere(t),
	} {
		for _, after := range []int{0, 1, 40} {
			t.Run(name+", after "+strconv.Itoa(after), func(t *testing.T) {
				t.Parallel()
				access := quick()
				access.Backoff.Attempts = 8
				c := &cutting{kind: regexp.MustCompile("GET .*/(blobs/|object)"), after: after}
				host := serve(t, c.before, registry)
				push(t, host+"/app:1", sample(t))
				c.times, c.ranges = 2, nil
				if err := pulls(t, access, host); err != nil {
					t.Fatal(err)
				}
				if len(c.ranges) < 4 {
					t.Errorf("requests came for %q: none was cut", c.ranges)
				}
			})
		}
	}
}

func TestOnlyTheRestIsAskedFor(t *testing.T) {
	c := &cutting{kind: regexp.MustCompile("GET .*/blobs/" + digestOfLayer(t)), after: 40}
	host := serve(t, c.before)
	push(t, host+"/app:1", sample(t))
	c.times, c.ranges = 2, nil
	must(t, pulls(t, quick(), host))
	last := strconv.Itoa(len(honest(t, archive(t, "sample")).stored) - 1)
	if got, want := strings.Join(c.ranges, " "), " bytes=40-"+last+" bytes=80-"+last; got != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

func digestOfLayer(t *testing.T) string {
	t.Helper()
	return hash(honest(t, archive(t, "sample")).stored).String()
}

// Manifests and logins are asked for again: they come whole or not at all.
func TestASmallAnswerThatIsCutIsAskedForAgain(t *testing.T) {
	for _, after := range []int{0, 7} {
		c := &cutting{kind: regexp.MustCompile("GET .*/manifests/"), after: after}
		host := serve(t, c.before)
		push(t, host+"/app:1", sample(t))
		c.times, c.ranges = 3, nil
		must(t, pulls(t, quick(), host))
		if len(c.ranges) != 4 || strings.Join(c.ranges, "") != "" {
			t.Errorf("after %d bytes: asked for %q, want it whole, 4 times", after, c.ranges)
		}
	}
}

// A tag that moves while its manifest is cut gives one of the two, not a mixture.
func TestWhatIsReadOfATagIsOfOneAnswer(t *testing.T) {
	other := imageOf(t, honest(t, archive(t, "other")))
	c := &cutting{kind: regexp.MustCompile("GET .*/manifests/1"), after: 100}
	host := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(c.ranges) == 2 && c.kind.MatchString(r.Method+" "+r.URL.Path) {
				push(t, r.Host+"/app:1", other)
			}
			next.ServeHTTP(w, r)
		})
	}, c.before)
	push(t, host+"/app:1", sample(t))
	c.times, c.ranges = 1, nil
	opened, err := image.NewRegistry(quick().Connect(), image.DefaultLimits()).OpenAll(t.Context(), host+"/app:1", nil)
	must(t, err)
	if got, want := opened.Subject().Digest().DigestStr(), digestOf(t, other); got != want {
		t.Errorf("opened %s, want %s", got, want)
	}
}

func TestARegistryThatCutsForEver(t *testing.T) {
	for kind, says := range map[string]string{
		"GET .*/blobs/" + digestOfLayer(t): "reading the layer " + digestOfLayer(t) + ": it is cut short: the registry broke the connection 4 times, last after 40 bytes",
		"GET .*/manifests/":                "the registry broke the connection",
	} {
		c := &cutting{kind: regexp.MustCompile(kind), after: 10}
		host := serve(t, c.before)
		push(t, host+"/app:1", sample(t))
		c.times, c.ranges = 1<<20, nil
		_, err := reads(t, quick(), host)
		refused(t, err, says)
		if len(c.ranges) != 4 {
			t.Errorf("%s: %d requests came, want 4", kind, len(c.ranges))
		}
	}
}

// reads opens an image and reads its only layer.
func reads(t *testing.T, access image.Access, host string) ([]byte, error) {
	t.Helper()
	opened, err := image.NewRegistry(access.Connect(), image.DefaultLimits()).OpenAll(t.Context(), host+"/app:1", nil)
	if err != nil {
		return nil, err
	}
	layers, err := opened.Images()[0].Content().Layers()
	must(t, err)
	content, err := layers[0].Uncompressed()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(content)
}

// What comes after a cut is checked as what came before it: over the whole.
func TestARestThatIsForged(t *testing.T) {
	c := &cutting{kind: regexp.MustCompile("GET .*/blobs/" + digestOfLayer(t)), after: 40}
	host := serve(t, onRange(func(w http.ResponseWriter, _ *http.Request) {
		stored := bytes.Clone(honest(t, archive(t, "sample")).stored)
		stored[len(stored)-9] ^= 1
		w.Header().Set("Content-Range", "bytes 40-"+strconv.Itoa(len(stored)-1)+"/"+strconv.Itoa(len(stored)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(stored[40:])
	}), c.before)
	push(t, host+"/app:1", sample(t))
	c.times, c.ranges = 1, nil
	_, err := reads(t, quick(), host)
	refused(t, err, "reading the layer "+digestOfLayer(t))
}

// The rest may be refused in a way that stays.
func TestARestThatIsRefused(t *testing.T) {
	u := &unsteady{kind: regexp.MustCompile("GET .*/blobs/" + digestOfLayer(t)), fail: answers(403), times: 1 << 20}
	c := &cutting{kind: u.kind, after: 40}
	host := serve(t, func(next http.Handler) http.Handler {
		failing := u.before(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(c.ranges) > 1 {
				failing.ServeHTTP(w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}, c.before)
	push(t, host+"/app:1", sample(t))
	c.times, c.ranges = 1, nil
	_, err := reads(t, quick(), host)
	refused(t, err, "reading the layer "+digestOfLayer(t), "not now")
}

// A link that breaks now and then brings a large layer all the same.
func TestALongLayerOverABadLink(t *testing.T) {
	const size, piece = 120 << 20, 17 << 20
	c := &cutting{kind: regexp.MustCompile("GET .*/blobs/"), after: piece, times: 1 << 20}
	server := httptest.NewServer(c.before(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(zeros{}, 0, size))
	})))
	t.Cleanup(server.Close)
	repository, err := name.NewRepository(strings.TrimPrefix(server.URL, "http://") + "/app")
	must(t, err)
	client, err := quick().Connect().Client(t.Context(), repository, "pull")
	must(t, err)
	answer, err := client.Get(server.URL + "/v2/app/blobs/large")
	must(t, err)
	defer answer.Body.Close()
	n, err := io.Copy(io.Discard, answer.Body)
	if err != nil || n != size {
		t.Errorf("%d bytes came, want %d; error %v", n, size, err)
	}
	if len(c.ranges) != 8 {
		t.Errorf("%d requests came, want 8", len(c.ranges))
	}
}

// zeros is a file without an end.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// broken is a body that ends before its time.
type broken struct{ handler http.Handler }

func (b broken) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := inside(b).RoundTrip(r)
	if err == nil && strings.Contains(r.URL.Path, "/blobs/") {
		answer.Body = io.NopCloser(io.MultiReader(bytes.NewReader([]byte{0}), failing{}))
	}
	return answer, err
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestAPauseBeforeTheRestEndsWithTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		access := image.Access{
			Transport: broken{http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})},
			Backoff:   image.Backoff{Delay: time.Hour},
		}
		repository, err := name.NewRepository("localhost/app")
		must(t, err)
		client, err := access.Connect().Client(ctx, repository, "pull")
		must(t, err)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/v2/app/blobs/one", nil)
		must(t, err)
		answer, err := client.Do(request)
		must(t, err)
		time.AfterFunc(10*time.Second, func() { stop(errors.New("the job was stopped")) })
		start := time.Now()
		_, err = io.ReadAll(answer.Body)
		refused(t, err, "the job was stopped")
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("it ended after %s, want 10s", took)
		}
	})
}
