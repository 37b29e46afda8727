package sign

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	sigsign "github.com/sigstore/sigstore-go/pkg/sign"
	"github.com/sigstore/sigstore-go/pkg/tuf"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// API versions of Rekor, the transparency log. The first is sent the whole
// envelope, the second hashes only.
const (
	rekorV1 = 1
	rekorV2 = 2
)

// Services are the parts of a Sigstore deployment that a signer talks to. Its
// zero value has none.
type Services struct {
	Fulcio     string // URL of the certificate authority
	Logs       []Log
	Timestamps []string // URLs of RFC 3161 timestamp authorities, with their path
	Transport  http.RoundTripper
	FirstPause time.Duration // before a service is asked again; zero: 250 ms
	Patience   time.Duration // for one answer; zero: 30 s
}

// Log is a transparency log.
type Log struct {
	URL     string
	Version uint32 // 1 or 2; 0: to be found out
}

// LoadServices reads a signing config of Sigstore, version 0.2
// (https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_trustroot.proto).
// now chooses among services of different times.
func LoadServices(path string, now time.Time) (Services, error) {
	config, err := root.NewSigningConfigFromPath(path)
	if err != nil {
		return Services{}, fault.WithHint(fmt.Errorf("loading the signing config %s: %s", path, plain.Line(err.Error(), 200)),
			"cosign signing-config create makes one for a private deployment")
	}
	return selectServices(config, now)
}

// PublicServices returns those of the public Sigstore deployment, as its TUF
// repository names them. What was fetched is kept in cacheDir.
func PublicServices(cacheDir string, now time.Time) (Services, error) {
	config, err := root.FetchSigningConfigWithOptions(tuf.DefaultOptions().WithCachePath(cacheDir))
	if err != nil {
		return Services{}, fault.WithHint(fmt.Errorf("fetching the signing config of the public Sigstore: %s", plain.Line(err.Error(), 300)),
			"this job must reach Sigstore's TUF repository, or be given signing-config")
	}
	return selectServices(config, now)
}

func selectServices(config *root.SigningConfig, now time.Time) (Services, error) {
	var out Services
	if fulcio, err := root.SelectService(config.FulcioCertificateAuthorityURLs(), sigsign.FulcioAPIVersions, now); err == nil {
		out.Fulcio = fulcio.URL
	}
	if len(config.RekorLogURLs()) > 0 {
		logs, err := root.SelectServices(config.RekorLogURLs(), config.RekorLogURLsConfig(), sigsign.RekorAPIVersions, now)
		if err != nil {
			return Services{}, fmt.Errorf("choosing a transparency log: %w", err)
		}
		for _, l := range logs {
			out.Logs = append(out.Logs, Log{URL: l.URL, Version: l.MajorAPIVersion})
		}
	}
	if len(config.TimestampAuthorityURLs()) > 0 {
		stamps, err := root.SelectServices(config.TimestampAuthorityURLs(), config.TimestampAuthorityURLsConfig(),
			sigsign.TimestampAuthorityAPIVersions, now)
		if err != nil {
			return Services{}, fmt.Errorf("choosing a timestamp authority: %w", err)
		}
		for _, s := range stamps {
			out.Timestamps = append(out.Timestamps, s.URL)
		}
	}
	return out, nil
}

// transport returns the transport for one call.
func (s Services) transport(ctx context.Context) http.RoundTripper {
	next := s.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	return persistent{
		call: ctx, next: next,
		first: cmp.Or(s.FirstPause, 250*time.Millisecond), patience: cmp.Or(s.Patience, 30*time.Second),
	}
}

// ProbeLogs returns the services with the versions of all logs known. A log of
// version 1 answers with its tree at /api/v1/log, which one of version 2 does not
// have.
func (s Services) ProbeLogs(ctx context.Context) (Services, error) {
	logs := make([]Log, len(s.Logs))
	for i, l := range s.Logs {
		logs[i] = l
		if l.Version != 0 {
			continue
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(l.URL, "/")+"/api/v1/log", nil)
		if err != nil {
			return Services{}, fault.Usagef("rekor-url is not a URL")
		}
		answer, err := (&http.Client{Transport: s.transport(ctx)}).Do(request)
		if err != nil {
			return Services{}, fmt.Errorf("asking the transparency log %s for its version: %w", plain.Address(l.URL), told(ctx, err))
		}
		_ = answer.Body.Close()
		logs[i].Version = rekorV2
		if answer.StatusCode == http.StatusOK {
			logs[i].Version = rekorV1
		}
	}
	s.Logs = logs
	return s, nil
}

// Publishes names a log that would be sent whole envelopes, and with them what
// is in an SBOM, and whether there is one.
func (s Services) Publishes() (url string, yes bool) {
	for _, l := range s.Logs {
		if l.Version == rekorV1 {
			return plain.Address(l.URL), true
		}
	}
	return "", false
}
