package scan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// openURL imports what a URL serves. The signature is where the address says with .sig
// behind its path.
func openURL(ctx context.Context, store cache, source string, must demand) (*Database, error) {
	address, err := url.Parse(source)
	if err != nil {
		return nil, fault.Usagef("%s is not a URL", plain.Address(source))
	}
	if err := checkTransport(address); err != nil {
		return nil, err
	}
	beside := *address
	beside.Path, beside.RawPath = address.Path+".sig", ""
	must.signature = func(ctx context.Context) ([]byte, error) {
		var signature bytes.Buffer
		err := get(ctx, beside.String(), newMeter(&signature, maxSignature))
		return signature.Bytes(), err
	}
	database, err := store.importFrom(ctx, source, must, func(ctx context.Context, w io.Writer) error {
		return get(ctx, source, w)
	})
	if err == nil && !must.asked() {
		database.notes = append(database.notes, loose(source, database.info.SHA256))
	}
	return database, err
}

// checkTransport refuses plain HTTP to another machine: whoever sits between
// could leave advisories out.
func checkTransport(address *url.URL) error {
	host := address.Hostname()
	switch {
	case host == "":
		return fault.Usagef("%s names no host", plain.Address(address.String()))
	case address.Scheme == "https":
		return nil
	case address.Scheme != "http":
		return fault.Usagef("%s is not an https URL", plain.Address(address.String()))
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fault.WithHint(fault.Usagef("plain http to %s is refused: a database can be changed on its way", host), "use https")
}

// get copies the body of a URL to w.
func get(ctx context.Context, address string, w io.Writer) (err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return withoutURL(err)
	}
	client := http.Client{CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if len(via) >= 10 {
			return fault.Undecidedf("it redirects more than ten times")
		}
		next.Header.Del("Referer") // the query may hold a token
		return checkTransport(next.URL)
	}}
	response, err := client.Do(request)
	if err != nil {
		if err = withoutURL(err); fault.KindOf(err) != fault.Failed {
			return err // a redirection that was refused
		}
		return unreachableError{err}
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	switch code := response.StatusCode; {
	case code == http.StatusOK:
		_, err = io.Copy(w, networkReader{response.Body})
		return err
	case code >= 500 || code == http.StatusTooManyRequests:
		return unreachableError{fmt.Errorf("the server says %s", bounded(response.Status))}
	default:
		return fmt.Errorf("the server says %s", bounded(response.Status))
	}
}

// unreachableError is what went wrong with the network or is a server's trouble
// of the moment, and not in what a server serves.
type unreachableError struct{ err error }

func (e unreachableError) Error() string { return e.err.Error() }
func (e unreachableError) Unwrap() error { return e.err }

// networkReader makes the errors of reading, which are the network's, an
// unreachableError: those of writing end a copy just the same.
type networkReader struct{ r io.Reader }

func (n networkReader) Read(p []byte) (int, error) {
	read, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreachableError{err}
	}
	return read, err
}

// withoutURL takes the URL out of an error of the HTTP client: it may hold a token,
// and the caller names it anyway.
func withoutURL(err error) error {
	var failure *url.Error
	if errors.As(err, &failure) {
		return failure.Err
	}
	return err
}

// download writes what get delivers to file, and returns its SHA-256 in
// hexadecimal.
func download(ctx context.Context, file, source string, get func(context.Context, io.Writer) error) (string, error) {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("writing to the cache: %w", err)
	}
	to := &sink{w: out}
	counted := newMeter(to, maxArchive)
	err = get(ctx, counted)
	closed := out.Close()
	name := plain.Address(source)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case to.err != nil || err == nil && closed != nil:
		return "", fmt.Errorf("writing %s to the cache: %w", name, errors.Join(to.err, closed))
	case counted.left < 0:
		return "", fault.Undecidedf("%s is larger than %d GiB", name, maxArchive>>30)
	case fault.KindOf(err) == fault.Usage:
		return "", err
	case err != nil:
		return "", fault.WithHint(fault.Undecidedf("downloading %s: %w", name, err),
			"check the address, or set vuln-db to a mirror, an archive or a folder")
	}
	return counted.sum(), nil
}

// meter computes the digest of what is written, and fails when it is too much.
type meter struct {
	w    io.Writer
	hash hash.Hash
	left int64
}

func newMeter(w io.Writer, limit int64) *meter {
	return &meter{w: w, hash: sha256.New(), left: limit}
}

func (m *meter) Write(p []byte) (int, error) {
	if m.left -= int64(len(p)); m.left < 0 {
		return 0, errors.New("it is too large")
	}
	n, err := m.w.Write(p)
	_, _ = m.hash.Write(p[:n]) // a hash never fails
	return n, err
}

// sum returns the SHA-256 of what was written, in hexadecimal.
func (m *meter) sum() string { return hex.EncodeToString(m.hash.Sum(nil)) }
