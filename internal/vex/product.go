package vex

import (
	"net/url"
	"path"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// product is an image, by all the names that a document may call it by: its
// reference with digest or tag, its digest, and package URLs of type oci
// (https://github.com/package-url/purl-spec).
type product []string

func productOf(s attest.Subject) product {
	repository, digest := s.Repository(), "sha256:"+s.Hex()
	names := product{s.String(), s.Hex(), digest}
	requested := s.Requested()
	if !strings.Contains(requested, "@") {
		names = append(names, requested)
	}
	base := "pkg:oci/" + strings.ToLower(path.Base(repository)) + "@" + url.QueryEscape(digest)
	names = append(names, base)
	for _, spelling := range spellings(repository) {
		qualifier := base + "?repository_url=" + url.QueryEscape(spelling)
		names = append(names, qualifier)
		if tag := tagOf(requested); tag != "" {
			names = append(names, qualifier+"&tag="+url.QueryEscape(tag))
		}
	}
	return names
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
