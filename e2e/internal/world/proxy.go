package world

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Fault is what becomes of a request.
type Fault string

// The faults. All but Cut happen before the request reaches the registry.
const (
	None        Fault = ""
	Broken      Fault = "500"
	Unavailable Fault = "503"
	Limited     Fault = "429"
	Reset       Fault = "reset" // the connection ends without an answer
	Stall       Fault = "stall" // no answer until the client gives up
	Cut         Fault = "cut"   // the registry does it, and half of its answer arrives, or none where it has no body
)

// Proxy stands before a registry and lets requests fail.
type Proxy struct {
	Host string // HOST:PORT on loopback

	server *http.Server
	mu     sync.Mutex
	choose func(n int, r *http.Request) Fault
	since  time.Time
	seen   []Request
}

// StartProxy starts a proxy before the registry at host. Stop ends it.
func StartProxy(host string) (*Proxy, error) {
	p := &Proxy{choose: func(int, *http.Request) Fault { return None }}
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: host})
			r.Out.Host = r.In.Host // so that uploads go on here
		},
		ErrorLog: log.New(io.Discard, "", 0), // clients that are gone
	}
	var err error
	p.Host, p.server, err = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.handle(pass, w, r) }))
	return p, err
}

// Fail lets requests fail from now on as choose has it, and counts from one.
func (p *Proxy) Fail(choose func(n int, r *http.Request) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.choose, p.seen, p.since = choose, nil, time.Now()
}

// Request is one that came through a proxy.
type Request struct {
	Method, Path string
	After        time.Duration // Fail
}

// String returns the method and the path.
func (r Request) String() string { return r.Method + " " + r.Path }

// Requests returns the requests since Fail.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.seen)
}

// Stop ends the proxy, whoever still waits for it.
func (p *Proxy) Stop() error { return p.server.Close() }

func (p *Proxy) handle(pass http.Handler, w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, Request{Method: r.Method, Path: r.URL.Path, After: time.Since(p.since)})
	fault := p.choose(len(p.seen), r)
	p.mu.Unlock()
	switch fault {
	case Broken:
		w.WriteHeader(http.StatusInternalServerError)
	case Unavailable:
		w.WriteHeader(http.StatusServiceUnavailable)
	case Limited:
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
	case Reset:
		panic(http.ErrAbortHandler)
	case Stall:
		_, _ = io.Copy(io.Discard, r.Body) // only then is it seen that the client is gone
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case Cut:
		pass.ServeHTTP(&cutter{ResponseWriter: w}, r)
		panic(http.ErrAbortHandler)
	case None:
		pass.ServeHTTP(w, r)
	}
}

// cutter loses the second half of an answer.
type cutter struct{ http.ResponseWriter }

// WriteHeader implements http.ResponseWriter. An answer without a body is lost.
func (c *cutter) WriteHeader(status int) {
	if length := c.Header().Get("Content-Length"); length == "" || length == "0" {
		panic(http.ErrAbortHandler)
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *cutter) Write(b []byte) (int, error) {
	_, _ = c.ResponseWriter.Write(b[:len(b)/2])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// Referrers is a registry with the referrers API, of go-containerregistry.
type Referrers struct {
	Host   string // HOST:PORT on loopback
	server *http.Server
}

// StartReferrers starts a registry with the referrers API, which keeps its
// content in memory. Stop ends it.
func StartReferrers() (*Referrers, error) {
	handler := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	host, server, err := serve(handler)
	return &Referrers{Host: host, server: server}, err
}

// StartPrivate starts such a registry for one user only.
func StartPrivate(user, password string) (*Referrers, error) {
	content := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
	host, server, err := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if u, p, _ := r.BasicAuth(); u != user || p != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		content.ServeHTTP(w, r)
	}))
	return &Referrers{Host: host, server: server}, err
}

// Stop ends the registry.
func (r *Referrers) Stop() error { return r.server.Close() }

func serve(handler http.Handler) (string, *http.Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listening on loopback: %w", err)
	}
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)} //nolint:gosec // its clients are ours
	go func() { _ = server.Serve(listener) }()                                     // ends with Close
	return listener.Addr().String(), server, nil
}
