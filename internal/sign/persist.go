package sign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// tries bounds how often a service is asked before it is given up.
const tries = 5

// maxDrained bounds what is read of an answer that is thrown away, in bytes.
const maxDrained = 64 << 10

// persist asks a service until it answers, a few times and with growing pauses
// of a random part. What comes as a permanentError is not asked again.
func persist(ctx context.Context, first time.Duration, ask func() error) error {
	var err error
	for try := range tries {
		if err = ask(); err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if permanent, ok := errors.AsType[permanentError](err); ok {
			return permanent.error
		}
		if try < tries-1 {
			if err := pause(ctx, first<<try); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%w (asked %d times)", err, tries)
}

// permanentError is an error that asking again will not change.
type permanentError struct{ error }

// Unwrap returns the error itself.
func (e permanentError) Unwrap() error { return e.error }

// survive asks a service, and makes an error of what its client does not survive
// of the answer.
func survive(ask func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = permanentError{fmt.Errorf("its answer is not understood: %v", p)}
		}
	}()
	return ask()
}

func pause(ctx context.Context, most time.Duration) error {
	timer := time.NewTimer(most/2 + rand.N(most/2+1)) //nolint:gosec // not a secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// persistent is a transport for one call to a service. The clients of Sigstore's
// services take no context, and lose the answer when they have given up; so the
// context is bound here, and so is the patience.
type persistent struct {
	call     context.Context //nolint:containedctx // lives for one call
	next     http.RoundTripper
	first    time.Duration // the first pause, doubled with each try
	patience time.Duration // for one answer
}

// RoundTrip implements http.RoundTripper. An answer of 429 or 5xx that stays is
// an error, and so is a redirect to another host: what is sent to a service, such as
// an identity token, is for nobody else.
func (p persistent) RoundTrip(request *http.Request) (*http.Response, error) {
	if from := request.Response; from != nil && !sameServer(from.Request.URL, request.URL) {
		return nil, fmt.Errorf("%s sends on to another server", from.Request.URL.Host)
	}
	var answer *http.Response
	err := persist(p.call, p.first, func() error {
		got, err := p.once(request)
		if err != nil {
			return err
		}
		if got.StatusCode == http.StatusTooManyRequests || got.StatusCode >= http.StatusInternalServerError {
			_, _ = io.CopyN(io.Discard, got.Body, maxDrained)
			_ = got.Body.Close()
			return fmt.Errorf("%s answered %d %s", request.URL.Host, got.StatusCode, http.StatusText(got.StatusCode))
		}
		answer = got
		return nil
	})
	return answer, err
}

func sameServer(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

// once asks once, and waits for the answer and its body no longer than the
// patience lasts.
func (p persistent) once(request *http.Request) (*http.Response, error) {
	ctx, done := context.WithTimeoutCause(p.call, p.patience, fmt.Errorf("%s did not answer within %s", request.URL.Host, p.patience))
	again := request.Clone(ctx)
	if request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			done()
			return nil, permanentError{err}
		}
		again.Body = body
	}
	got, err := p.next.RoundTrip(again)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		done()
		return nil, err
	}
	got.Body = timed{got.Body, done}
	return got, nil
}

// timed is a body that is read within a time.
type timed struct {
	io.ReadCloser
	done context.CancelFunc
}

// Close implements io.Closer.
func (t timed) Close() error {
	defer t.done()
	return t.ReadCloser.Close()
}
