package sigstoretest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"google.golang.org/protobuf/encoding/protojson"
)

// Paths of the services.
const (
	FulcioPath = "/api/v2/signingCert"
	ClockPath  = "/api/v1/timestamp"
	LogPath    = "/api/v2/log/entries"
	TokenPath  = "/token" // GitHub's endpoint for identity tokens
)

// RunnerSecret is what a job authenticates with to GitHub's endpoint for tokens.
const RunnerSecret = "runner-secret-7c41"

// Server serves a deployment on loopback.
type Server struct {
	URL string

	deployment *Deployment
	lifetime   time.Duration

	mu     sync.Mutex
	tokens map[string]grant
	faults map[string]*fault
	asked  map[string]int
}

// claims are those of an identity token.
type claims struct {
	Issuer   string `json:"iss"`
	Subject  string `json:"sub"`
	Audience string `json:"aud"`
}

// grant is what the bearer of a token is certified as.
type grant struct {
	claims
	more []Extensions
}

// fault is an answer in place of the service's own.
type fault struct {
	times  int
	answer http.HandlerFunc
}

// Serve starts the services of the deployment, until the end of the test.
// Certificates live for a while.
func (d *Deployment) Serve(lifetime time.Duration) *Server {
	d.tb.Helper()
	s := &Server{
		deployment: d, lifetime: lifetime, tokens: map[string]grant{}, faults: map[string]*fault{},
		asked: map[string]int{},
	}
	services := http.NewServeMux()
	services.HandleFunc("POST "+FulcioPath, s.certify)
	services.HandleFunc("POST "+ClockPath, s.stamp)
	services.HandleFunc("POST "+LogPath, s.record)
	services.HandleFunc("POST "+OldLogPath, s.recordOld)
	services.HandleFunc("GET "+TokenPath, s.token)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := s.faulty(r.URL.Path); answer != nil {
			answer(w, r)
			return
		}
		services.ServeHTTP(w, r)
	}))
	d.tb.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Fail has a service answer otherwise, so many times; a negative number is
// forever.
func (s *Server) Fail(path string, times int, answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[path] = &fault{times: times, answer: answer}
}

// Asked returns how often a service was asked.
func (s *Server) Asked(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[path]
}

func (s *Server) faulty(path string) http.HandlerFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[path]++
	if f := s.faults[path]; f != nil && f.times != 0 {
		f.times--
		return f.answer
	}
	return nil
}

// Token issues an identity token, whose bearer's certificates say more if that is
// given.
func (s *Server) Token(subject, issuer, audience string, more ...Extensions) string {
	c := claims{Issuer: issuer, Subject: subject, Audience: audience}
	body, err := json.Marshal(c)
	s.deployment.must(err)
	var secret [16]byte
	_, err = rand.Read(secret[:])
	s.deployment.must(err)
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"none"}`)) + "." + encode(body) + "." + encode(secret[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = grant{c, more}
	return token
}

// token is GitHub's endpoint: a runner's secret for a token of its job, for the
// audience that the query names.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "bearer "+RunnerSecret {
		http.Error(w, "no authorization", http.StatusUnauthorized)
		return
	}
	token := s.Token("https://github.com/acme/app/.github/workflows/ci.yml@refs/heads/main", "https://token.actions.githubusercontent.com", r.URL.Query().Get("audience"))
	s.answer(w, http.StatusOK, map[string]any{"count": len(token), "value": token})
}

// certify is Fulcio: a token and the proof that its bearer has a key, for a
// certificate of that.
func (s *Server) certify(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	who, known := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	s.mu.Unlock()
	if !known || who.Audience != "sigstore" {
		s.answer(w, http.StatusUnauthorized, map[string]any{"code": 16, "message": "There was an error processing the identity token"})
		return
	}
	var request struct {
		PublicKeyRequest struct {
			PublicKey         struct{ Content string }
			ProofOfPossession []byte
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	public, err := cryptoutils.UnmarshalPEMToPublicKey([]byte(request.PublicKeyRequest.PublicKey.Content))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	digest := sha256.Sum256([]byte(who.Subject))
	if key, ok := public.(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(key, digest[:], request.PublicKeyRequest.ProofOfPossession) {
		http.Error(w, "no proof of possession", http.StatusBadRequest)
		return
	}
	s.answer(w, http.StatusOK, s.chain(public, who))
}

func (s *Server) chain(public crypto.PublicKey, who grant) any {
	now := time.Now()
	leaf := s.deployment.Certify(public, who.Subject, who.Issuer, now.Add(-time.Minute), now.Add(s.lifetime),
		who.more...)
	inPEM := func(der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	return map[string]any{"signedCertificateEmbeddedSct": map[string]any{
		"chain": map[string]any{"certificates": []string{inPEM(leaf.Raw), inPEM(s.deployment.ca.root.Raw)}},
	}}
}

// stamp is the timestamp authority of RFC 3161.
func (s *Server) stamp(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.deployment.must(err)
	request, err := timestamp.ParseRequest(body)
	if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "no timestamp query", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(s.deployment.respond(request, time.Now()))
}

// record is Rekor v2.
func (s *Server) record(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.deployment.must(err)
	request, err := decode(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	entry, err := s.deployment.add(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	encoded, err := protojson.Marshal(entry)
	s.deployment.must(err)
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(encoded)
}

func (s *Server) answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
