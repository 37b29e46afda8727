package store

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// For the tests of what is parsed.

func ProofOf(annotations map[string]string) (string, error) {
	proof, err := proofOf(vouching(annotations))
	return proof.Material().String(), err
}

// ParseFallback returns the manifests that may be bundles and whether the tag
// names the subject itself.
func ParseFallback(raw []byte, subject string) ([]v1.Descriptor, bool, error) {
	list, err := parseFallback(raw, subject)
	return list.descriptors, list.shadowed, err
}
