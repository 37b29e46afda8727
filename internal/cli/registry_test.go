package cli_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/google/go-containerregistry/pkg/registry"
)

// gateway stands before a registry and can be told to misbehave.
type gateway struct {
	registry http.Handler

	mu                 sync.Mutex
	faults             []*misbehaviour
	username, password string // asked for, if set
}

// misbehaviour is what happens to the requests that match.
type misbehaviour struct {
	method  string
	path    *regexp.Regexp
	do      http.HandlerFunc
	reached chan struct{} // closed when the first request matched
	once    sync.Once
}

// startRegistry serves a registry on loopback.
func startRegistry(referrers bool) (*gateway, *httptest.Server) {
	g := &gateway{registry: registry.New(
		registry.WithReferrersSupport(referrers), registry.Logger(log.New(io.Discard, "", 0)))}
	return g, httptest.NewServer(g)
}

// ServeHTTP implements http.Handler.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	username, password := g.username, g.password
	var hit *misbehaviour
	for _, f := range g.faults {
		if f.method == r.Method && f.path.MatchString(r.URL.Path) {
			hit = f
			break
		}
	}
	g.mu.Unlock()
	if username != "" {
		if u, p, ok := r.BasicAuth(); !ok || u != username || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}`, http.StatusUnauthorized)
			return
		}
	}
	if hit == nil {
		g.registry.ServeHTTP(w, r)
		return
	}
	hit.once.Do(func() { close(hit.reached) })
	hit.do(w, r)
}

func (g *gateway) add(m *misbehaviour) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, m)
}

func (g *gateway) heal() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults, g.username, g.password = nil, "", ""
}

// answer returns a handler that answers with a status and nothing else.
func answer(code string) (http.HandlerFunc, error) {
	status, err := strconv.Atoi(code)
	if err != nil {
		return nil, err
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html>\n<h1>it is the registry's proxy that speaks here</h1>\n</html>\n")
	}, nil
}

// drop reads some of the request's body and cuts the connection.
func drop(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, max(1, r.ContentLength/2))
	panic(http.ErrAbortHandler)
}

// stall waits until the client has gone away.
func stall(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // the server notices a client's end only then
	<-r.Context().Done()
}

// cut sends half of the registry's answer and cuts the connection.
func (g *gateway) cut(w http.ResponseWriter, r *http.Request) {
	recorded := httptest.NewRecorder()
	g.registry.ServeHTTP(recorded, r)
	for name, values := range recorded.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(recorded.Body.Len()))
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes()[:recorded.Body.Len()/2])
	panic(http.ErrAbortHandler)
}

// lie answers as the registry does, with one byte of the body changed.
func (g *gateway) lie(w http.ResponseWriter, r *http.Request) {
	recorded := httptest.NewRecorder()
	g.registry.ServeHTTP(recorded, r)
	for name, values := range recorded.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorded.Code)
	body := recorded.Body.Bytes()
	if len(body) > 0 {
		body[len(body)-1] ^= 1
	}
	_, _ = w.Write(body)
}

// first runs what is given with the first matching request, and lets all pass.
func (g *gateway) first(run func()) http.HandlerFunc {
	var once sync.Once
	return func(w http.ResponseWriter, r *http.Request) {
		once.Do(run)
		g.registry.ServeHTTP(w, r)
	}
}

// host returns the address of a server as references have it.
func host(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
