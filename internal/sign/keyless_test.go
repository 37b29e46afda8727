package sign_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

const (
	workflow = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
	issuer   = "https://token.actions.githubusercontent.com"
)

// served names the services of a deployment to a signer.
func served(s *sigstoretest.Server) sign.Services {
	services := impatient()
	services.Fulcio, services.Timestamps = s.URL, []string{s.URL + sigstoretest.ClockPath}
	services.Logs = []sign.Log{{URL: s.URL, Version: 2}}
	return services
}

func ours(s *sigstoretest.Server) sign.Token {
	return func(context.Context) (string, error) { return s.Token(workflow, issuer, sign.Audience), nil }
}

// What a job signs keyless, the readers of the deployment's trusted root believe to
// be its, at the time of the timestamp.
func TestAJobSignsKeyless(t *testing.T) {
	d := sigstoretest.New(t)
	for name, choose := range map[string]func(*sign.Services){
		"with a log":         func(*sign.Services) {},
		"without a log":      func(services *sign.Services) { services.Logs = nil },
		"at URLs with slash": func(services *sign.Services) { services.Fulcio += "/"; services.Logs[0].URL += "/" },
	} {
		t.Run(name, func(t *testing.T) {
			s := d.Serve(9 * time.Minute)
			services := served(s)
			choose(&services)
			signer, err := sign.NewKeyless(t.Context(), services, ours(s))
			must(t, err)
			if holder, err := signer.Identity(); err != nil || holder != (sign.Holder{Subject: workflow, Issuer: issuer}) {
				t.Errorf("signing as %+v: %v", holder, err)
			}
			for range 2 {
				e, err := signer.Sign(t.Context(), statement(t))
				must(t, err)
				v := believed(t, e, d, len(services.Logs) > 0)
				if age := time.Since(v.SignedAt()); age < -time.Minute || age > time.Minute {
					t.Errorf("signed %s ago", age)
				}
			}
			if n := s.Asked(sigstoretest.FulcioPath); n != 1 {
				t.Errorf("%d certificates were asked for, want one for all", n)
			}
		})
	}
}

// A certificate that ends soon is replaced, for the same key.
func TestACertificateIsRenewed(t *testing.T) {
	d := sigstoretest.New(t)
	s := d.Serve(time.Minute) // always about to end
	signer, err := sign.NewKeyless(t.Context(), served(s), ours(s))
	must(t, err)
	for range 2 {
		e, err := signer.Sign(t.Context(), statement(t))
		must(t, err)
		believed(t, e, d, true)
	}
	if n := s.Asked(sigstoretest.FulcioPath); n != 3 {
		t.Errorf("%d certificates were asked for, want one and two more", n)
	}
}

func TestAJobThatBecomesAnotherDoesNotSign(t *testing.T) {
	s := sigstoretest.New(t).Serve(time.Minute)
	subject := workflow
	signer, err := sign.NewKeyless(t.Context(), served(s), func(context.Context) (string, error) {
		return s.Token(subject, issuer, sign.Audience), nil
	})
	must(t, err)
	subject += "-pr"
	_, err = signer.Sign(t.Context(), statement(t))
	refused(t, err, "signing the statement of type https://example.com/review/v1: the job's identity changed during the run")
}

func TestKeylessSigningNeedsItsServices(t *testing.T) {
	s := sigstoretest.New(t).Serve(time.Hour)
	tests := []struct {
		name        string
		without     func(*sign.Services)
		says, hints string
	}{
		{"a Fulcio", func(x *sign.Services) { x.Fulcio = "" }, "signing keyless needs a Fulcio, and none is named", "fulcio-url"},
		{"a clock", func(x *sign.Services) { x.Timestamps = nil }, "signing keyless needs a trusted clock, and none is named", "timestamp-url"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			services := served(s)
			test.without(&services)
			signer, err := sign.NewKeyless(t.Context(), services, ours(s))
			refused(t, err, test.says)
			if signer != nil || fault.KindOf(err) != fault.Usage || !strings.Contains(fault.HintOf(err), test.hints) {
				t.Errorf("signer %v, kind %v, hint %q", signer, fault.KindOf(err), fault.HintOf(err))
			}
			if n := s.Asked(sigstoretest.FulcioPath); n != 0 {
				t.Errorf("Fulcio was asked %d times", n)
			}
		})
	}
}

// echo answers with all that was asked, as a service that logs too much.
func echo(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"headers": r.Header, "url": r.URL.String(), "body": string(body)})
	}
}

