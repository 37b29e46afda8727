// Package vex reads what others say about vulnerabilities in an image: that a
// product is not affected by one, has it fixed, or is affected after all. It takes
// OpenVEX (https://github.com/openvex/spec) and the VEX profile of CSAF 2.0
// (https://docs.oasis-open.org/csaf/csaf/v2.0).
//
// Only not_affected and fixed suppress a finding. Of several statements about one
// finding, in one document or in many and in whichever format, the newest counts, and
// of those that are as new as each other one that does not suppress. One without a
// time could be the newest if it does not suppress, and the oldest if it does.
package vex

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

const (
	maxSize = 64 << 20 // bytes of one document
	maxText = 500      // bytes of one text that goes into a finding
)

// Document is what one author says.
type Document struct {
	name       string
	digest     string
	body       []byte
	author     string
	csaf       bool
	statements []statement
	byID       map[string][]int // statements by the ids of their vulnerabilities, in lower case
}

// Load reads a file.
func Load(path string) (Document, error) {
	content, err := read(path)
	if err == nil {
		var d Document
		if d, err = Parse(path, content); err == nil {
			return d, nil
		}
	}
	return Document{}, fault.WithHint(fault.Usagef("reading the VEX document %s: %w", path, err),
		"give an OpenVEX or a CSAF 2.0 file")
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer f.Close() //nolint:errcheck // only read from
	content, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	switch {
	case err != nil:
		return nil, withoutPath(err)
	case len(content) > maxSize:
		return nil, fmt.Errorf("the file is over the limit of %d bytes (64 MiB)", maxSize)
	}
	return content, nil
}

func withoutPath(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// Parse reads a document. name says which it is, in messages.
func Parse(name string, content []byte) (Document, error) {
	sum := sha256.Sum256(content)
	d := Document{name: name, digest: "sha256:" + hex.EncodeToString(sum[:]), body: content}
	var form struct {
		Context  string          `json:"@context"`
		Document json.RawMessage `json:"document"`
	}
	if err := json.Unmarshal(content, &form); err != nil {
		return Document{}, fmt.Errorf("it is not a JSON object: %w", err)
	}
	var err error
	switch {
	case form.Context != "":
		d.author, d.statements, err = readOpenVEX(content)
	case form.Document != nil:
		d.csaf = true
		d.author, d.statements, err = readCSAF(content)
	default:
		err = errors.New("it is neither OpenVEX (@context) nor CSAF (document)")
	}
	if err != nil {
		return Document{}, errors.New(plain.Line(err.Error(), maxText))
	}
	d.byID = map[string][]int{}
	for i, st := range d.statements {
		for _, id := range st.ids {
			d.byID[strings.ToLower(id)] = append(d.byID[strings.ToLower(id)], i)
		}
	}
	return d, nil
}

// Name returns which document it is, as it was given.
func (d Document) Name() string { return d.name }

// Digest returns the digest of the document's bytes, sha256:…
func (d Document) Digest() string { return d.digest }

// Body returns the document's bytes.
func (d Document) Body() []byte { return d.body }

// IsOpenVEX reports whether the document is OpenVEX, and not CSAF.
func (d Document) IsOpenVEX() bool { return !d.csaf }

// on returns the statements on the vulnerability of a finding, by their places.
func (d Document) on(f finding.Finding) []int {
	var places []int
	for _, id := range append([]string{f.ID}, f.Aliases...) {
		places = append(places, d.byID[strings.ToLower(id)]...)
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// Suppression returns what the documents say of a finding in an image, nil if they
// say nothing that suppresses it.
func Suppression(documents []Document, f finding.Finding, img Image) *finding.Suppression {
	s := subjectOf(f, img)
	var newest *statement
	var by Document
	for _, d := range documents {
		for _, i := range d.on(f) {
			st := &d.statements[i]
			sure := st.about(s)
			if sure == impossible || st.suppresses && sure != certain {
				continue
			}
			if newest == nil || st.after(*newest) {
				newest, by = st, d
			}
		}
	}
	if newest == nil || !newest.suppresses {
		return nil
	}
	return &finding.Suppression{
		Source: "vex", Reason: plain.Line(newest.reason, maxText), By: plain.Line(by.author, maxText), Document: by.digest,
	}
}

// after reports whether a statement goes before another one.
func (st statement) after(other statement) bool {
	switch {
	case st.suppresses == other.suppresses:
		return st.at.After(other.at)
	case st.suppresses:
		return !other.at.IsZero() && st.at.After(other.at)
	}
	return st.at.IsZero() || !st.at.Before(other.at)
}
