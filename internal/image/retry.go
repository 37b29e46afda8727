package image

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Backoff says how often a request is made and how long the pauses are between.
// A field that is zero is that of DefaultBackoff.
type Backoff struct {
	Attempts   int           // in all
	Delay      time.Duration // the longest pause before the second attempt; it doubles from one to the next
	RetryAfter time.Duration // the longest pause that a registry may ask for
}

// DefaultBackoff returns five attempts within four seconds, more only if the
// registry asks for it, and then at most 30 seconds from one to the next.
func DefaultBackoff() Backoff {
	return Backoff{Attempts: 5, Delay: 250 * time.Millisecond, RetryAfter: 30 * time.Second}
}

func (b Backoff) orDefault() Backoff {
	d := DefaultBackoff()
	return Backoff{
		Attempts:   cmp.Or(b.Attempts, d.Attempts),
		Delay:      cmp.Or(b.Delay, d.Delay),
		RetryAfter: cmp.Or(b.RetryAfter, d.RetryAfter),
	}
}

// options makes retrier the only one that retries. The registry client has
// retries of its own, whose pauses know neither the context nor what the
// registry asks for, and which would multiply with those here. One of them
// remains, without any pause: only the client can start the upload of a layer
// anew. retrier tells it when, after the pause.
func (b Backoff) options() []remote.Option {
	return []remote.Option{
		remote.WithRetryStatusCodes(), // none
		remote.WithRetryBackoff(remote.Backoff{Steps: b.Attempts}),
		remote.WithRetryPredicate(func(err error) bool {
			var upload *uploadError
			return errors.As(err, &upload)
		}),
	}
}

// pause returns how long to wait after an attempt, and whether that is worth it.
// The half of it is by chance, so that jobs that failed together do not come
// back together.
func (b Backoff) pause(attempt int, answer *http.Response) (time.Duration, bool) {
	longest := b.Delay << (attempt - 1)
	d := longest/2 + rand.N(longest/2+1) //nolint:gosec // not a secret
	if answer == nil {
		return d, true
	}
	asked := retryAfter(answer.Header.Get("Retry-After"))
	return max(d, asked), asked <= b.RetryAfter
}

// retryAfter returns what the header asks for: seconds, or the time until a
// date. What is neither asks for nothing.
func retryAfter(header string) time.Duration {
	const longest = 1 << 31 // seconds; more would not fit a duration
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), longest)) * time.Second
	}
	if date, err := http.ParseTime(header); err == nil {
		return max(time.Until(date), 0)
	}
	return 0
}

// retrier makes requests again that failed for reasons that pass.
type retrier struct {
	next    http.RoundTripper
	backoff Backoff
}

// RoundTrip implements http.RoundTripper.
func (t retrier) RoundTrip(r *http.Request) (*http.Response, error) {
	repeat := repeats(r)
	request := r
	for attempt := 1; ; attempt++ {
		answer, err := t.once(request, repeat)
		if repeat == never || attempt >= t.backoff.Attempts || r.Context().Err() != nil || !passes(answer, err) {
			return answer, err
		}
		if repeat == wholeUpload { // of each upload this is the first attempt
			attempt = t.backoff.Attempts / 2
		}
		pause, worth := t.backoff.pause(attempt, answer)
		if !worth {
			return answer, err
		}
		if repeat == wholeUpload {
			return nil, endUpload(r.Context(), pause, answer, err)
		}
		discard(answer)
		if err := wait(r.Context(), pause); err != nil {
			return nil, err
		}
		if request, err = again(r); err != nil {
			return nil, err
		}
	}
}

// once makes one attempt. An answer that is cut short counts as none where that
// helps: where the same request can be made again.
func (t retrier) once(r *http.Request, repeat repetition) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	if err == nil && repeat == sameRequest {
		return t.complete(r, answer)
	}
	return answer, err
}

// repetition is what can be done again for a request that failed.
type repetition int

const (
	never repetition = iota
	sameRequest
	wholeUpload
)

// repeats tells how a request can be repeated. What is sent into an upload may
// have arrived in part, or have ended it: only a new upload is sure. A tag is
// not written again without another look at it, as another writer may have
// written it during the pause.
func repeats(r *http.Request) repetition {
	if r.Body != nil && r.Body != http.NoBody && r.GetBody == nil {
		return never
	}
	_, manifest, toManifest := strings.Cut(r.URL.Path, "/manifests/")
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost: // a POST begins an upload, and nothing is lost if it begins two
		return sameRequest
	case http.MethodPatch:
		return wholeUpload
	case http.MethodPut:
		if !toManifest {
			return wholeUpload
		}
		if strings.Contains(manifest, ":") { // a digest, not a tag
			return sameRequest
		}
	}
	return never
}

// again returns the request with its body from the beginning.
func again(r *http.Request) (*http.Request, error) {
	clone := r.Clone(r.Context())
	if r.GetBody == nil {
		return clone, nil
	}
	body, err := r.GetBody()
	clone.Body = body
	return clone, err
}

// passes reports whether an answer, or the error instead of one, is of the kind
// that another attempt may not meet. A registry that cannot be reached, or says
// nothing until the time is over, is not.
func passes(answer *http.Response, err error) bool {
	if err != nil {
		var stream http2StreamError
		return cutOff(err) || errors.Is(err, syscall.EPIPE) || errors.As(err, &stream)
	}
	switch answer.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// http2StreamError is found in the chain of an error by net/http's own stream
// error, which has no exported type: by the names of the fields.
type http2StreamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

// Error implements error.
func (e http2StreamError) Error() string { return "the stream was reset" }

// uploadError ends an upload that can be started anew.
type uploadError struct{ err error }

// Error implements error.
func (e *uploadError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *uploadError) Unwrap() error { return e.err }

// endUpload waits, and returns the error that lets the registry client start
// the upload anew.
func endUpload(ctx context.Context, pause time.Duration, answer *http.Response, err error) error {
	if answer != nil {
		err = transport.CheckError(answer) // takes the answer's own words
		discard(answer)
	}
	if err := wait(ctx, pause); err != nil {
		return err
	}
	return &uploadError{err: err}
}

// discard reads what little is left of an answer, so that its connection can be
// used again, and closes it.
func discard(answer *http.Response) {
	if answer == nil {
		return
	}
	_, _ = io.CopyN(io.Discard, answer.Body, 64<<10)
	_ = answer.Body.Close()
}

// wait returns after the pause, or with the context's cause when that ends.
func wait(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
