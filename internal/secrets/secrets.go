// Package secrets looks for passwords, keys and tokens in the files of an image. It
// is the only user of gitleaks, whose rules say what looks like a secret.
//
// What comes out says where something was found and by which rule. The secret itself
// stays here, and so does anything that is made of it: whoever reads an attestation
// must not learn what whoever can pull the image should not have been told either.
//
// Files that are no text, those with a zero byte near their beginning, are not looked
// into. What is looked at is bounded, as the image is hostile; when a bound ends the
// search, the report is not complete, and says so. An image cannot ask to be spared:
// gitleaks' comments to that end are not obeyed.
package secrets

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/sources"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// version is that of gitleaks which this program is built with.
const version = "8.30.1"

const (
	pieceSize = 16 << 10 // bytes that are looked at together: a rule is tried where its words are
	overlap   = 2 << 10  // bytes of a piece that the next one has, too: a secret may lie on the border
	headSize  = 8 << 10  // bytes by which a text is told
	maxKept   = 1000     // findings that are listed; all are counted
	maxPath   = 1000     // bytes of a path
)

// Limits bounds what is looked at.
type Limits struct {
	File  int64         // bytes of one file
	Total int64         // bytes of all
	Time  time.Duration // for all
}

// DefaultLimits returns 16 MiB in one file, 1 GiB in all, and ten minutes.
func DefaultLimits() Limits {
	return Limits{File: 16 << 20, Total: 1 << 30, Time: 10 * time.Minute}
}

// Finding is a place where something looks like a secret.
type Finding struct {
	Rule  string `json:"rule"`
	Path  string `json:"path"`
	Layer string `json:"layer"`
	Line  int    `json:"line"` // from 1
}

// Report is what a search came to.
type Report struct {
	URI, Version string // of what searched
	Complete     bool   // every text was looked at, to its end
	Files        int    // that were looked at
	Bytes        int64  // of them
	Binary       int    // files that are no text, which were not looked into
	Cut          int    // texts that were not looked at to their end, or not at all
	Rules        map[string]int
	Findings     []Finding // by path; the first thousand
}

// Search looks at the files of one image, one after the other.
type Search struct {
	detector *detect.Detector
	limits   Limits
	now      func() time.Time
	end      time.Time
	report   Report
}

// New begins a search, with gitleaks' own rules.
func New(limits Limits, now func() time.Time) (*Search, error) {
	detector, err := newDetector()
	if err != nil {
		return nil, fmt.Errorf("preparing to look for secrets: %w", err)
	}
	return &Search{
		detector: detector, limits: limits, now: now, end: now().Add(limits.Time),
		report: Report{URI: "pkg:golang/github.com/zricethezav/gitleaks/v8@v" + version, Version: version, Rules: map[string]int{}},
	}, nil
}

func newDetector() (*detect.Detector, error) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // gitleaks logs what it finds
	reader := viper.New()
	reader.SetConfigType("toml")
	if err := reader.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		return nil, err
	}
	var form config.ViperConfig
	if err := reader.Unmarshal(&form); err != nil {
		return nil, err
	}
	rules, err := form.Translate()
	if err != nil {
		return nil, err
	}
	detector := detect.NewDetector(rules)
	detector.IgnoreGitleaksAllow = true
	return detector, nil
}

// Look looks at a file of a layer. The error is that of the context or of reading.
func (s *Search) Look(ctx context.Context, path, layer string, content io.Reader) error {
	if s.report.Bytes >= s.limits.Total || !s.now().Before(s.end) {
		s.report.Cut++
		return ctx.Err()
	}
	limit := min(s.limits.File, s.limits.Total-s.report.Bytes)
	reader := io.LimitReader(content, limit+1)
	piece := make([]byte, pieceSize)
	n, last, err := fill(reader, piece)
	if err != nil {
		return fmt.Errorf("reading %s: %w", plain.Line(path, maxPath), err)
	}
	switch {
	case n == 0:
		return nil
	case bytes.IndexByte(piece[:min(n, headSize)], 0) >= 0:
		s.report.Binary++
		s.detect(ctx, at{path, layer}, nil, 1, map[Finding]bool{}) // some are told by their names
		return nil
	}
	s.report.Files++
	return s.pieces(ctx, at{path, layer}, piece[:n], last, reader, limit)
}

// at is where a file is.
type at struct{ path, layer string }

// pieces looks at a text piece by piece, each of which begins with the end of the
// one before.
func (s *Search) pieces(ctx context.Context, file at, piece []byte, last bool, rest io.Reader, limit int64) error {
	seen := map[Finding]bool{}
	line, read := 1, int64(len(piece))
	for {
		s.detect(ctx, file, piece, line, seen)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case last || read > limit:
			s.finish(read, limit)
			return nil
		case !s.now().Before(s.end):
			s.finish(limit+1, limit)
			return nil
		}
		line += bytes.Count(piece[:len(piece)-overlap], []byte("\n")) // of what goes
		kept := copy(piece[:cap(piece)], piece[len(piece)-overlap:])
		n, ended, err := fill(rest, piece[kept:cap(piece)])
		if err != nil {
			return fmt.Errorf("reading %s: %w", plain.Line(file.path, maxPath), err)
		}
		piece, last, read = piece[:kept+n], ended, read+int64(n)
	}
}

// finish counts a text of which a number of bytes was read.
func (s *Search) finish(read, limit int64) {
	s.report.Bytes += min(read, limit)
	if read > limit {
		s.report.Cut++
	}
}

// detect notes what is in a piece that begins on a line.
func (s *Search) detect(ctx context.Context, file at, piece []byte, line int, seen map[Finding]bool) {
	fragment := sources.Fragment{Raw: string(piece), FilePath: strings.TrimPrefix(file.path, "/"), StartLine: line}
	for _, found := range s.detector.DetectContext(ctx, detect.Fragment(fragment)) { //nolint:staticcheck // v8 takes no other
		f := Finding{Rule: plain.Line(found.RuleID, maxPath), Path: plain.Line(file.path, maxPath), Layer: file.layer, Line: max(found.StartLine, line)}
		if seen[f] {
			continue
		}
		seen[f] = true
		s.report.Rules[f.Rule]++
		if len(s.report.Findings) < maxKept {
			s.report.Findings = append(s.report.Findings, f)
		}
	}
}

// fill reads until a piece is full, and reports whether the end was reached.
func fill(r io.Reader, piece []byte) (n int, last bool, err error) {
	n, err = io.ReadFull(r, piece)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, true, nil
	}
	return n, false, err
}

// Report returns what the search came to.
func (s *Search) Report() Report {
	out := s.report
	out.Complete = out.Cut == 0
	out.Findings = slices.Clone(out.Findings)
	slices.SortFunc(out.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Layer, b.Layer))
	})
	return out
}
