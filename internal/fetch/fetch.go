// Package fetch gets a text from the web that somebody has read before: the
// address says by its fragment, #sha256=HEX, which text is meant, and anything
// else that the server has is refused. What the server has instead is not told: a
// digest that it gave could be copied unread into the next address.
package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// patience is the limit of time for a text, from the first byte sent to the last received.
const patience = time.Minute

// maxRedirects is how often a server may send on.
const maxRedirects = 10

// Pinned is an address whose text is known by its digest.
type Pinned struct {
	address url.URL // without the fragment
	sum     string  // SHA-256, hexadecimal
}

// Parse reads https://HOST/PATH#sha256=HEX. What is no such address is wrong usage.
func Parse(text string) (Pinned, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil:
		return Pinned{}, fault.Usagef("https://… is not a URL") // the parser's words would quote it, with what is secret in it
	case address.Scheme != "https" || address.Hostname() == "":
		return Pinned{}, fault.Usagef("%s is not an https URL", shown(*address))
	}
	sum, found := strings.CutPrefix(address.Fragment, "sha256=")
	if !found || !hexadecimal(sum) {
		return Pinned{}, fault.WithHint(fault.Usagef("%s does not say which text is meant", shown(*address)),
			"end it with #sha256= and the 64 digits that sha256sum prints for the text that you have read")
	}
	address.Fragment = ""
	return Pinned{address: *address, sum: sum}, nil
}

func hexadecimal(sum string) bool { return regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(sum) }

// String returns the address as it may be shown: without the user, the password and
// the query, which may be secret.
func (p Pinned) String() string { return shown(p.address) }

func shown(address url.URL) string {
	address.Fragment, address.RawFragment = "", ""
	return plain.Line(plain.Address(address.String()), 300)
}

// Get returns the text, of at most so many bytes. transport reaches the server; nil
// is the usual one.
func (p Pinned) Get(ctx context.Context, most int64, transport http.RoundTripper) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := p.get(ctx, most, transport)
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", p, err)
	}
	if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != p.sum {
		return nil, fault.WithHint(fmt.Errorf("fetching %s: the server has another text than the one that #sha256= names", p),
			"read what is there now; if it is good, give its own digest")
	}
	return text, nil
}

func (p Pinned) get(ctx context.Context, most int64, transport http.RoundTripper) (text []byte, err error) {
	if transport == nil {
		transport = usual()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.address.String(), http.NoBody)
	if err != nil {
		return nil, errors.New("it is not a URL")
	}
	client := http.Client{Transport: transport, CheckRedirect: follow}
	response, err := client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server says %s", plain.Line(response.Status, 100))
	}
	text, err = io.ReadAll(io.LimitReader(response.Body, most+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(text)) > most:
		return nil, fmt.Errorf("it has more than %d bytes", most)
	}
	return text, nil
}

// usual returns a transport with time limits.
func usual() http.RoundTripper {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 15 * time.Second}).DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: 30 * time.Second, DisableKeepAlives: true,
	}
}

// follow lets a server send on, as long as it is to https. Where it sends to is not
// told where it sent from: the query may hold a token.
func follow(next *http.Request, before []*http.Request) error {
	next.Header.Del("Referer")
	if len(before) >= maxRedirects {
		return fmt.Errorf("it redirects more than %d times", maxRedirects)
	}
	if next.URL.Scheme != "https" {
		return fmt.Errorf("it redirects to %s://, which anybody on the way can change", plain.Line(next.URL.Scheme, 20))
	}
	return nil
}

// withoutURL takes the address out of an error of the HTTP client: it may hold what
// is secret, and is named anyway.
func withoutURL(err error) error {
	if failure, ok := errors.AsType[*url.Error](err); ok {
		return failure.Err
	}
	return err
}
