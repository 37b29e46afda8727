package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
)

// meter stands before the registry and counts what goes through it.
type meter struct {
	host     string
	server   *http.Server
	requests atomic.Int64
	bytes    atomic.Int64 // of answers: what was pulled
}

// newMeter starts a meter before the registry at host.
func newMeter(host string) (*meter, error) {
	m := &meter{}
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: host})
			r.Out.Host = r.In.Host // so that uploads go on here
		},
		ModifyResponse: func(r *http.Response) error {
			r.Body = &counted{r.Body, &m.bytes}
			return nil
		},
		ErrorLog: log.New(io.Discard, "", 0), // clients that are gone
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	m.host = listener.Addr().String()
	m.server = &http.Server{ //nolint:gosec // its clients are ours
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			m.requests.Add(1)
			pass.ServeHTTP(w, r)
		}),
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { _ = m.server.Serve(listener) }() // ends with Close
	return m, nil
}

// reset begins to count anew.
func (m *meter) reset() {
	m.requests.Store(0)
	m.bytes.Store(0)
}

func (m *meter) stop() error { return m.server.Close() }

// counted counts what is read.
type counted struct {
	io.ReadCloser
	total *atomic.Int64
}

// Read implements io.Reader.
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.total.Add(int64(n))
	return n, err
}
