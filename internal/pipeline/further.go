package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/evidence"
)

// builtBy is provenance that BuildKit left in an index, about one of its images.
type builtBy struct {
	of     string // digest of the image
	record evidence.BuildRecord
}

// readBuildKit reads the provenance that BuildKit left in the index. What cannot be
// read or is about another image is told, and is no evidence.
func (r *run) readBuildKit(ctx context.Context) {
	if r.job.Build == nil {
		return
	}
	index := r.result.Subject
	there, err := r.Images.BuildAttestations(ctx, index)
	if err != nil {
		r.note("what BuildKit says of the build is missing: %v", err)
		return
	}
	for _, b := range there {
		if !evidence.IsProvenance(b.PredicateType) {
			continue
		}
		content, err := r.Images.BuildStatement(ctx, index, b)
		if err != nil {
			r.note("what BuildKit says of the build is missing: %v", err)
			continue
		}
		record, err := evidence.Record(evidence.Left{
			URI: index.Repository() + "@" + b.Digest, Digest: b.Digest, Of: b.Of, Content: content,
		})
		if err != nil {
			r.note("the provenance that BuildKit left in %s is not used: %v", b.Digest, err)
			continue
		}
		r.buildKit = append(r.buildKit, builtBy{of: b.Of, record: record})
	}
}

// further makes what is attested besides the SBOM and the scan, of an image or an
// index, in a stable order.
func (r *run) further() ([]attest.Predicate, error) {
	var predicates []attest.Predicate
	if r.job.Build != nil {
		p, err := r.provenance()
		if err != nil {
			return nil, err
		}
		predicates = append(predicates, p)
	}
	for _, uri := range r.job.Further {
		p, err := r.make(uri)
		if err != nil {
			return nil, err
		}
		predicates = append(predicates, p)
	}
	predicates = append(predicates, r.job.Made...)
	return append(predicates, r.job.Brought...), nil
}

// provenance is about the same build for every image of an index. That of the index
// itself refers to all that BuildKit left.
func (r *run) provenance() (attest.Predicate, error) {
	build, err := r.job.Build.Of(r.result.Facts.Config)
	if err != nil {
		return attest.Predicate{}, err
	}
	build.At = r.Now()
	for _, l := range r.buildKit {
		if r.result.Facts.Config == nil || l.of == "sha256:"+r.result.Subject.Hex() {
			build.BuildKit = append(build.BuildKit, l.record)
		}
	}
	return evidence.Provenance(build)
}

// make makes what depends on the image and on nothing that was gathered before.
func (r *run) make(uri string) (attest.Predicate, error) {
	switch uri {
	case attest.TypeRelease:
		return evidence.Release(r.result.Subject, r.job.Release)
	case attest.TypeLicences:
		return evidence.Licences(r.licensed())
	case attest.TypeImage:
		return evidence.Image(r.imageFacts())
	case attest.TypeSecrets:
		return evidence.Secrets(r.searched())
	}
	return attest.Predicate{}, fmt.Errorf("making evidence of type %s: nothing makes it", uri)
}

// licensed returns what is in an image, or in any image of an index.
func (r *run) licensed() []evidence.Licensed {
	var all []evidence.Licensed
	for _, p := range r.result.Platforms {
		for _, one := range p.Packages {
			all = append(all, evidence.Licensed{Name: one.Name, Version: one.Version, Type: one.Type, Licences: one.Licences})
		}
	}
	for _, one := range r.result.Packages {
		all = append(all, evidence.Licensed{Name: one.Name, Version: one.Version, Type: one.Type, Licences: one.Licences})
	}
	return all
}

// imageFacts returns what is told of an image, or of each image of an index.
func (r *run) imageFacts() []evidence.ImageFacts {
	if r.result.Facts.Config != nil {
		return []evidence.ImageFacts{factsOf(r.result)}
	}
	var all []evidence.ImageFacts
	for _, p := range r.result.Platforms {
		all = append(all, factsOf(p))
	}
	return all
}

// searched returns what was found in an image, or in each image of an index.
func (r *run) searched() []evidence.Searched {
	var all []evidence.Searched
	for _, one := range append(slices.Clone(r.result.Platforms), r.result) {
		if one.Secrets != nil {
			all = append(all, evidence.Searched{Digest: "sha256:" + one.Subject.Hex(), Platform: one.Facts.Platform, Report: *one.Secrets})
		}
	}
	return all
}

func factsOf(r Result) evidence.ImageFacts {
	f := evidence.ImageFacts{Digest: "sha256:" + r.Subject.Hex(), Platform: r.Facts.Platform, System: r.System, Config: r.Facts.Config}
	if r.Files != nil {
		f.Files = &evidence.Files{Setuid: r.Files.Setuid, Shells: r.Files.Shells}
	}
	if r.Scan != nil && r.Scan.Distribution != nil {
		f.EndOfLife, f.Database = r.Scan.Distribution.EndOfLife, r.Scan.Database
	}
	return f
}
