package vex

import (
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Image is an image by all the names that a document may call it by. That of an index is also known as the index.
type Image struct {
	names                []string // references with digest or tag, and digests
	repositories         []string
	digests, tags        []string
	system, architecture string // empty: not known
}

// NewImage returns an image for a platform, linux/arm64/v8 or empty where nobody says it, that is known as each of
// some subjects.
func NewImage(platform string, subjects ...attest.Subject) Image {
	system, rest, _ := strings.Cut(platform, "/")
	machine, _, _ := strings.Cut(rest, "/")
	img := Image{system: system, architecture: machine}
	for _, s := range subjects {
		repository, digest := s.Repository(), "sha256:"+s.Hex()
		img.names = append(img.names, s.String(), s.Hex(), digest)
		img.repositories = append(img.repositories, spellings(repository)...)
		img.digests = append(img.digests, digest)
		if requested := s.Requested(); !strings.Contains(requested, "@") {
			img.names = append(img.names, requested)
		}
		if tag := tagOf(s.Requested()); tag != "" {
			img.tags = append(img.tags, tag)
		}
	}
	return img
}

// named reports whether that is the last part of a repository's name, or its last parts.
func (i Image) named(name string) bool {
	return slices.ContainsFunc(i.repositories, func(repository string) bool {
		return strings.HasSuffix("/"+repository, "/"+strings.ToLower(name))
	})
}

func (i Image) hasDigest(digest string) bool {
	return slices.Contains(i.digests, strings.ToLower(digest))
}

func (i Image) isIn(repository string) certainty {
	repository = strings.TrimSuffix(strings.TrimPrefix(strings.ToLower(repository), "https://"), "/")
	if slices.Contains(i.repositories, repository) {
		return certain
	}
	return impossible
}

// isTagged is not certain of an image that was asked for by its digest.
func (i Image) isTagged(tag string) certainty {
	switch {
	case slices.Contains(i.tags, tag):
		return certain
	case len(i.tags) == 0:
		return possible
	}
	return impossible
}

// isFor compares a part of the platform, which may not be known.
func (i Image) isFor(have, want string) certainty {
	switch have {
	case want:
		return certain
	case "":
		return possible
	}
	return impossible
}

// spellings returns how a repository is written: that of Docker's registry has
// two hosts, and a folder that may be left out.
func spellings(repository string) []string {
	rest, ok := strings.CutPrefix(repository, "index.docker.io/")
	if !ok {
		return []string{repository}
	}
	return []string{repository, "docker.io/" + rest, "docker.io/" + strings.TrimPrefix(rest, "library/")}
}

// tagOf returns the tag of a reference, if it has one.
func tagOf(reference string) string {
	reference, _, _ = strings.Cut(reference, "@")
	last := reference[strings.LastIndex(reference, "/")+1:]
	_, tag, _ := strings.Cut(last, ":")
	return tag
}
