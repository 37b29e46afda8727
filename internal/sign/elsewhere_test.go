package sign_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sign"
)

// An identity token is for the server that it is sent to. One that sends on, and one
// that it would reach in the clear, do not get it any further.
func TestAnIdentityTokenGoesNowhereElse(t *testing.T) {
	asked := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(elsewhere.Close)
	moved := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(moved.Close)
	token := func(context.Context) (string, error) { return "e30.e30.c2ln", nil }
	services := sign.Services{Fulcio: moved.URL, Timestamps: []string{moved.URL}, FirstPause: time.Millisecond}
	if _, err := sign.NewKeyless(t.Context(), services, token); err == nil || asked > 0 {
		t.Errorf("Fulcio sends on: %v, and the other host was asked %d times", err, asked)
	}
	services.Fulcio = "http://fulcio.example.com"
	if _, err := sign.NewKeyless(t.Context(), services, token); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "in the clear") {
		t.Errorf("plain HTTP: %v", err)
	}
	for _, endpoint := range []string{moved.URL, "http://github.example.com/token"} {
		env := func(name string) (string, bool) {
			value := map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": endpoint, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner"}[name]
			return value, value != ""
		}
		if _, err := sign.FindToken("", env, services)(t.Context()); err == nil || asked > 0 {
			t.Errorf("%s: %v, and the other host was asked %d times", endpoint, err, asked)
		}
	}
}
