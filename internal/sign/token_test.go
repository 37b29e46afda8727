package sign_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
)

// impatient asks again at once.
func impatient() sign.Services {
	return sign.Services{FirstPause: time.Millisecond, Patience: 5 * time.Second}
}

func onGitHub(s *sigstoretest.Server, secret string) sign.Environment {
	return environment(nil, map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL": s.URL + sigstoretest.TokenPath + "?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": secret,
	})
}

func TestAJobWithoutATokenHasNone(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"nothing set":             nil,
		"an empty token":          {"SIGSTORE_ID_TOKEN": ""},
		"GitHub without a URL":    {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret"},
		"GitHub's URL only":       {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://example.com"},
		"no permission, so empty": {"ACTIONS_ID_TOKEN_REQUEST_URL": "", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""},
	} {
		if sign.FindToken("", environment(nil, env), impatient()) != nil {
			t.Errorf("%s: a token was found", name)
		}
	}
}

func TestATokenThatIsNoneIsNotShown(t *testing.T) {
	const secret = "s3cr3t"
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	tests := []struct {
		name, file string
		env        map[string]string
		says       string
	}{
		{"no such file", filepath.Join(dir, "none"), nil, "reading the identity token " + filepath.Join(dir, "none") + ": no such file or directory"},
		{"a folder", dir, nil, "is a directory"},
		{"an empty file", write("empty", ""), nil, "it is not a JSON web token"},
		{"a password", write("password", secret), nil, "it is not a JSON web token"},
		{"two words", write("words", secret+" a.b.c"), nil, "it is not a JSON web token"},
		{"two tokens", write("tokens", secret+".b.c\na.b.c"), nil, "it is not a JSON web token"},
		{"too long", write("long", secret+".."+strings.Repeat("x", 64<<10)), nil, "it is not a JSON web token"},
		{"in the environment", "", map[string]string{"SIGSTORE_ID_TOKEN": secret}, "reading the identity token SIGSTORE_ID_TOKEN: it is not a JSON web token"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := sign.FindToken(test.file, environment(nil, test.env), impatient())(t.Context())
			refused(t, err, test.says)
			secretive(t, err, secret)
		})
	}
}

// A file that is named comes first, then GitLab's variable, then GitHub's endpoint.
func TestWhereATokenComesFrom(t *testing.T) {
	s := sigstoretest.New(t).Serve(time.Hour)
	path := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(path, []byte("from.a.file\n"), 0o600))
	both := func(name string) (string, bool) {
		if name == "SIGSTORE_ID_TOKEN" {
			return "from.a.variable", true
		}
		return onGitHub(s, sigstoretest.RunnerSecret)(name)
	}
	for want, token := range map[string]sign.Token{
		"from.a.file":     sign.FindToken(path, both, impatient()),
		"from.a.variable": sign.FindToken("", both, impatient()),
	} {
		if got, err := token(t.Context()); err != nil || got != want {
			t.Errorf("token %s, want %s: %v", got, want, err)
		}
	}
	if n := s.Asked(sigstoretest.TokenPath); n != 0 {
		t.Errorf("GitHub was asked %d times", n)
	}
}

