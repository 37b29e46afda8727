package scan

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// The bounds of an import. The feed's archive has some 200 MB and unpacks to
// some 2 GB.
const (
	maxArchive  = 4 << 30
	maxDatabase = 16 << 30
	maxWindow   = 256 << 20 // of memory that an archive may ask for
)

// kind is what the first bytes of a file say that it is. Names are not asked:
// a download has none.
type kind int

const (
	kindUnknown kind = iota
	kindSQLite
	kindZstd
	kindGzip
	kindXZ
	kindTar
)

// detect reads the kind of a file from its beginning.
func detect(file string) (k kind, err error) {
	f, err := os.Open(file)
	if err != nil {
		return kindUnknown, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	k, err = peek(bufio.NewReader(f))
	return k, err
}

// peek reads the kind from the beginning of a stream, and consumes nothing.
func peek(r *bufio.Reader) (kind, error) {
	head, err := r.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return kindUnknown, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("SQLite format 3\x00")):
		return kindSQLite, nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return kindZstd, nil
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return kindGzip, nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")):
		return kindXZ, nil
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return kindTar, nil
	default:
		return kindUnknown, nil
	}
}

// unpack writes the database that the archive (or bare database) at file holds
// to target. source names the archive in errors.
func unpack(ctx context.Context, file, source, target string) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return fault.Undecidedf("reading %s: %w", source, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	out, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("unpacking into the cache: %w", err)
	}
	to := &sink{w: out}
	err = extract(source, contextReader{ctx, f}, to)
	if err = errors.Join(err, out.Close()); err == nil {
		return nil
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case to.err != nil:
		return fmt.Errorf("unpacking %s into the cache: %w", source, to.err)
	default:
		return err
	}
}

// extract copies the database from the stream r to w. It reads the stream to its
// end, so that a truncated archive is noticed wherever it was cut.
func extract(source string, r io.Reader, w io.Writer) error {
	damaged := func(err error) error {
		if fault.KindOf(err) == fault.Undecided {
			return err // it says already what is wrong
		}
		return fault.WithHint(fault.Undecidedf("%s is truncated or damaged: %w", source, err), "get the archive again")
	}
	buffered := bufio.NewReaderSize(r, 1<<16)
	outer, err := peek(buffered)
	if err != nil {
		return damaged(err)
	}
	if outer == kindSQLite {
		return copyBounded(source, w, buffered)
	}
	stream, closeStream, err := decompress(outer, buffered)
	if err != nil {
		return damaged(err)
	}
	defer closeStream()
	plain := bufio.NewReaderSize(io.LimitReader(stream, maxDatabase+1<<30), 1<<16)
	inner, err := peek(plain)
	switch {
	case err != nil:
		return damaged(err)
	case inner != kindTar:
		return fault.WithHint(fault.Undecidedf("%s is not an archive of a vulnerability database", source),
			"an archive is a tar with vulnerability.db in it, compressed with zstd, gzip or xz")
	}
	found, err := extractTar(source, tar.NewReader(plain), w)
	if err == nil {
		_, err = io.Copy(io.Discard, plain)
	}
	switch {
	case err != nil:
		return damaged(err)
	case !found:
		return fault.Undecidedf("the archive %s holds no %s", source, v6.VulnerabilityDBFileName)
	}
	return nil
}

// extractTar copies the first vulnerability.db of the archive to w, and reports
// whether there is one.
func extractTar(source string, archive *tar.Reader, w io.Writer) (found bool, err error) {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		if found || header.Typeflag != tar.TypeReg || path.Base(header.Name) != v6.VulnerabilityDBFileName {
			continue
		}
		if err := copyBounded(source, w, archive); err != nil {
			return false, err
		}
		found = true
	}
}

func copyBounded(source string, w io.Writer, r io.Reader) error {
	copied, err := io.Copy(w, io.LimitReader(r, maxDatabase+1))
	if err != nil {
		return err
	}
	if copied > maxDatabase {
		return fault.Undecidedf("the database in %s is larger than %d GiB", source, maxDatabase>>30)
	}
	return nil
}

// decompress returns the decompressed stream and how to release it. What is not
// compressed is returned as it is.
func decompress(k kind, r io.Reader) (io.Reader, func(), error) {
	switch k {
	case kindZstd:
		decoder, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return decoder, decoder.Close, nil
	case kindGzip:
		decoder, err := gzip.NewReader(r)
		return decoder, func() {}, err
	case kindXZ:
		decoder, err := xz.NewReader(r, maxWindow)
		return decoder, func() {}, err
	default:
		return r, func() {}, nil
	}
}

// contextReader ends with the error of its context. It lives only as long as the
// call that made it.
type contextReader struct {
	ctx context.Context //nolint:containedctx // an io.Reader has no other way to learn of it
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// sink remembers an error of writing, which is not the archive's fault.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}
