package cli

import (
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// meantSet is which set of policies a reference means. Whoever signs may sign many sets,
// strict ones and lax ones: a signature counts only for the one that it names.
type meantSet struct {
	repositories []string // by their whole names; one of them
	version      string   // empty: it is named by its digest
}

// meant returns which set a reference means: of its own repository, or of one that the
// input policy-repository names where it is pulled from a copy.
func (r *policyReader) meant(reference string, access image.Access) (meantSet, error) {
	options := access.NameOptions()
	parsed, err := name.ParseReference(reference, options...)
	if err != nil {
		return meantSet{}, fault.Usagef("policies from %s: it is no reference", plain.Line(reference, maxMessage/3))
	}
	out := meantSet{repositories: []string{parsed.Context().Name()}}
	if tag, ok := parsed.(name.Tag); ok {
		out.version = tag.TagStr()
	}
	for _, text := range r.v.list("policy-repository") {
		repository, err := name.NewRepository(strings.TrimPrefix(text, inRegistry), options...)
		if err != nil {
			err := fault.Usagef("policy-repository is %q, which is not a repository", plain.Line(text, maxMessage/3))
			return meantSet{}, fault.WithHint(err, "write it as registry/repository, without tag and digest")
		}
		out.repositories = append(out.repositories, repository.Name())
	}
	return out, nil
}

// check refuses a set that was signed as another one only. A signature that does not say
// what it is of is enough for a set that is named by its digest.
func (m meantSet) check(signed []pipeline.ImageSignature) error {
	var refusal error
	for _, s := range signed {
		if refusal = m.refuse(s); refusal == nil {
			return nil
		}
	}
	return refusal
}

func (m meantSet) refuse(s pipeline.ImageSignature) error {
	repository, version := plain.Line(s.Label.Repository, maxMessage/3), plain.Line(s.Label.Version, maxMessage/3)
	tag := plain.Line(m.version, 128)
	switch {
	case s.Label.Repository == "" && m.version != "":
		err := fault.Undecidedf("the signature by %s does not say of which repository it is", s.Signer)
		return fault.WithHint(err, "push the set with hallmark policy push, or name its digest")
	case s.Label.Repository != "" && !slices.Contains(m.repositories, wholeName(s.Label.Repository)):
		err := fault.Undecidedf("it was signed as a set of %s by %s, and is not one of this repository", repository, s.Signer)
		return fault.WithHint(err, "where it is a copy of that repository, name it with policy-repository")
	case m.version != "" && s.Label.Version == "":
		err := fault.Undecidedf("the signature by %s does not say for which version it was made", s.Signer)
		return fault.WithHint(err,
			"push the set with hallmark policy push, sign it with cosign sign -a version=%s, or name its digest", tag)
	case m.version != "" && s.Label.Version != m.version:
		err := fault.Undecidedf("it was signed as version %s by %s, and the tag is %s", version, s.Signer, tag)
		return fault.WithHint(err, "push what is meant under that tag, or name the digest")
	}
	return nil
}

// wholeName returns a repository by its whole name, docker.io/app as
// index.docker.io/library/app.
func wholeName(repository string) string {
	parsed, err := name.ParseReference(repository)
	if err != nil {
		return repository
	}
	return parsed.Context().Name()
}
