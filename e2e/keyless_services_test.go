package e2e_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// attestKeyless runs hallmark on an image, with what is brought and nothing else.
func (p *place) attestKeyless(image string, flags ...string) outcome {
	p.t.Helper()
	p.file("approval.json", `{"by":"the release team"}`)
	return p.run("hallmark", slices.Concat([]string{
		"run", image, "--sbom", "none", "--scan=false", "--predicate", typeOfOurOwn + "=approval.json",
	}, flags)...)
}

// verifyKeyless lets hallmark verify that a signer attested an image.
func (p *place) verifyKeyless(s *world.Sigstore, signer world.Identity, image string, flags ...string) outcome {
	p.t.Helper()
	return p.run("hallmark", slices.Concat([]string{
		"verify", image, "--type", typeOfOurOwn, "--trusted-root", s.TrustedRoot,
		"--certificate-identity", signer.Subject, "--certificate-oidc-issuer", signer.Issuer,
	}, flags)...)
}

// nothingAttached checks that an image's repository holds the image only.
func (p *place) nothingAttached(image string) {
	p.t.Helper()
	repository, _, _ := strings.Cut(image, "@")
	if tags := strings.Fields(p.must("crane", "ls", repository)); !slices.Equal(tags, []string{"v1"}) {
		p.t.Errorf("the repository has the tags %v, want v1 only", tags)
	}
}

func TestTokenEndpointThatFails(t *testing.T) {
	p := newPlace(t, "")
	sigstore := newSigstore(t)
	job := p.onGitHub(sigstore)

	for name, status := range map[string]int{"500": http.StatusInternalServerError, "429": http.StatusTooManyRequests} {
		image := p.bare("moment-" + name)
		sigstore.Issuer.FailNext(3, status)
		before := sigstore.Issuer.Requests()
		if got := job.attestKeyless(image, byConfig(sigstore)...); got.code != 0 {
			t.Errorf("%s three times: exit %d\n%s", name, got.code, got.stderr)
		}
		if n := sigstore.Issuer.Requests() - before; n != 4 {
			t.Errorf("%s three times: asked %d times for a token, want 4", name, n)
		}
		if got := p.verifyKeyless(sigstore, sigstore.Issuer.GitHub, image); got.code != 0 {
			t.Errorf("%s three times: what was attached is not believed:\n%s%s", name, got.stdout, got.stderr)
		}
	}

	image := p.bare("for-good")
	sigstore.Issuer.FailNext(1000, http.StatusInternalServerError)
	got := job.attestKeyless(image, byConfig(sigstore)...)
	if got.code != 1 || !strings.Contains(got.stderr, "asking GitHub for an identity token") || !strings.Contains(got.stderr, "500") {
		t.Errorf("500 for good: exit %d, want 1 and the reason\n%s", got.code, got.stderr)
	}
	p.nothingAttached(image)
}

// The log is what a reader of keyless signatures insists on, unless both sides
// agree to do without; for keys it is the other way round.
func TestLogOnDemand(t *testing.T) {
	p := newPlace(t, "")
	sigstore := newSigstore(t)
	p.keys("cosign")

	t.Run("keyless, without a log", func(t *testing.T) {
		p := p.in(t)
		image := p.bare("unlogged")
		if got := p.onGitHub(sigstore).attestKeyless(image, slices.Concat(byConfig(sigstore), []string{"--tlog=false"})...); got.code != 0 {
			t.Fatalf("exit %d\n%s", got.code, got.stderr)
		}
		if got := p.verifyKeyless(sigstore, sigstore.Issuer.GitHub, image, "--tlog=false"); got.code != 0 {
			t.Errorf("a reader who needs no log: exit %d\n%s%s", got.code, got.stdout, got.stderr)
		}
		if got := p.verifyKeyless(sigstore, sigstore.Issuer.GitHub, image); got.code != 4 || !strings.Contains(got.stdout, "no transparency log holds it") {
			t.Errorf("a reader who asks for a log: exit %d, want 4\n%s%s", got.code, got.stdout, got.stderr)
		}
		p.judges("cosign3", cosign3Flags(sigstore, "att"), sigstore.Issuer.GitHub, image)
	})

	t.Run("a key, with a log", func(t *testing.T) {
		for _, format := range []string{"att", "bundle"} {
			p := p.in(t)
			image := p.bare("logged-" + format)
			flags := []string{"--key", "cosign.key", "--attestation-format", format}
			logged := []string{"verify", image, "--key", "cosign.pub", "--type", typeOfOurOwn, "--tlog=true", "--trusted-root", sigstore.TrustedRoot}
			if got := p.attestKeyless(image, flags...); got.code != 0 {
				t.Fatalf("%s: exit %d\n%s", format, got.code, got.stderr)
			}
			if got := p.run("hallmark", logged...); got.code != 4 || !strings.Contains(got.stdout, "no transparency log holds it") {
				t.Errorf("%s, not logged: exit %d, want 4\n%s%s", format, got.code, got.stdout, got.stderr)
			}
			image = p.bare("relogged-" + format)
			logged[1] = image
			if got := p.attestKeyless(image, slices.Concat(flags, []string{"--tlog=true"}, byConfig(sigstore))...); got.code != 0 {
				t.Fatalf("%s: exit %d\n%s", format, got.code, got.stderr)
			}
			p.must("hallmark", logged...)
		}
	})
}

