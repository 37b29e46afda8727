package sign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Audience is whom an identity token for Sigstore is for.
const Audience = "sigstore"

// Environment variables in which the hosts give a job its identity.
const (
	gitLabToken        = "SIGSTORE_ID_TOKEN"
	gitHubRequestURL   = "ACTIONS_ID_TOKEN_REQUEST_URL"
	gitHubRequestToken = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
)

// maxToken bounds an identity token, in bytes.
const maxToken = 64 << 10

// Token returns an identity token that names the job to Sigstore.
type Token func(ctx context.Context) (string, error)

// FindToken returns where this job's identity token comes from: a file that is
// named, SIGSTORE_ID_TOKEN as GitLab's id_tokens set it, or GitHub's endpoint. It
// returns nil where there is none. The interactive flow is never started: it
// would hang a job.
func FindToken(file string, env Environment, services Services) Token {
	if file != "" {
		return func(context.Context) (string, error) { return readToken(file) }
	}
	if value, ok := env(gitLabToken); ok && value != "" {
		return func(context.Context) (string, error) { return checkToken(gitLabToken, []byte(value)) }
	}
	endpoint, _ := env(gitHubRequestURL)
	secret, _ := env(gitHubRequestToken)
	if endpoint == "" || secret == "" {
		return nil
	}
	return func(ctx context.Context) (string, error) { return requestToken(ctx, endpoint, secret, services) }
}

func readToken(file string) (string, error) {
	content, err := os.ReadFile(file)
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	if err != nil {
		return "", fmt.Errorf("reading the identity token %s: %w", file, err)
	}
	return checkToken(file, content)
}

// checkToken refuses what cannot be a token, without showing any of it.
func checkToken(source string, content []byte) (string, error) {
	token := strings.TrimSpace(string(content))
	if len(token) > maxToken || strings.Count(token, ".") != 2 || strings.ContainsAny(token, " \n\t") {
		return "", fault.WithHint(fmt.Errorf("reading the identity token %s: it is not a JSON web token", source),
			"its audience must be %s", Audience)
	}
	return token, nil
}

// confidential refuses an address to which a token would travel in the clear.
func confidential(address *url.URL) error {
	ip := net.ParseIP(address.Hostname())
	if address.Scheme == "https" || address.Scheme == "http" && (address.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%s is not an https address, and the identity token would travel in the clear", plain.Address(address.String()))
}

// stay follows no redirect: a token is for the server that it is meant for.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// requestToken asks GitHub for a token
// (https://docs.github.com/en/actions/concepts/security/openid-connect).
func requestToken(ctx context.Context, endpoint, secret string, services Services) (string, error) {
	failed := func(err error) (string, error) {
		return "", fault.WithHint(fmt.Errorf("asking GitHub for an identity token: %w", err), "the job needs the permission id-token: write")
	}
	address, err := url.Parse(endpoint)
	if err != nil {
		return failed(fmt.Errorf("%s is not a URL", gitHubRequestURL))
	}
	if err := confidential(address); err != nil {
		return failed(err)
	}
	query := address.Query()
	query.Set("audience", Audience)
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return failed(told(ctx, err, secret))
	}
	request.Header.Set("Authorization", "bearer "+secret)
	client := http.Client{Transport: services.transport(ctx), CheckRedirect: stay}
	answer, err := client.Do(request)
	if err != nil {
		return failed(told(ctx, err, secret))
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	if answer.StatusCode != http.StatusOK {
		return failed(fmt.Errorf("it answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode)))
	}
	var body struct{ Value string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxToken)).Decode(&body); err != nil {
		return failed(errors.New("its answer is not what it documents"))
	}
	return checkToken("of GitHub", []byte(body.Value))
}
