package cli_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/cli"
	"github.com/hallmark-ci/hallmark/internal/sign"
)

// shop is a registry with an image in it, which asks for a login or not, and notes
// what it is shown.
type shop struct {
	server *httptest.Server
	world  *world
	mu     sync.Mutex
	shown  []string // Authorization headers and bodies of forms
}

// openShop starts a registry that counts as another host than the next one does: each
// has a port of its own.
func openShop(t *testing.T, asks bool, before func(s *shop, w http.ResponseWriter, r *http.Request) bool) *shop {
	t.Helper()
	g, server := startRegistry(true)
	server.Close()
	s := &shop{world: &world{gateway: g}}
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.note(r)
		if before != nil && before(s, w, r) {
			return
		}
		if asks && r.Header.Get("Authorization") == "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="shop"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		g.registry.ServeHTTP(w, r)
	}))
	t.Cleanup(s.server.Close)
	if _, _, err := s.world.push("clean", "team/app:v1"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = append(s.shown, r.Header.Get("Authorization"), r.Header.Get("Referer"), r.URL.RawQuery)
}

func (s *shop) host() string { return host(s.server) }

func (s *shop) saw(secret string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	encoded := base64.StdEncoding.EncodeToString([]byte("ada:" + secret))
	return slices.ContainsFunc(s.shown, func(text string) bool {
		return strings.Contains(text, secret) || strings.Contains(text, encoded)
	})
}

// invoke runs the command in this process.
func invoke(ctx context.Context, environ []string, args ...string) (code int, printed string) {
	var out bytes.Buffer
	code = cli.Main(ctx, args, cli.Stdio{Out: &out, Err: &out}, environ)
	return code, out.String()
}

// keyPair writes a key pair to a folder, and returns the environment of a command
// that has it and nothing else.
func keyPair(t *testing.T, dir string) []string {
	t.Helper()
	pair, err := sign.GeneratePair([]byte(password))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "cosign.key"), pair.Private)
	write(t, filepath.Join(dir, "cosign.pub"), pair.Public)
	return []string{"COSIGN_PASSWORD=" + password, "XDG_CACHE_HOME=" + filepath.Join(dir, "cache")}
}

const hunter = "hunter2-of-the-first-host"

// A login is for one host. Wherever else a command goes, it goes without.
func TestALoginBelongsToOneHost(t *testing.T) {
	dir := t.TempDir()
	environ := keyPair(t, dir)
	key, public := filepath.Join(dir, "cosign.key"), filepath.Join(dir, "cosign.pub")
	custom := filepath.Join(dir, "note.txt")
	write(t, custom, []byte("looked at"))
	rego := filepath.Join(dir, "a.rego")
	write(t, rego, []byte("package hallmark.a\ndeny contains \"x\" if { input.x }\n"))
	for name, args := range map[string]func(first, other string) []string{
		"rescan of several": func(first, other string) []string {
			return []string{"rescan", first + "/team/app:v1", other + "/team/app:v1", "--key", key, "--vuln-db", filepath.Join(dir, "absent")}
		},
		"rescan of several, from the input": func(first, other string) []string {
			return []string{"rescan", "--image", first + "/team/app:v1", "--image", other + "/team/app:v1", "--key", key, "--vuln-db", rego}
		},
		"attestations elsewhere": func(first, other string) []string {
			return []string{"attest", first + "/team/app:v1", "--key", key, "--predicate", "custom=" + custom, "--attestation-repository", other + "/team/att"}
		},
		"policies elsewhere": func(first, other string) []string {
			return []string{"gate", first + "/team/app:v1", "--key", public, "--policy", "oci://" + other + "/team/app:v1", "--policy-key", public}
		},
		"a database elsewhere": func(first, other string) []string {
			return []string{"run", first + "/team/app:v1", "--key", key, "--vuln-db", "oci://" + other + "/team/app:v1", "--output-dir", filepath.Join(dir, "out")}
		},
		"a mirror": func(first, other string) []string {
			return []string{
				"run", first + "/team/app:v1", "--key", key, "--vuln-db", rego, "--registry-mirror", first + "=" + other,
				"--output-dir", filepath.Join(dir, "mirrored"),
			}
		},
		"a set that is pushed": func(first, _ string) []string {
			return []string{"policy", "push", rego, first + "/team/set:v1", "--key", key}
		},
	} {
		t.Run(name, func(t *testing.T) {
			first, other := openShop(t, true, nil), openShop(t, true, nil)
			_, printed := invoke(t.Context(), environ, append(args(first.host(), other.host()), "--registry-username", "ada", "--registry-password", hunter)...)
			if other.saw(hunter) {
				t.Errorf("the other host was shown the login\n%s", printed)
			}
			if !first.saw(hunter) && name != "policies elsewhere" && !strings.HasPrefix(name, "rescan") {
				t.Errorf("the host that it is for was not\n%s", printed)
			}
			if strings.Contains(printed, hunter) {
				t.Errorf("it is printed\n%s", printed)
			}
		})
	}
}