func TestFulcioDoesNotCertify(t *testing.T) {
	answers := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	d := sigstoretest.New(t)
	key, err := sign.Ephemeral()
	must(t, err)
	foreign := d.Certify(key.Public(), workflow, issuer, time.Now().Add(-time.Minute), time.Now().Add(time.Hour))
	chain := func(der []byte) string {
		text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		raw, err := json.Marshal(map[string]any{"signedCertificateEmbeddedSct": map[string]any{"chain": map[string]any{"certificates": []string{text}}}})
		must(t, err)
		return string(raw)
	}
	tests := []struct {
		name   string
		token  func(*sigstoretest.Server) string
		answer http.HandlerFunc
		says   string
		asked  int
	}{
		{"a token that it does not know", func(*sigstoretest.Server) string { return "e30.eyJzdWIiOiJ4IiwiaXNzIjoieSJ9.c2VjcmV0" }, nil, "Fulcio returned 401", 1},
		{"a token for another audience", func(s *sigstoretest.Server) string { return s.Token(workflow, issuer, "npm") }, nil, "There was an error processing the identity token", 1},
		{"a token that is not base64", func(*sigstoretest.Server) string { return "a.!.c2VjcmV0" }, nil, "illegal base64 data", 0},
		{"a token without claims", func(*sigstoretest.Server) string { return "e30.e30.c2VjcmV0" }, nil, "asking Fulcio at ", 0},
		{"it repeats what it was told", nil, echo(400), "Fulcio returned 400", 1},
		{"out of order", nil, echo(502), "answered 502 Bad Gateway (asked 5 times)", 5},
		{"asked too often", nil, echo(429), "answered 429 Too Many Requests (asked 5 times)", 5},
		{"text", nil, answers("welcome"), "invalid character 'w'", 1},
		{"no certificate", nil, answers("{}"), "Fulcio returned no certificates", 1},
		{"a certificate that is not PEM", nil, answers(`{"signedCertificateEmbeddedSct":{"chain":{"certificates":["x"]}}}`), "unable to parse Fulcio certificate", 1},
		{"a certificate that is none", nil, answers(chain([]byte("x"))), "reading the certificate from ", 1},
		{"a certificate for another key", nil, answers(chain(foreign.Raw)), "it is for another key", 1},
		{"a huge answer", nil, answers(`{"x":"` + strings.Repeat("x", 4<<20) + `"}`), "unexpected end of JSON input", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := d.Serve(time.Hour)
			token := s.Token(workflow, issuer, sign.Audience)
			if test.token != nil {
				token = test.token(s)
			}
			if test.answer != nil {
				s.Fail(sigstoretest.FulcioPath, -1, test.answer)
			}
			services := served(s)
			services.Fulcio = strings.Replace(s.URL, "http://", "http://user:hunter2@", 1)
			signer, err := sign.NewKeyless(t.Context(), services, func(context.Context) (string, error) { return token, nil })
			refused(t, err, test.says)
			secretive(t, err, token, token[strings.LastIndex(token, ".")+1:], "hunter2")
			if signer != nil {
				t.Error("a signer without a certificate")
			}
			if n := s.Asked(sigstoretest.FulcioPath); n != test.asked {
				t.Errorf("asked %d times, want %d", n, test.asked)
			}
		})
	}
}

func TestWhatVouchesIsMissing(t *testing.T) {
	answers := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := []struct {
		name, path string
		answer     http.HandlerFunc
		says       string
		asked      int
	}{
		{"the clock refuses", sigstoretest.ClockPath, answers(400, "no"), "for a timestamp: timestamp authority returned 400: no", 1},
		{"the clock is out of order", sigstoretest.ClockPath, answers(500, ""), "for a timestamp: 127.0.0.1", 5},
		{"the clock says nothing", sigstoretest.ClockPath, answers(201, ""), "for a timestamp: ", 1},
		{"the clock tells a story", sigstoretest.ClockPath, answers(201, strings.Repeat("story", 1<<20)), "for a timestamp: ", 1},
		{"the log refuses", sigstoretest.LogPath, answers(400, "no\x1b[31m\nno"), "it answered 400 Bad Request: no[31m no", 1},
		{"the log has moved on", sigstoretest.LogPath, answers(200, "{}"), "it answered 200 OK: {}", 1},
		{"the log is out of order", sigstoretest.LogPath, answers(503, ""), "answered 503 Service Unavailable (asked 5 times)", 5},
		{"the log says nothing", sigstoretest.LogPath, answers(201, ""), "its answer is no entry of a log", 1},
		{"the log tells a story", sigstoretest.LogPath, answers(201, strings.Repeat("story", 1<<20)), "its answer is no entry of a log", 1},
	}
	key, err := sign.Ephemeral()
	must(t, err)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := sigstoretest.New(t).Serve(time.Hour)
			s.Fail(test.path, -1, test.answer)
			services := served(s)
			services.Timestamps[0] = strings.Replace(services.Timestamps[0], "http://", "http://user:hunter2@", 1) + "?key=hunter3"
			services.Logs[0].URL = strings.Replace(s.URL, "http://", "http://user:hunter2@", 1)
			_, err := key.VouchedBy(services).Sign(t.Context(), statement(t))
			refused(t, err, "signing the statement of type https://example.com/review/v1: ", test.says)
			secretive(t, err, "hunter2", "hunter3")
			if n := s.Asked(test.path); n != test.asked {
				t.Errorf("asked %d times, want %d", n, test.asked)
			}
		})
	}
	t.Run("in order after a while", func(t *testing.T) {
		d := sigstoretest.New(t)
		s := d.Serve(time.Hour)
		for _, path := range []string{sigstoretest.ClockPath, sigstoretest.LogPath, sigstoretest.FulcioPath} {
			s.Fail(path, 4, answers(500, ""))
		}
		signer, err := sign.NewKeyless(t.Context(), served(s), ours(s))
		must(t, err)
		e, err := signer.Sign(t.Context(), statement(t))
		must(t, err)
		believed(t, e, d, true)
	})
}