// A second version of the log takes hashes. Nothing of what is attested may reach
// it, neither as it is nor in base64, once or twice.
func TestNothingOfThePayloadReachesTheLog(t *testing.T) {
	p := newPlace(t, "")
	storage := t.TempDir()
	sigstore := newSigstoreIn(t, storage)
	log := recordLog(t, sigstore.RekorURL)
	secret := strings.Repeat("kept-among-ourselves", 5)
	p.file("secret.json", `{"by":"`+secret+`"}`)

	image := p.bare("secret")
	job := p.onGitHub(sigstore)
	job.must("hallmark", slices.Concat([]string{
		"run", image, "--scan=false", "--predicate", typeOfOurOwn + "=secret.json", "--attestation-format", "both",
	}, byConfig(sigstore), []string{"--rekor-url", log.url})...)

	found := func(dir string) (files int) {
		for _, content := range contentsOf(t, dir) {
			if shows(content, secret) {
				files++
			}
		}
		return files
	}
	if n := found(filepath.Join(p.dir, "registry")); n != 2 { // an attestation in each format
		t.Errorf("it shows in %d files of the registry, want 2: what is looked for is not what is attached", n)
	}
	if n := found(filepath.Join(storage, "rekor")); n != 0 {
		t.Errorf("it shows in %d files of the log", n)
	}
	bodies := log.posted()
	if len(bodies) != 4 { // an SBOM and what is brought, in each format
		t.Errorf("%d requests to the log, want 4", len(bodies))
	}
	for _, body := range bodies {
		if shows(body, secret) || len(body) > 4096 {
			t.Errorf("the log was sent %d bytes: %.300s", len(body), body)
		}
	}
	if got := p.verifyKeyless(sigstore, sigstore.Issuer.GitHub, image); got.code != 0 {
		t.Errorf("what the log holds is not believed: exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
}

// shows reports whether content has a text in it, as it is or in base64, once or
// twice.
func shows(content []byte, text string) bool {
	forms := inBase64(text)
	for _, form := range inBase64(text) {
		forms = append(forms, inBase64(form)...)
	}
	return slices.ContainsFunc(append(forms, text), func(form string) bool { return bytes.Contains(content, []byte(form)) })
}

// inBase64 returns what a text looks like inside of something in base64, at each
// of its three alignments.
func inBase64(text string) []string {
	var forms []string
	for lead := range 3 {
		inner := text[lead : len(text)-(len(text)-lead)%3] // whole groups of three, wherever they start
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(inner)))
	}
	return forms
}

// contentsOf returns what is in the files below a folder.
func contentsOf(t *testing.T, dir string) [][]byte {
	t.Helper()
	var contents [][]byte
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		contents = append(contents, content)
		return err
	})
	if err != nil || len(contents) == 0 {
		t.Fatalf("reading %s: %d files, %v", dir, len(contents), err)
	}
	return contents
}

// logRecorder passes requests to a log and keeps what is posted.
type logRecorder struct {
	url    string
	mu     sync.Mutex
	bodies [][]byte
}

func recordLog(t *testing.T, target string) *logRecorder {
	t.Helper()
	to, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	r := &logRecorder{}
	proxy := &httputil.ReverseProxy{Rewrite: func(request *httputil.ProxyRequest) { request.SetURL(to) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		if request.Method == http.MethodPost {
			r.mu.Lock()
			r.bodies = append(r.bodies, body)
			r.mu.Unlock()
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, request)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *logRecorder) posted() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies)
}

// The first version of the log takes the envelope, whole. Without being told to,
// no run sends it any.
func TestLogThatTakesThePayloadIsRefused(t *testing.T) {
	p := newPlace(t, "")
	sigstore := newSigstore(t)
	job := p.onGitHub(sigstore)
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodGet || request.URL.Path != "/api/v1/log" {
			t.Errorf("the log was sent %s %s", request.Method, request.URL)
			return
		}
		_, _ = io.WriteString(w, `{"treeSize":1}`)
	}))
	t.Cleanup(first.Close)
	flags := slices.Concat(byURLs(sigstore), []string{"--rekor-url", first.URL})

	image := p.bare("published")
	got := job.attestKeyless(image, flags...)
	if got.code != 2 || !strings.Contains(got.stderr, first.URL+" is a Rekor v1") || !strings.Contains(got.stderr, "--tlog=false") {
		t.Errorf("exit %d, want 2, with the log named and the way out\n%s", got.code, got.stderr)
	}
	if n := sigstore.Issuer.Requests(); n != 0 {
		t.Errorf("%d tokens were asked for before the refusal", n)
	}
	p.nothingAttached(image)

	if got := job.attestKeyless(image, append(flags, "--tlog=false")...); got.code != 0 {
		t.Errorf("without a log: exit %d\n%s", got.code, got.stderr)
	}
}
