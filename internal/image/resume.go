package image

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

const (
	// wholeAnswer bounds what is read of an answer before it is handed on, in
	// bytes: 8 MiB, twice what a manifest may have.
	wholeAnswer = 8 << 20
	// muchRead is the number of bytes after which a connection that breaks again is
	// taken for a link that is bad, not for a registry that cuts: 16 MiB.
	muchRead = 16 << 20
)

// complete makes sure that an answer arrives whole. What is small is read here, so
// that the request can be made again; a blob is too much for that, and its body
// resumes by itself. What a tag names may change between two requests, so what is
// read of it is always of one answer.
func (t retrier) complete(r *http.Request, answer *http.Response) (*http.Response, error) {
	if blob(r) {
		if r.Method == http.MethodGet && answer.StatusCode == http.StatusOK {
			answer.Body = &resumingBody{retrier: t, request: r, content: answer.Body, size: answer.ContentLength}
		}
		return answer, nil
	}
	read, err := io.ReadAll(io.LimitReader(answer.Body, wholeAnswer))
	if err != nil {
		_ = answer.Body.Close()
		return nil, err
	}
	rest := answer.Body
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), rest), rest}
	return answer, nil
}

// blob reports whether a request is for a blob, wherever the registry has sent its
// client for it.
func blob(r *http.Request) bool {
	for r.Response != nil && r.Response.Request != nil { // the redirect before it
		r = r.Response.Request
	}
	return strings.Contains(r.URL.Path, "/blobs/")
}

// resumingBody is the body of a blob that goes on where the connection broke. Who
// reads it checks the digest of the whole.
type resumingBody struct {
	retrier
	request *http.Request
	content io.ReadCloser
	size    int64 // of all; negative: not known
	at      int64 // bytes read
	since   int64 // bytes read when the connection broke last
	broke   int   // attempts that failed without much read between
	whole   bool  // the registry has no ranges
}

// Read implements io.Reader.
func (b *resumingBody) Read(p []byte) (int, error) {
	n, err := b.content.Read(p)
	b.at += int64(n)
	if err == nil || err == io.EOF || !broke(err) || b.request.Context().Err() != nil { //nolint:errorlint // io.Reader's contract: EOF itself
		return n, err
	}
	return n, b.resume()
}

// Close implements io.Closer.
func (b *resumingBody) Close() error { return b.content.Close() }

// resume asks for the rest until it comes, as often as any request is made again.
func (b *resumingBody) resume() error {
	_ = b.content.Close()
	b.content = http.NoBody
	if b.at-b.since >= muchRead {
		b.broke = 0
	}
	b.since = b.at
	var answer *http.Response
	for {
		b.broke++
		pause, worth := b.backoff.pause(b.broke, answer)
		if b.broke >= b.backoff.Attempts || !worth {
			return &brokenError{times: b.broke, at: b.at}
		}
		if err := wait(b.request.Context(), pause); err != nil {
			return err
		}
		var err error
		if answer, err = b.next.RoundTrip(b.again()); err != nil {
			if !passes(nil, err) {
				return err
			}
			continue
		}
		if done, err := b.take(answer); done || err != nil {
			return err
		}
		discard(answer)
	}
}

// again returns the request for the rest. Some registries know no range without
// an end.
func (b *resumingBody) again() *http.Request {
	r := b.request.Clone(b.request.Context())
	if b.whole || b.at == 0 {
		return r
	}
	end := ""
	if b.size > b.at {
		end = strconv.FormatInt(b.size-1, 10)
	}
	r.Header.Set("Range", fmt.Sprintf("bytes=%d-%s", b.at, end))
	return r
}

// take goes on with an answer, if that is the rest or the whole. Neither, and no
// error: another attempt may bring it.
func (b *resumingBody) take(answer *http.Response) (done bool, err error) {
	switch status := answer.StatusCode; {
	case status == http.StatusPartialContent && strings.HasPrefix(answer.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", b.at)):
	case status == http.StatusOK:
		if _, err := io.CopyN(io.Discard, answer.Body, b.at); err != nil {
			return false, nil //nolint:nilerr // it broke again
		}
	case passes(answer, nil):
		return false, nil
	case !b.whole:
		b.whole = true
		return false, nil
	default:
		defer answer.Body.Close() //nolint:errcheck // only read from
		return false, transport.CheckError(answer)
	}
	b.content = answer.Body
	return true, nil
}

// brokenError says that a blob could not be had in any number of attempts.
type brokenError struct {
	times int
	at    int64
}

// Error implements error.
func (e *brokenError) Error() string {
	return fmt.Sprintf("it is cut short: the registry broke the connection %s, last after %s", plain.Count(e.times, "time"), plain.Count(int(e.at), "byte"))
}