// A key's signature, too, can be logged, and is then believed where that is asked
// for.
func TestALoggedKey(t *testing.T) {
	d := sigstoretest.New(t)
	s := d.Serve(time.Hour)
	key, err := sign.Ephemeral()
	must(t, err)
	services := served(s)
	services.Fulcio, services.Timestamps = "", nil
	e, err := key.VouchedBy(services).Sign(t.Context(), statement(t))
	must(t, err)
	root, err := verify.LoadRoot(d.TrustedRoot(sigstoretest.Root{}))
	must(t, err)
	trust, err := verify.TrustLoggedKeys(root, key.Public())
	must(t, err)
	if _, err := verify.Verify(e, subject(t), trust); err != nil {
		t.Errorf("not believed: %v", err)
	}
	bare, err := key.Sign(t.Context(), statement(t))
	must(t, err)
	if _, err := verify.Verify(bare, subject(t), trust); err == nil {
		t.Error("a signature that was not logged is believed")
	}
}

// The readers of a bundle find in it all that vouches for the signature.
func TestABundleIsWhole(t *testing.T) {
	d := sigstoretest.New(t)
	s := d.Serve(time.Hour)
	signer, err := sign.NewKeyless(t.Context(), served(s), ours(s))
	must(t, err)
	e, err := signer.Sign(t.Context(), statement(t))
	must(t, err)
	raw, err := e.EncodeBundle()
	must(t, err)
	back, err := attest.ParseBundle(raw)
	must(t, err)
	believed(t, back, d, true)
	leaf, err := x509.ParseCertificate(back.Proof().Certificate())
	must(t, err)
	if len(leaf.URIs) != 1 || leaf.URIs[0].String() != workflow || !bytes.Equal(back.Raw(), e.Raw()) {
		t.Errorf("certificate for %v", leaf.URIs)
	}
}

