// Package waiver reads who has answered for what, and until when: a YAML file in
// which each entry takes back findings of a vulnerability, or violations of a
// policy, in some packages of some images. An entry has somebody's name, a reason
// and an end, and counts for nothing from then on.
//
// What a waiver takes back is not hidden: it goes into the signed scan, with all
// of this and the digest of the file, so that whoever reads the scan later can see
// whether the waiver still holds.
package waiver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/strict"
)

const (
	maxSize = 4 << 20 // bytes of a file
	maxText = 500     // bytes of one text
)

// Entry is one waiver.
type Entry struct {
	Vulnerability string `yaml:"vulnerability"` // an id or an alias of it
	Policy        string `yaml:"policy"`        // a policy's name, or the id of one of its violations
	Package       string `yaml:"package"`       // pattern of a name, name@version or package URL; empty: any
	Image         string `yaml:"image"`         // pattern of a repository or digest; empty: any
	Reason        string `yaml:"reason"`
	Approver      string `yaml:"approver"`
	Until         string `yaml:"until"` // 2006-01-02, to the end of that day in UTC, or RFC 3339

	line  int
	until time.Time
	pkg   *regexp.Regexp
	image *regexp.Regexp
}

// File is a file of waivers.
type File struct {
	name    string
	digest  string
	entries []Entry
}

// Load reads a file. Whatever is wrong in it is a usage error that names the line.
func Load(path string) (File, error) {
	content, err := Read(path)
	if err != nil {
		return File{}, err
	}
	return Parse(path, content)
}

// Read returns the text of a file, for who wants to know first who signed it.
func Read(path string) ([]byte, error) {
	content, err := read(path)
	if err != nil {
		return nil, fault.Usagef("reading the waivers %s: %w", path, err)
	}
	return content, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err == nil && len(content) > maxSize {
		err = fmt.Errorf("the file is over the limit of %d bytes (4 MiB)", maxSize)
	}
	return content, err
}

// Parse reads the text of a file.
func Parse(name string, text []byte) (File, error) {
	var form struct {
		Waivers []Entry `yaml:"waivers"`
	}
	if err := strict.YAML(text, &form); err != nil {
		return File{}, fault.WithHint(fault.Usagef("reading the waivers %s: %w", name, err),
			"each entry of waivers has %s", strings.Join(strict.Fields(Entry{}), ", "))
	}
	sum := sha256.Sum256(text)
	f := File{name: name, digest: "sha256:" + hex.EncodeToString(sum[:]), entries: form.Waivers}
	lines := linesOf(text)
	for i := range f.entries {
		e := &f.entries[i]
		if i < len(lines) {
			e.line = lines[i]
		}
		if err := e.check(); err != nil {
			return File{}, fault.Usagef("reading the waivers %s:%d: %w", name, e.line, err)
		}
	}
	return f, nil
}

// linesOf returns the line at which each entry begins.
func linesOf(text []byte) []int {
	var form struct {
		Waivers []yaml.Node `yaml:"waivers"`
	}
	if yaml.Unmarshal(text, &form) != nil {
		return nil
	}
	var lines []int
	for _, n := range form.Waivers {
		lines = append(lines, n.Line)
	}
	return lines
}

func (e *Entry) check() error {
	switch {
	case (e.Vulnerability == "") == (e.Policy == ""):
		return fmt.Errorf("a waiver is for a vulnerability or for a policy: give one of the two")
	case strings.TrimSpace(e.Reason) == "":
		return fmt.Errorf("the waiver of %s has no reason", e.what())
	case strings.TrimSpace(e.Approver) == "":
		return fmt.Errorf("the waiver of %s has no approver", e.what())
	case e.Until == "":
		return fmt.Errorf("the waiver of %s has no until: every waiver ends", e.what())
	}
	var err error
	if e.until, err = parseUntil(e.Until); err != nil {
		return fmt.Errorf("the waiver of %s: %w", e.what(), err)
	}
	e.pkg, e.image = pattern(e.Package), pattern(e.Image)
	return nil
}

func (e Entry) what() string { return plain.Line(e.Vulnerability+e.Policy, maxText) }

// parseUntil reads a day, which counts to its end, or a time.
func parseUntil(text string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("until is %q, which is neither a day (2026-12-31) nor a time (RFC 3339)", plain.Line(text, maxText))
	}
	return at.UTC(), nil
}

// pattern returns an expression for a pattern in which * stands for any text. An
// empty one matches everything.
func pattern(text string) *regexp.Regexp {
	if text == "" {
		return regexp.MustCompile("")
	}
	return regexp.MustCompile(`^` + strings.ReplaceAll(regexp.QuoteMeta(text), `\*`, `.*`) + `$`)
}

// matchesAny reports whether an expression matches one of several names.
func matchesAny(expression *regexp.Regexp, names ...string) bool {
	for _, name := range names {
		if expression.MatchString(name) {
			return true
		}
	}
	return false
}

func (e Entry) about(s attest.Subject) bool {
	return matchesAny(e.image, s.Repository(), "sha256:"+s.Hex(), s.Requested())
}

// covers reports whether an entry is for a finding.
func (e Entry) covers(f finding.Finding) bool {
	named := strings.EqualFold(e.Vulnerability, f.ID)
	for _, alias := range f.Aliases {
		named = named || strings.EqualFold(e.Vulnerability, alias)
	}
	return named && e.Vulnerability != "" && matchesAny(e.pkg, f.Package.Name, f.Package.Name+"@"+f.Package.Version, f.Package.PURL)
}
