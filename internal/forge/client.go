package forge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

const (
	maxAnswer  = 8 << 20          // bytes of one answer
	maxPages   = 30               // of one list
	maxWait    = 30 * time.Second // that a host may ask for
	tries      = 3
	firstPause = 200 * time.Millisecond
)

// client asks one host, and sends what it knows to no other.
type client struct {
	base    *url.URL
	headers http.Header
	http    *http.Client
}

func newClient(api string) (*client, error) {
	base, err := url.Parse(api)
	if err != nil || base.Host == "" || base.Scheme != "https" && !loopback(base) {
		return nil, fmt.Errorf("asking %q: it is no https address", short(api))
	}
	c := &client{base: base, headers: http.Header{"User-Agent": {"hallmark"}}}
	c.http = &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 || !c.ours(r.URL) {
			return errors.New("it leads elsewhere")
		}
		return nil
	}}
	return c, nil
}

func loopback(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func (c *client) header(name, value string) { c.headers.Set(name, value) }

func (c *client) ours(u *url.URL) bool { return u.Scheme == c.base.Scheme && u.Host == c.base.Host }

// call is one question.
type call struct {
	address string
	body    []byte                  // nil: what is asked for is in the address
	refused func(http.Header) error // whether an answer that says yes means no; nil: it does not
}

// get reads one answer.
func (c *client) get(ctx context.Context, path string, into any) error {
	_, err := c.fetch(ctx, call{address: c.base.String() + path}, into)
	return err
}

// all reads the pages of a list, each with its elements appended by add.
func all[T any](ctx context.Context, c *client, path string) ([]T, error) {
	var list []T
	next := c.base.String() + path + "?per_page=100"
	for range maxPages {
		var page []T
		following, err := c.fetch(ctx, call{address: next}, &page)
		if err != nil {
			return nil, err
		}
		list = append(list, page...)
		if following == "" {
			return list, nil
		}
		next = following
	}
	return nil, fmt.Errorf("a list has more than %d pages", maxPages)
}

// statusError is an answer that says no.
type statusError struct {
	code int
	wait time.Duration // before asking again; zero: asking again helps nothing
}

// Error implements error.
func (e *statusError) Error() string {
	text := fmt.Sprintf("it answers %d %s", e.code, http.StatusText(e.code))
	switch e.code {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return text + "; the token may not be allowed to read it"
	}
	return text
}

// fetch asks again where that may help, and returns the address of the next page.
func (c *client) fetch(ctx context.Context, q call, into any) (next string, err error) {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		next, err = c.once(ctx, q, into)
		wait, again := waitAfter(err, pause)
		if !again || attempt == tries {
			return next, err
		}
		pause *= 4
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return "", context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// waitAfter returns how long to wait before asking again, and whether to.
func waitAfter(err error, pause time.Duration) (time.Duration, bool) {
	if err == nil {
		return 0, false
	}
	if status, ok := errors.AsType[*statusError](err); ok {
		switch {
		case status.wait > 0:
			return status.wait, status.wait <= maxWait
		case status.code >= http.StatusInternalServerError, status.code == http.StatusTooManyRequests:
			return pause, true
		}
		return 0, false
	}
	_, network := errors.AsType[*url.Error](err)
	return pause, network
}

func (c *client) once(ctx context.Context, q call, into any) (next string, err error) {
	request, err := c.request(ctx, q)
	if err != nil {
		return "", err
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case answer.StatusCode != http.StatusOK:
		return "", &statusError{code: answer.StatusCode, wait: retryAfter(answer.Header)}
	case err != nil:
		return "", fmt.Errorf("reading its answer: %w", err)
	case len(content) > maxAnswer:
		return "", fmt.Errorf("its answer is over the limit of %d bytes (8 MiB)", maxAnswer)
	}
	if err := json.Unmarshal(content, into); err != nil {
		return "", errors.New("its answer cannot be read")
	}
	if q.refused != nil {
		if err := q.refused(answer.Header); err != nil {
			return "", err
		}
	}
	return nextPage(answer.Header.Get("Link")), nil
}

func (c *client) request(ctx context.Context, q call) (*http.Request, error) {
	method := http.MethodGet
	if q.body != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, q.address, bytes.NewReader(q.body))
	if err != nil {
		return nil, errors.New("it gives an address that is none")
	}
	if !c.ours(request.URL) {
		return nil, errors.New("it leads elsewhere")
	}
	request.Header = c.headers.Clone()
	if q.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return request, nil
}

// retryAfter returns for how long the host wants to be left alone, in its two ways
// to say so.
func retryAfter(header http.Header) time.Duration {
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 1<<20)) * time.Second
	}
	if header.Get("X-Ratelimit-Remaining") == "0" {
		if reset, err := strconv.ParseInt(header.Get("X-Ratelimit-Reset"), 10, 64); err == nil {
			return max(time.Until(time.Unix(reset, 0)), time.Second)
		}
	}
	return 0
}

// nextPage returns the next page of RFC 8288's header, as both hosts write it.
func nextPage(link string) string {
	found := regexp.MustCompile(`<([^>]+)>;\s*rel="next"`).FindStringSubmatch(link)
	if found == nil {
		return ""
	}
	return found[1]
}