func TestProbeLogs(t *testing.T) {
	probe := func(t *testing.T, status int) (sign.Services, error) {
		t.Helper()
		s := sigstoretest.New(t).Serve(time.Hour)
		s.Fail("/api/v1/log", -1, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		services := impatient()
		services.Logs = []sign.Log{{URL: strings.Replace(s.URL, "http://", "http://user:hunter2@", 1) + "/"}, {URL: "http://unasked.invalid", Version: 1}}
		return services.ProbeLogs(t.Context())
	}
	for status, want := range map[int]uint32{200: 1, 404: 2, 405: 2, 403: 2} {
		services, err := probe(t, status)
		must(t, err)
		if services.Logs[0].Version != want || services.Logs[1].Version != 1 {
			t.Errorf("%d means version %d, want %d", status, services.Logs[0].Version, want)
		}
		if url, yes := services.Publishes(); !yes || strings.Contains(url, "hunter2") {
			t.Errorf("%s publishes: %v", url, yes)
		}
	}
	_, err := probe(t, 500)
	refused(t, err, "asking the transparency log http://127.0.0.1:", "for its version: 127.0.0.1:", "answered 500 Internal Server Error (asked 5 times)")
	secretive(t, err, "hunter2")

	_, err = sign.Services{Logs: []sign.Log{{URL: "http://user:hunter2@host:port"}}}.ProbeLogs(t.Context())
	refused(t, err, "rekor-url is not a URL")
	secretive(t, err, "hunter2")
	if _, yes := (sign.Services{Logs: []sign.Log{{URL: "x", Version: 2}}}).Publishes(); yes {
		t.Error("a log of hashes publishes whole envelopes")
	}
}

func TestLoadServices(t *testing.T) {
	const config = `{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json",
		"caUrls":[{"url":"https://old.example","majorApiVersion":1,"validFor":{"start":"2020-01-01T00:00:00Z","end":"2024-01-01T00:00:00Z"},"operator":"o"},
			{"url":"https://ca.example","majorApiVersion":1,"validFor":{"start":"2024-01-01T00:00:00Z"},"operator":"o"}],
		"rekorTlogUrls":[{"url":"https://log.example","majorApiVersion":2,"validFor":{"start":"2024-01-01T00:00:00Z"},"operator":"o"}],
		"rekorTlogConfig":{"selector":"ANY"},
		"tsaUrls":[{"url":"https://tsa.example/api/v1/timestamp","majorApiVersion":1,"validFor":{"start":"2024-01-01T00:00:00Z"},"operator":"o"}],
		"tsaConfig":{"selector":"ANY"}}`
	load := func(t *testing.T, content string, now time.Time) (sign.Services, error) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "signing_config.json")
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return sign.LoadServices(path, now)
	}
	now := time.Date(2026, time.November, 24, 0, 0, 0, 0, time.UTC)
	services, err := load(t, config, now)
	must(t, err)
	if services.Fulcio != "https://ca.example" || len(services.Logs) != 1 || services.Logs[0] != (sign.Log{URL: "https://log.example", Version: 2}) ||
		len(services.Timestamps) != 1 || services.Timestamps[0] != "https://tsa.example/api/v1/timestamp" {
		t.Errorf("services %+v", services)
	}
	tests := []struct{ name, content, says string }{
		{"text", "hello", "loading the signing config"},
		{"a version to come", strings.Replace(config, "v0.2", "v9", 1), "loading the signing config"},
		{"a log of a version to come", strings.Replace(config, `"url":"https://log.example","majorApiVersion":2`, `"url":"https://log.example","majorApiVersion":9`, 1), "choosing a transparency log"},
		{"a clock of a time to come", strings.Replace(config, `timestamp","majorApiVersion":1,"validFor":{"start":"2024`, `timestamp","majorApiVersion":1,"validFor":{"start":"2034`, 1), "choosing a timestamp authority"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, test.content, now)
			refused(t, err, test.says)
			secretive(t, err)
		})
	}
	_, err = sign.LoadServices(filepath.Join(t.TempDir(), "none.json"), now)
	refused(t, err, "no such file")
}

// believed checks that readers of the deployment's root believe the job.
func believed(t *testing.T, e attest.Envelope, d *sigstoretest.Deployment, logged bool) verify.Verified {
	t.Helper()
	root, err := verify.LoadRoot(d.TrustedRoot(sigstoretest.Root{}))
	must(t, err)
	if !logged {
		root = root.WithoutLog()
	}
	trust, err := verify.TrustIdentities(root, verify.Identity{Subject: workflow, Issuer: issuer})
	must(t, err)
	v, err := verify.Verify(e, subject(t), trust)
	must(t, err)
	return v
}

// An image that is signed keyless is signed by the same job, at a time that is
// vouched for.
func TestAJobSignsTheImageItself(t *testing.T) {
	d := sigstoretest.New(t)
	s := d.Serve(9 * time.Minute)
	if _, err := sign.NewKeyless(t.Context(), served(s), ours(d.Serve(9*time.Minute))); err == nil {
		t.Fatal("a token of another server was taken")
	}
	signer, err := sign.NewKeyless(t.Context(), served(s), ours(s))
	must(t, err)
	subject := subject(t)
	signed, err := signer.SignImage(t.Context(), subject, "")
	must(t, err)

	root, err := verify.LoadRoot(d.TrustedRoot(sigstoretest.Root{}))
	must(t, err)
	for identity, believed := range map[verify.Identity]bool{
		{Subject: workflow, Issuer: issuer}:                  true,
		{Subject: workflow, Issuer: "https://other.example"}: false,
	} {
		trust, err := verify.TrustIdentities(root, identity)
		must(t, err)
		by, at, err := verify.Signature(signed, subject, trust)
		if believed && (err != nil || by != workflow+" (issuer "+issuer+")" || at.IsZero()) {
			t.Errorf("signed by %q at %v: %v", by, at, err)
		}
		if !believed && err == nil {
			t.Errorf("%s is believed", identity)
		}
	}
	forged := signed
	forged.Payload = append([]byte(" "), signed.Payload...)
	trust, err := verify.TrustIdentities(root, verify.Identity{Subject: workflow, Issuer: issuer})
	must(t, err)
	if _, _, err := verify.Signature(forged, subject, trust); err == nil {
		t.Error("a changed payload is believed")
	}
}
