package world

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// requestToken is the bearer token of the job, as GitHub hands one to each.
const requestToken = "request-token-of-this-job"

// Identity is what a keyless signature is verified against.
type Identity struct {
	Subject string // the certificate's subject alternative name
	Issuer  string // the OIDC issuer
}

// Issuer gives out OIDC tokens, as GitHub, GitLab and a login by e-mail do:
// three issuers, for Fulcio knows one kind of token for each.
type Issuer struct {
	GitHub Identity
	GitLab Identity
	url    string
	key    *rsa.PrivateKey
	server *http.Server

	mu       sync.Mutex
	failures int
	status   int
	requests int
}

// startIssuer serves on a free port on loopback.
func startIssuer() (*Issuer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making the issuer's key: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the issuer: %w", err)
	}
	i := &Issuer{key: key, url: "http://" + l.Addr().String()}
	i.GitHub = Identity{Subject: "https://github.com/" + workflow, Issuer: i.url + "/github"}
	i.GitLab = Identity{Subject: "https://" + pipeline, Issuer: i.url + "/gitlab"}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{host}/.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("GET /request", i.request)
	i.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = i.server.Serve(l) }() // ends with Close, which is no failure
	return i, nil
}

// Email returns the identity that a token for the address stands for.
func (i *Issuer) Email(address string) Identity {
	return Identity{Subject: address, Issuer: i.url + "/email"}
}

// GitHubEnv returns what a job with the permission id-token: write finds in its
// environment.
func (i *Issuer) GitHubEnv() []string {
	return []string{
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + i.url + "/request?api-version=2.0",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + requestToken,
	}
}

// GitHubToken returns the token that a job gets for Sigstore.
func (i *Issuer) GitHubToken() (string, error) {
	return i.sign(i.GitHub.Issuer, githubClaims("sigstore"))
}

// GitLabToken returns what a job with id_tokens finds in SIGSTORE_ID_TOKEN.
func (i *Issuer) GitLabToken() (string, error) {
	return i.sign(i.GitLab.Issuer, gitlabClaims())
}

// EmailToken returns the token of a person who has logged in.
func (i *Issuer) EmailToken(address string) (string, error) {
	return i.sign(i.Email(address).Issuer, map[string]any{
		"aud": "sigstore", "sub": address, "email": address, "email_verified": true,
	})
}

// FailNext lets the next n requests of jobs for a token fail with a status.
func (i *Issuer) FailNext(n, status int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failures, i.status = n, status
}

// Requests returns how often jobs have asked for a token, failures included.
func (i *Issuer) Requests() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests
}

// request answers as GitHub does when a job asks for a token.
func (i *Issuer) request(w http.ResponseWriter, r *http.Request) {
	if status := i.nextFailure(); status != 0 {
		http.Error(w, http.StatusText(status), status)
		return
	}
	if r.Header.Get("Authorization") != "bearer "+requestToken && r.Header.Get("Authorization") != "Bearer "+requestToken {
		http.Error(w, "the request token is wrong or missing", http.StatusUnauthorized)
		return
	}
	if r.URL.Query().Get("api-version") == "" {
		http.Error(w, "the query of the request URL is lost", http.StatusBadRequest)
		return
	}
	audience := r.URL.Query().Get("audience")
	if audience == "" {
		audience = "https://github.com/" + owner
	}
	token, err := i.sign(i.GitHub.Issuer, githubClaims(audience))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, map[string]any{"count": len(token), "value": token})
}

// nextFailure counts a request and returns the status that it has to fail with.
func (i *Issuer) nextFailure() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests++
	if i.failures == 0 {
		return 0
	}
	i.failures--
	return i.status
}

func (i *Issuer) discovery(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, map[string]any{
		"issuer":                                i.url + "/" + r.PathValue("host"),
		"jwks_uri":                              i.url + "/keys",
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{"keys": []map[string]string{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "1",
		"n": base64.RawURLEncoding.EncodeToString(i.key.N.Bytes()),
		"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(i.key.E)).Bytes()),
	}}})
}

// sign makes a token that is good for five minutes.
func (i *Issuer) sign(issuer string, claims map[string]any) (string, error) {
	now := time.Now()
	claims = maps.Clone(claims)
	claims["iss"], claims["jti"] = issuer, rand.Text()
	claims["iat"], claims["nbf"], claims["exp"] = now.Unix(), now.Unix(), now.Add(5*time.Minute).Unix()
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(payload)
	sum := sha256.Sum256([]byte(token))
	signature, err := rsa.SignPKCS1v15(rand.Reader, i.key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return token + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func (i *Issuer) stop() error {
	return i.server.Close()
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked has gone, or sees that it is cut
}
