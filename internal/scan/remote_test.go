package scan_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/scan"
)

// mirror is a web server with a database and the listing of a feed.
type mirror struct {
	*httptest.Server
	archive   []byte
	sum       string // that the listing gives
	downloads int
	status    int  // of the listing; 0: OK
	half      bool // of the archive is sent
}

func newMirror(t *testing.T, archive []byte) *mirror {
	t.Helper()
	m := &mirror{}
	m.serve(archive)
	routes := http.NewServeMux()
	routes.HandleFunc("GET /v6/latest.json", func(w http.ResponseWriter, _ *http.Request) {
		if m.status != 0 {
			http.Error(w, "down", m.status)
			return
		}
		fmt.Fprintf(w, `{"status":"active","schemaVersion":"v6.1.10","built":"2026-11-20T12:30:15Z","path":"db.tar.zst","checksum":"sha256:%s"}`, m.sum)
	})
	routes.HandleFunc("GET /v6/db.tar.zst", func(w http.ResponseWriter, _ *http.Request) {
		m.downloads++
		w.Header().Set("Content-Length", fmt.Sprint(len(m.archive)))
		if m.half {
			_, _ = w.Write(m.archive[:len(m.archive)/2])
			return
		}
		_, _ = w.Write(m.archive)
	})
	routes.HandleFunc("GET /half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(m.archive)))
		_, _ = w.Write(m.archive[:len(m.archive)/2])
	})
	routes.Handle("GET /elsewhere", http.RedirectHandler("http://mirror.example/db.tar.zst", http.StatusFound))
	routes.Handle("GET /round", http.RedirectHandler("/round", http.StatusFound))
	routes.Handle("GET /moved", http.RedirectHandler("/v6/db.tar.zst", http.StatusFound))
	m.Server = httptest.NewServer(routes)
	t.Cleanup(m.Close)
	return m
}

// serve makes the archive the newest of the feed.
func (m *mirror) serve(archive []byte) {
	m.archive, m.sum = archive, fmt.Sprintf("%x", sha256.Sum256(archive))
}

func TestOpenURLRefuses(t *testing.T) {
	m := newMirror(t, archived(t, folder(t)))
	for path, want := range map[string]string{
		"/missing":   "the server says 404 Not Found",
		"/half":      "unexpected EOF",
		"/elsewhere": "plain http to mirror.example is refused",
		"/round":     "redirects more than ten times",
	} {
		t.Run(path, func(t *testing.T) {
			cache := t.TempDir()
			_, err := scan.Open(t.Context(), scan.Config{Source: m.URL + path + "?token=secret", CacheDir: cache})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("err = %v, want %q", err, want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("err = %v: it tells the token", err)
			}
			if fault.KindOf(err) == fault.Failed {
				t.Errorf("kind = Failed: %v", err)
			}
			noTemporaries(t, cache)
		})
	}
}

// TestSourcesWithoutTheirSecrets: an address that cannot be used is still not
// shown with its password or its token.
func TestSourcesWithoutTheirSecrets(t *testing.T) {
	for source, want := range map[string]string{
		"https://me:secr%ss@mirror.example/db":         "https://… is not a URL",
		"https://me:secret@mirror.example:port/db":     "https://… is not a URL",
		"https://me:secret@/db?token=secret":           "https:///db names no host",
		"https:///db?token=secret#secret":              "https:///db names no host",
		"http://me:secret@mirror.example/?t=secret":    "plain http to mirror.example is refused",
		"oci://me:secret@registry.example/db?t=secret": "oci://registry.example/db: OCI artifacts are not available",
		"oci://me:secr%ss@registry.example/db":         "oci://…: OCI artifacts are not available",
	} {
		_, err := scan.Open(t.Context(), scan.Config{Source: source, CacheDir: t.TempDir()})
		if fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: err = %v, want %q", source, err, want)
		}
		if all := fmt.Sprint(err, fault.HintOf(err)); strings.Contains(all, "secr") {
			t.Errorf("%s: err = %v: it tells what is secret", source, err)
		}
	}
}

func TestOpenURLThatDoesNotAnswer(t *testing.T) {
	m := newMirror(t, nil)
	m.Close()
	_, err := scan.Open(t.Context(), scan.Config{Source: m.URL + "/v6/db.tar.zst", CacheDir: t.TempDir()})
	if fault.KindOf(err) != fault.Undecided || fault.HintOf(err) == "" || !strings.Contains(err.Error(), m.URL) {
		t.Errorf("err = %v, want Undecided with a hint, naming the URL", err)
	}
}

// TestOpenURL: the address is attested as the database's source, and so must not
// hold what is secret in it.
func TestOpenURL(t *testing.T) {
	m := newMirror(t, archived(t, folder(t)))
	cfg := scan.Config{
		Source:   strings.Replace(m.URL, "//", "//me:secret@", 1) + "/moved?token=secret",
		CacheDir: t.TempDir(),
	}
	for range 2 {
		database := open(t, cfg)
		if got, want := database.Info().Source, m.URL+"/moved"; got != want {
			t.Errorf("Source = %s, want %s", got, want)
		}
		findsLodash(t, database)
	}
	noTemporaries(t, cfg.CacheDir)
}

// pinned names what a tag is.
func pinned(ctx context.Context, _ string) (string, error) {
	return "registry.example/db@sha256:1", ctx.Err()
}

func TestOpenOCI(t *testing.T) {
	archive := archived(t, folder(t))
	cfg := scan.Config{Source: "oci://registry.example/db:v6", CacheDir: t.TempDir(), Pin: pinned}
	cfg.Fetch = func(_ context.Context, ref string, w io.Writer) error {
		if ref != "registry.example/db@sha256:1" {
			return fmt.Errorf("asked for %s", ref)
		}
		_, err := w.Write(archive)
		return err
	}
	database := open(t, cfg)
	if got := database.Info().Source; got != "oci://registry.example/db@sha256:1" {
		t.Errorf("Source = %s", got)
	}
	if got, want := database.Info().SHA256, fmt.Sprintf("%x", sha256.Sum256(archive)); got != want {
		t.Errorf("SHA256 = %s, want %s", got, want)
	}
	if notes := database.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "whoever can write to the tag can empty it") {
		t.Errorf("notes = %q", notes)
	}
	findsLodash(t, database)

	cfg.Fetch = func(_ context.Context, _ string, w io.Writer) error {
		_, err := w.Write(archive[:100])
		return errors.Join(err, errors.New("connection reset"))
	}
	_, err := scan.Open(t.Context(), cfg)
	if fault.KindOf(err) != fault.Undecided || !strings.Contains(err.Error(), "downloading oci://registry.example/db@sha256:1: connection reset") {
		t.Errorf("err = %v", err)
	}
	noTemporaries(t, cfg.CacheDir)
}