// The images of a rescan are asked for, those of another host without a login, and
// that is told.
func TestRescanSaysWhoseLoginItIs(t *testing.T) {
	dir := t.TempDir()
	environ := keyPair(t, dir)
	databases := materials(t)
	first, other := openShop(t, true, nil), openShop(t, true, nil)
	code, printed := invoke(t.Context(), environ, "rescan", first.host()+"/team/app:v1", other.host()+"/team/app:v1", "--key", filepath.Join(dir, "cosign.key"),
		"--vuln-db", filepath.Join(databases, "fresh"), "--registry-username", "ada", "--registry-password", hunter)
	if code == 0 || !first.saw(hunter) || other.saw(hunter) {
		t.Errorf("exit %d, first %t, other %t", code, first.saw(hunter), other.saw(hunter))
	}
	note := fmt.Sprintf("registry-username and registry-password are for %s, where the first image is: %s is asked without", first.host(), other.host())
	if !strings.Contains(printed, note) || !strings.Contains(printed, "refuses access (401)") {
		t.Errorf("%s", printed)
	}
}

// A registry, or its server of tokens, may send on to another host. That host is not
// shown the login, the token or the address with what is secret in it.
func TestARedirectTakesNoLoginAlong(t *testing.T) {
	dir := t.TempDir()
	environ := keyPair(t, dir)
	elsewhere := openShop(t, false, nil)
	moved := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.server.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}
	for name, before := range map[string]func(s *shop, w http.ResponseWriter, r *http.Request) bool{
		"the registry": func(_ *shop, w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Authorization") == "" || r.URL.Path == "/v2/" {
				return false
			}
			moved(w, r)
			return true
		},
		"the server of tokens": func(s *shop, w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/token") {
				moved(w, r)
				return true
			}
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+s.server.URL+`/token?hint=`+hunter+`",service="shop"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t, true, before)
			_, printed := invoke(t.Context(), environ, "verify", s.host()+"/team/app:v1", "--key", filepath.Join(dir, "cosign.pub"),
				"--registry-username", "ada", "--registry-password", hunter)
			if !s.saw(hunter) || elsewhere.saw(hunter) || strings.Contains(printed, hunter) {
				t.Errorf("shown to the host: %t, to the other: %t\n%s", s.saw(hunter), elsewhere.saw(hunter), printed)
			}
		})
	}
}

// Nor does a server with policies or databases that sends on.
func TestAnAddressIsNotToldToWhereItSendsOn(t *testing.T) {
	dir := t.TempDir()
	environ := keyPair(t, dir)
	elsewhere := openShop(t, false, nil)
	site := httptest.NewServer(http.RedirectHandler(elsewhere.server.URL+"/db.tar", http.StatusFound))
	t.Cleanup(site.Close)
	image := openShop(t, false, nil)
	_, printed := invoke(t.Context(), environ, "run", image.host()+"/team/app:v1", "--key", filepath.Join(dir, "cosign.key"), "--output-dir", filepath.Join(dir, "out"),
		"--vuln-db", strings.Replace(site.URL, "://", "://ada:"+hunter+"@", 1)+"/db.tar?token="+hunter)
	if elsewhere.saw(hunter) || len(elsewhere.shown) == 0 {
		t.Errorf("%q", elsewhere.shown)
	}
	report, err := os.ReadFile(filepath.Join(dir, "out", "summary.md"))
	if err != nil || strings.Contains(string(report)+printed, hunter) {
		t.Errorf("%v\n%s%s", err, report, printed)
	}
}
