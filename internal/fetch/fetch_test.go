package fetch_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/fetch"
)

const text = "package sigstore\nisCompliant = true\n"

var sum = fmt.Sprintf("%x", sha256.Sum256([]byte(text)))

func TestParseRefuses(t *testing.T) {
	for address, want := range map[string]string{
		"https://example.com/a.rego":                                   "https://example.com/a.rego does not say which text is meant",
		"https://example.com/a.rego?token=secret":                      "https://example.com/a.rego does not say which text is meant",
		"https://eve:secret@example.com/a.rego#sha256=12":              "https://example.com/a.rego does not say which text is meant",
		"https://example.com/a.rego#md5=" + sum:                        "does not say which text is meant",
		"https://example.com/a.rego#sha256=" + strings.Repeat("A", 64): "does not say which text is meant",
		"https://example.com/a.rego#sha256=" + sum + "0":               "does not say which text is meant",
		"http://example.com/a.rego#sha256=" + sum:                      "http://example.com/a.rego is not an https URL",
		"https:///a.rego#sha256=" + sum:                                "is not an https URL",
		"https://secret%zz/a.rego":                                     "https://… is not a URL",
	} {
		_, err := fetch.Parse(address)
		if err == nil || !strings.Contains(err.Error(), want) || fault.KindOf(err) != fault.Usage || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: want %q, have %v", address, want, err)
		}
	}
}

func get(ctx context.Context, t *testing.T, server *httptest.Server, path string) (string, error) {
	t.Helper()
	p, err := fetch.Parse(server.URL + path + "?token=secret#sha256=" + sum)
	if err != nil {
		t.Fatal(err)
	}
	found, err := p.Get(ctx, 1000, server.Client().Transport)
	return string(found), err
}

func TestGet(t *testing.T) {
	routes := http.NewServeMux()
	routes.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
	routes.HandleFunc("/changed", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text + "#")) })
	routes.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		_, _ = w.Write([]byte(text[:5]))
	})
	routes.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 2000)) })
	routes.Handle("/moved", http.RedirectHandler("/good", http.StatusFound))
	routes.Handle("/round", http.RedirectHandler("/round", http.StatusFound))
	routes.Handle("/plain", http.RedirectHandler("http://example.com/good", http.StatusFound))
	server := httptest.NewTLSServer(routes)
	t.Cleanup(server.Close)
	for path, want := range map[string]string{
		"/changed": "the server has another text than the one that #sha256= names",
		"/missing": "the server says 404 Not Found",
		"/half":    "unexpected EOF",
		"/long":    "it has more than 1000 bytes",
		"/round":   "it redirects more than 10 times",
		"/plain":   "it redirects to http://, which anybody on the way can change",
	} {
		found, err := get(t.Context(), t, server, path)
		if err == nil || found != "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: want %q, have %v", path, want, err)
		}
		if changed := fmt.Sprintf("%x", sha256.Sum256([]byte(text+"#"))); err != nil && strings.Contains(err.Error()+fault.HintOf(err), changed) {
			t.Errorf("%s: it shows the digest of what the server has: %v", path, err)
		}
	}
	for _, path := range []string{"/good", "/moved"} {
		if found, err := get(t.Context(), t, server, path); err != nil || found != text {
			t.Errorf("%s: %q, %v", path, found, err)
		}
	}
}

func TestGetEndsWithItsContext(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := get(ended, t, server, "/good"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
