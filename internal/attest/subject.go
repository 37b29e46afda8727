// Package attest holds the words that every other room speaks: a Subject is an
// image pinned to a digest, a Predicate is something claimed about it, a
// Statement binds the two, and an Envelope is a signed statement.
//
// The types follow the in-toto attestation framework
// (https://github.com/in-toto/attestation) and DSSE
// (https://github.com/secure-systems-lab/dsse). The package does no I/O and
// imports no room but those of plain words: fault and plain.
package attest

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// Subject is the image that everything else is about. Having one is the proof
// that its reference was resolved: it is pinned to a digest and cannot drift
// with a tag.
type Subject struct {
	digest    name.Digest
	requested string
}

// NewSubject returns the subject for a digest. requested is the reference that
// the user gave, for messages only. A digest that is not SHA-256 is refused:
// in-toto subjects and the tag scheme of cosign are defined over it.
func NewSubject(digest name.Digest, requested string) (Subject, error) {
	algorithm, hex, ok := strings.Cut(digest.DigestStr(), ":")
	if !ok || algorithm != "sha256" || len(hex) != 64 {
		return Subject{}, fmt.Errorf("pinning %s: want a sha256 digest, have %q", digest, digest.DigestStr())
	}
	return Subject{digest: digest, requested: requested}, nil
}

// Digest returns the pinned reference, repository@sha256:….
func (s Subject) Digest() name.Digest { return s.digest }

// Requested returns the reference as the user gave it.
func (s Subject) Requested() string { return s.requested }

// Repository returns the full name of the repository, as in-toto subjects and
// cosign write it: with the registry's host, without tag or digest.
func (s Subject) Repository() string { return s.digest.Context().Name() }

// Hex returns the digest's 64 hexadecimal digits, without the algorithm.
func (s Subject) Hex() string { return strings.TrimPrefix(s.digest.DigestStr(), "sha256:") }

// String returns the pinned reference.
func (s Subject) String() string { return s.digest.String() }
