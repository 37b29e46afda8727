package evidence

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

// File reads a predicate that the user brought, given as TYPE=FILE. now is the
// time that a custom predicate carries.
func File(argument string, now time.Time) (attest.Predicate, error) {
	word, path, ok := strings.Cut(argument, "=")
	if !ok || word == "" || path == "" {
		return attest.Predicate{}, fault.WithHint(fault.Usagef("predicate %q is not of the form TYPE=FILE", argument),
			"for example custom=approval.json, or https://example.com/review/v1=review.json")
	}
	uri, err := attest.ParseType(word)
	if err != nil {
		return attest.Predicate{}, err
	}
	content, err := readBounded(path)
	if err != nil {
		return attest.Predicate{}, err
	}
	p, err := attest.NewPredicate(uri, content, now)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("reading the predicate %s: %w", path, err)
	}
	return p, nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the predicate %s: %w", path, errors.Unwrap(err))
	}
	defer f.Close() //nolint:errcheck // only read from

	content, err := io.ReadAll(io.LimitReader(f, attest.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the predicate %s: %w", path, errors.Unwrap(err))
	}
	if len(content) > attest.MaxSize {
		size := int64(len(content))
		if info, err := f.Stat(); err == nil && info.Size() > size {
			size = info.Size()
		}
		return nil, fmt.Errorf("reading the predicate %s: it has %d bytes, the limit is %d (128 MiB)", path, size, attest.MaxSize)
	}
	return content, nil
}