func TestGitHubsEndpoint(t *testing.T) {
	answers := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	const secret = sigstoretest.RunnerSecret
	tests := []struct {
		name   string
		secret string
		times  int
		answer http.HandlerFunc
		says   string
		asked  int
	}{
		{"no right to a token", "wrong", 0, nil, "asking GitHub for an identity token: it answered 401 Unauthorized", 1},
		{"forbidden, and why", secret, -1, answers(403, secret), "it answered 403 Forbidden", 1},
		{"out of order", secret, -1, answers(503, secret), "answered 503 Service Unavailable (asked 5 times)", 5},
		{"asked too often", secret, -1, answers(429, secret), "answered 429 Too Many Requests (asked 5 times)", 5},
		{"text", secret, -1, answers(200, secret), "its answer is not what it documents", 1},
		{"no token in it", secret, -1, answers(200, `{"count":1}`), "reading the identity token of GitHub: it is not a JSON web token", 1},
		{"a token that is none", secret, -1, answers(200, `{"value":"`+secret+`"}`), "it is not a JSON web token", 1},
		{"a huge answer", secret, -1, answers(200, `{"value":"`+strings.Repeat("x", 1<<20)+`"}`), "its answer is not what it documents", 1},
		{"a secret that is no header", secret + "\n", 0, nil, "invalid header field value", 0},
		{"an answer cut short", secret, -1, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"value":"`))
		}, "its answer is not what it documents", 1},
		{"a line that is dropped", secret, -1, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF (asked 5 times)", 5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := sigstoretest.New(t).Serve(time.Hour)
			s.Fail(sigstoretest.TokenPath, test.times, test.answer)
			_, err := sign.FindToken("", onGitHub(s, test.secret), impatient())(t.Context())
			refused(t, err, test.says)
			secretive(t, err, secret)
			if n := s.Asked(sigstoretest.TokenPath); n != test.asked {
				t.Errorf("asked %d times, want %d", n, test.asked)
			}
			if fault.HintOf(err) == "" {
				t.Error("no hint")
			}
		})
	}
	t.Run("in order after a while", func(t *testing.T) {
		s := sigstoretest.New(t).Serve(time.Hour)
		s.Fail(sigstoretest.TokenPath, 4, answers(500, ""))
		token, err := sign.FindToken("", onGitHub(s, secret), impatient())(t.Context())
		if err != nil || strings.Count(token, ".") != 2 {
			t.Errorf("token %q, %v", token, err)
		}
	})
	t.Run("no URL", func(t *testing.T) {
		env := environment(nil, map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": "://" + secret, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": secret})
		_, err := sign.FindToken("", env, impatient())(t.Context())
		refused(t, err, "ACTIONS_ID_TOKEN_REQUEST_URL is not a URL")
		secretive(t, err, secret)
	})
}

// A service that stalls is waited for as long as the patience lasts, and no longer
// than the job.
func TestAServiceThatStalls(t *testing.T) {
	s := sigstoretest.New(t).Serve(time.Hour)
	stalled := make(chan struct{}, 16)
	s.Fail(sigstoretest.TokenPath, -1, func(_ http.ResponseWriter, r *http.Request) {
		stalled <- struct{}{}
		<-r.Context().Done()
	})
	t.Run("the patience ends", func(t *testing.T) {
		services := impatient()
		services.Patience = 10 * time.Millisecond
		_, err := sign.FindToken("", onGitHub(s, sigstoretest.RunnerSecret), services)(t.Context())
		refused(t, err, "did not answer within 10ms (asked 5 times)")
	})
	t.Run("the job ends", func(t *testing.T) {
		for range len(stalled) {
			<-stalled
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-stalled
			cancel(errors.New("the job was stopped"))
		}()
		_, err := sign.FindToken("", onGitHub(s, sigstoretest.RunnerSecret), sign.Services{})(ctx)
		refused(t, err, "asking GitHub for an identity token: the job was stopped")
	})
	t.Run("the answer stalls half way", func(t *testing.T) {
		s.Fail(sigstoretest.TokenPath, -1, func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		services := impatient()
		services.Patience = 50 * time.Millisecond
		_, err := sign.FindToken("", onGitHub(s, sigstoretest.RunnerSecret), services)(t.Context())
		refused(t, err, "its answer is not what it documents")
	})
}

// secretive fails the test if an error or its hint shows a secret, or is more than
// one short line.
func secretive(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if secret = strings.TrimSpace(secret); strings.Contains(err.Error()+fault.HintOf(err), secret) {
			t.Errorf("error %q shows the secret %q", err, secret)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 1000 {
		t.Errorf("error %q is not one short line", err)
	}
}
