package cli

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// minSecret is the length of a secret that is looked for in messages, in bytes: a
// shorter one would be found in words.
const minSecret = 8

// hostSecrets are the variables with passwords and tokens that hosts and services
// give a job. What a registry or a library says may repeat them.
func hostSecrets() []string {
	return []string{
		"COSIGN_PASSWORD", "SIGSTORE_ID_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_RUNTIME_TOKEN", "GITHUB_TOKEN",
		"GITLAB_TOKEN", "CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "CI_DEPLOY_PASSWORD", "DOCKER_AUTH_CONFIG",
		"VAULT_TOKEN", "BAO_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_CLIENT_SECRET",
	}
}

// secretsOf returns the secrets in an environment: of inputs that are secret, of the
// host, and in the logins and queries of URLs that are set for the program.
func secretsOf(environ []string) []string {
	secret := hostSecrets()
	for _, in := range inputs() {
		if in.secret {
			upper := strings.ToUpper(in.name)
			secret = append(secret, "INPUT_"+upper, "HALLMARK_"+strings.ReplaceAll(upper, "-", "_"))
		}
	}
	var found []string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case slices.Contains(secret, name):
			found = append(found, value)
		case strings.HasPrefix(name, "INPUT_"), strings.HasPrefix(name, "HALLMARK_"), isProxy(name):
			found = append(found, ofAddress(value)...)
		}
	}
	return found
}

// isProxy reports whether a variable names a proxy, which may have a login.
func isProxy(name string) bool { return strings.HasSuffix(strings.ToUpper(name), "_PROXY") }

// secrets returns the secrets in the values of a command, wherever they are from.
func (v values) secrets() []string {
	var found []string
	for _, in := range v.inputs {
		for _, value := range v.resolve(in) {
			if in.secret {
				found = append(found, value)
				continue
			}
			found = append(found, ofAddress(value)...)
			if name, ok := strings.CutPrefix(value, "env://"); ok {
				content, _ := v.env(name)
				found = append(found, content)
			}
		}
	}
	if password := v.text("registry-password"); password != "" {
		found = append(found, base64.StdEncoding.EncodeToString([]byte(v.text("registry-username")+":"+password)))
	}
	return found
}

// ofAddress returns what is secret of a URL.
func ofAddress(value string) []string {
	address, err := url.Parse(strings.TrimSpace(value))
	if err != nil || !strings.Contains(value, "://") {
		return nil
	}
	found := []string{address.RawQuery}
	if address.User != nil {
		password, _ := address.User.Password()
		found = append(found, address.User.Username(), password)
	}
	for _, all := range address.Query() {
		found = append(found, all...)
	}
	return found
}

// redact returns a message without secrets: neither those that are known, in the
// forms in which they travel, nor what looks like one.
func (a *app) redact(text string) string {
	text = plain.Redact(text)
	for _, secret := range a.secrets {
		for _, line := range append(strings.Split(secret, "\n"), secret) {
			if line = strings.TrimSpace(line); len(line) >= minSecret {
				text = strings.NewReplacer(forms(line)...).Replace(text)
			}
		}
	}
	return text
}

// forms returns pairs of a form of a secret and what stands in its place.
func forms(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		quoted = []byte(`""`) // strings always encode
	}
	var pairs []string
	for _, form := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(string(quoted), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawStdEncoding.EncodeToString([]byte(secret)),
		base64.URLEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	} {
		if form != "" {
			pairs = append(pairs, form, plain.Hidden)
		}
	}
	return pairs
}

// redacted returns an error whose message shows no secret. Its kind and its hint
// stay.
func (a *app) redacted(err error) error {
	if err == nil {
		return nil
	}
	return redactedError{error: err, text: a.redact(err.Error())}
}

type redactedError struct {
	error
	text string
}

// Error implements error.
func (e redactedError) Error() string { return e.text }

// Unwrap returns the error itself.
func (e redactedError) Unwrap() error { return e.error }

// redactedResult returns a result whose messages show no secret, for reports.
func (a *app) redactedResult(r pipeline.Result) pipeline.Result {
	r.Failure = a.redacted(r.Failure)
	r.Notes = mapped(r.Notes, a.redact)
	r.Platforms = mapped(r.Platforms, a.redactedResult)
	r.Rejected = mapped(r.Rejected, a.redactedRejection)
	return r
}

func (a *app) redactedRejection(x pipeline.Rejection) pipeline.Rejection {
	x.Reason = a.redacted(x.Reason)
	return x
}

func mapped[T any](in []T, change func(T) T) []T {
	out := slices.Clone(in)
	for i := range out {
		out[i] = change(out[i])
	}
	return out
}

// discreet is progress that shows no secret in the error of a stage.
type discreet struct {
	pipeline.Progress
	app *app
}

// Stage implements pipeline.Progress.
func (d discreet) Stage(name string) func(outcome string, err error) {
	end := d.Progress.Stage(name)
	return func(outcome string, err error) { end(d.app.redact(outcome), d.app.redacted(err)) }
}
