// Package vex reads what others say about vulnerabilities in an image: that a
// product is not affected by one, has it fixed, or is affected after all. It takes
// OpenVEX (https://github.com/openvex/spec) and the VEX profile of CSAF 2.0
// (https://docs.oasis-open.org/csaf/csaf/v2.0).
//
// Only not_affected and fixed suppress a finding. Of several statements about one
// finding, in one document or in many, the newest counts, and of those that are as
// new as each other one that does not suppress.
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
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
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
	name   string
	digest string
	body   []byte
	source source
}

// source is a document of a format.
type source interface {
	// about returns what is said of a finding in an image.
	about(f finding.Finding, image product) []statement
}

// statement is one thing that is said of a finding.
type statement struct {
	suppresses bool
	reason     string
	author     string
	at         time.Time // zero: unknown
	document   string
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
		d.source, err = parseOpenVEX(content, d.digest)
	case form.Document != nil:
		d.source, err = parseCSAF(content, d.digest)
	default:
		err = errors.New("it is neither OpenVEX (@context) nor CSAF (document)")
	}
	if err != nil {
		return Document{}, errors.New(plain.Line(err.Error(), maxText))
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
func (d Document) IsOpenVEX() bool {
	_, ok := d.source.(*openVEX)
	return ok
}

// Suppression returns what the documents say of a finding in an image, nil if they
// say nothing that suppresses it.
func Suppression(documents []Document, f finding.Finding, s attest.Subject) *finding.Suppression {
	image := productOf(s)
	var newest *statement
	for _, d := range documents {
		for _, st := range d.source.about(f, image) {
			if newest == nil || st.at.After(newest.at) || st.at.Equal(newest.at) && !st.suppresses {
				newest = &st
			}
		}
	}
	if newest == nil || !newest.suppresses {
		return nil
	}
	return &finding.Suppression{
		Source: "vex", Reason: plain.Line(newest.reason, maxText), By: plain.Line(newest.author, maxText), Document: newest.document,
	}
}

// identifiers returns the names of a finding's vulnerability.
func identifiers(f finding.Finding) []string { return append([]string{f.ID}, f.Aliases...) }
