package sign_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/sign"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// What is recorded in a Rekor v1 is believed where a log is demanded, of a key and
// of a job; and by nobody who trusts another log.
func TestAnOlderLog(t *testing.T) {
	d := sigstoretest.New(t)
	s := d.Serve(time.Hour)
	services := served(s)
	services.Logs[0].Version = 1
	signer, err := sign.NewKeyless(t.Context(), services, ours(s))
	must(t, err)
	e, err := signer.Sign(t.Context(), statement(t))
	must(t, err)
	believed(t, e, d, true)
	if asked := s.Asked(sigstoretest.OldLogPath); asked != 1 {
		t.Errorf("the log was asked %d times", asked)
	}

	services.Fulcio, services.Timestamps = "", nil
	key, err := sign.Ephemeral()
	must(t, err)
	e, err = key.VouchedBy(services).Sign(t.Context(), statement(t))
	must(t, err)
	for name, root := range map[string]string{
		"its own root":            d.TrustedRoot(sigstoretest.Root{}),
		"a root with another log": d.TrustedRoot(sigstoretest.Root{EntryOf: sigstoretest.New(t)}),
	} {
		trusted, err := verify.LoadRoot(root)
		must(t, err)
		trust, err := verify.TrustLoggedKeys(trusted, key.Public())
		must(t, err)
		if _, err := verify.Verify(e, subject(t), trust); (err == nil) != (name == "its own root") {
			t.Errorf("with %s: %v", name, err)
		}
	}
}

// A Rekor v1 that does not answer as it documents is refused, whatever it says.
func TestAnOlderLogDoesNotAnswer(t *testing.T) {
	const uuid = "24296fb24b8ad77a71b9c1374e207537bafdd75b4f591dcee10f3f697f150d7cc5d0b725eea641e7"
	answers := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("ETag", uuid)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	key, err := sign.Ephemeral()
	must(t, err)
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"refused":             {answers(400, `{"code":400,"message":"no\n\u001b[31m"}`), "no"},
		"another entry":       {answers(201, `{"`+strings.Repeat("a", 80)+`":{"body":"e30="}}`), ""},
		"an empty entry":      {answers(201, `{"`+uuid+`":{}}`), ""},
		"a body that is none": {answers(201, `{"`+uuid+`":{"body":"e30=","integratedTime":1,"logIndex":1,"logID":"c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d"}}`), ""},
		"no proof":            {answers(201, `{"`+uuid+`":{"body":"eyJhcGlWZXJzaW9uIjoiMC4wLjEiLCJraW5kIjoiZHNzZSIsInNwZWMiOnt9fQ==","integratedTime":1,"logIndex":1,"logID":"c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d","verification":{"signedEntryTimestamp":"AA=="}}}`), ""},
		"a number":            {answers(201, `7`), ""},
		"text":                {answers(201, `hello`), ""},
		"out of order":        {answers(500, `{"code":500,"message":"down"}`), "giving up after 6 attempt(s)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := sigstoretest.New(t).Serve(time.Hour)
			s.Fail("/api/v1/log/entries", -1, test.answer)
			services := impatient()
			services.Logs = []sign.Log{{URL: strings.Replace(s.URL, "http://", "http://user:hunter2@", 1), Version: 1}}
			_, err := key.VouchedBy(services).Sign(t.Context(), statement(t))
			refused(t, err, "recording the signature in the transparency log http://127.0.0.1:", test.says)
			secretive(t, err, "hunter2")
		})
	}
}
