package evidence

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// File reads a predicate that the user brought, given as TYPE=FILE. now is the
// time that a custom predicate carries. A verdict in the name of VerifierID is a
// usage error, of whatever type it is said to be: clusters admit by such verdicts,
// and the gate alone comes to them.
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
	content, err := readBounded(path, attest.MaxSize)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("reading the predicate %s: %w", path, err)
	}
	if len(content) == 0 {
		return attest.Predicate{}, fmt.Errorf("reading the predicate %s: the file is empty", path)
	}
	p, err := attest.NewPredicate(uri, content, now)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("reading the predicate %s: %w", path, err)
	}
	if p.NamesVerifier(VerifierID) {
		return attest.Predicate{}, fault.WithHint(
			fault.Usagef("the predicate %s is a verdict in the name of Hallmark's own verifier", path),
			"run and rescan come to that verdict themselves; a verdict of your own names another verifier than %s",
			VerifierID)
	}
	if p, err = examined(p, path, content); err != nil {
		return attest.Predicate{}, fmt.Errorf("reading the predicate %s: %w", path, err)
	}
	return p, nil
}

// examined checks the size and the form of a predicate, and what it claims of its origin.
func examined(p attest.Predicate, path string, content []byte) (attest.Predicate, error) {
	if err := checkSigned(p, len(content)); err != nil {
		return attest.Predicate{}, err
	}
	if err := checkShape(p); err != nil {
		return attest.Predicate{}, err
	}
	return withoutClaims(p, path, content)
}

// withoutClaims refuses an SBOM that claims to be made by this program, which whoever
// reads it would believe by its signature. A scan that does is told from one that was
// made by the run that signs it.
func withoutClaims(p attest.Predicate, path string, content []byte) (attest.Predicate, error) {
	var err error
	switch {
	case attest.SameType(p.Type, attest.TypeCycloneDX), attest.SameType(p.Type, attest.TypeSPDX):
		err = attest.CheckForeign(p.Body)
	case p.Type == attest.TypeVuln:
		p.Body, err = attest.BroughtScan(p.Body, fileInput(path, content))
	}
	return p, err
}

// fileInput names a file as what evidence was made from.
func fileInput(path string, content []byte) attest.Input {
	return attest.Input{Name: plain.Line(filepath.Base(path), maxField), Digest: attest.FileDigest(content)}
}

// checkSigned refuses a predicate that would be too large once it is signed: as
// base64 it is longer by a third. That is known now, and not only after the work
// of a whole run. size is that of the file.
func checkSigned(p attest.Predicate, size int) error {
	const around = 8 << 10 // at most, for the statement and the envelope around it
	fits := func(body int) bool { return base64.StdEncoding.EncodedLen(body)+around <= attest.MaxSize }
	if fits(len(p.Body)) {
		return nil
	}
	var compact bytes.Buffer // as it is signed
	if err := json.Compact(&compact, p.Body); err != nil {
		return err
	}
	if !fits(compact.Len()) {
		return fmt.Errorf("it has %d bytes; signed it would be over the limit of %d bytes (128 MiB)", size, attest.MaxSize)
	}
	return nil
}

// Load reads a file that is evidence of some kind.
func Load(path string) (Brought, error) {
	content, err := readBounded(path, maxResults)
	if err != nil {
		return Brought{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return Brought{Path: path, Content: content}, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close() //nolint:errcheck // only read from

	if info, err := f.Stat(); err == nil && info.Size() > limit {
		return nil, tooLarge(info.Size(), limit)
	}
	content, err := io.ReadAll(io.LimitReader(f, limit+1)) // what grows, or is a pipe, does not say its size
	if err != nil {
		return nil, withoutPath(err)
	}
	if size := int64(len(content)); size > limit {
		return nil, tooLarge(size, limit)
	}
	return content, nil
}

func tooLarge(size, limit int64) error {
	return fmt.Errorf("it has %d bytes, the limit is %d (%d MiB)", size, limit, limit>>20)
}

// withoutPath returns the cause of an error that names the path, too.
func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}
