package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// An SBOM is a function of the image and of the programs that make it. So a run
// whose signer attested one of this image before, made by these very programs,
// need not pull the image to make it again. The seal tells: it is a digest of all
// that a run reads of an SBOM, made when the image was read, and worked out again
// from what the registry gave back. Whatever raises a doubt has the image pulled.

// bill returns the SBOM of an image: that of an earlier run, or a new one.
func (r *run) bill(ctx context.Context, img image.Image) (catalog.SBOM, error) {
	if bom, ok := r.earlier(ctx); ok {
		end := r.stage("catalog")
		r.tellPackages(bom)
		end(plain.Count(len(r.result.Packages), "package")+", as attested earlier", nil)
		r.result.Reused = true
		return bom, nil
	}
	return r.catalog(ctx, img)
}

// sealed returns an SBOM with its seal and its origin. One of an earlier run has them.
// One that was brought has no seal: it is not to be taken for one that was made here.
func (r *run) sealed(bom catalog.SBOM) (catalog.SBOM, error) {
	if r.result.Reused {
		return bom, nil
	}
	origin := bom.Origin()
	if origin.Kind != attest.Made {
		return bom.Sealed(catalog.Seal{Maker: r.job.Version}), nil
	}
	origin.Tools = r.withUs(origin.Tools)
	seal, err := r.sealOf(bom)
	return bom.Sealed(seal).WithOrigin(origin), err
}

// earlier returns the SBOM that this run's signer attested in every format that is
// asked for.
func (r *run) earlier(ctx context.Context) (catalog.SBOM, bool) {
	if !r.reuses() {
		return catalog.SBOM{}, false
	}
	found, err := r.examine(ctx, r.Attached, itself)
	if err != nil || found.Complete(policy.NeedNewest) != nil {
		return catalog.SBOM{}, false // reading it again, later, tells
	}
	documents := map[catalog.Format][]byte{}
	var signer string
	for _, format := range r.job.Formats {
		v, ok := r.only(found.Verified, format)
		if !ok {
			return catalog.SBOM{}, false
		}
		documents[format] = append(slices.Clone(v.Statement().Predicate), '\n') // a statement has it without
		signer = v.Signer()
	}
	r.readAt = lastRead(found.Verified, signer, attest.DocumentDigest(documents[catalog.CycloneDX]))
	if !r.recent(r.readAt) {
		return catalog.SBOM{}, false
	}
	bom, err := catalog.Attested(r.result.Subject, documents)
	if err != nil {
		return catalog.SBOM{}, false
	}
	return bom, r.unbroken(bom, documents) && madeHere(bom, documents)
}

// recent reports whether the image was read at a time that is known, and not too long
// ago.
func (r *run) recent(at time.Time) bool {
	if at.IsZero() {
		return false
	}
	age := r.Now().Sub(at)
	return age >= -skew && (r.job.ReuseFor == 0 || age <= r.job.ReuseFor)
}

// madeHere reports whether every format of an SBOM says that it was made by this program
// from the layers, in the same words.
func madeHere(bom catalog.SBOM, documents map[catalog.Format][]byte) bool {
	said, err := bom.Origin().Encode()
	if err != nil || bom.Origin().Kind != attest.Made {
		return false
	}
	for format, document := range documents {
		other, err := catalog.OriginOf(format, document).Encode()
		if err != nil || other != said {
			return false
		}
	}
	return true
}

// unbroken reports whether an SBOM that was read back says all that it said when its
// seal was made, and whether every format of it has that seal.
func (r *run) unbroken(bom catalog.SBOM, documents map[catalog.Format][]byte) bool {
	seal, err := r.sealOf(bom)
	if err != nil || seal.Digest == "" || seal.Digest != bom.Seal().Digest {
		return false
	}
	for format, document := range documents {
		if format == catalog.CycloneDX {
			continue // which the seal was read of
		}
		digest, err := catalog.SealDigest(format, document)
		if err != nil || digest != seal.Digest {
			return false
		}
	}
	return true
}

// reuses reports whether an earlier SBOM would do.
func (r *run) reuses() bool {
	return r.job.Reuse && !r.readsFiles() && slices.Contains(r.job.Formats, catalog.CycloneDX)
}

// readsFiles reports whether evidence is asked for that the files of the image alone
// can give.
func (r *run) readsFiles() bool {
	return slices.Contains(r.job.Further, attest.TypeSecrets) || slices.Contains(r.job.Further, attest.TypeImage)
}

// only returns the one SBOM in a format that this run's signer signed.
func (r *run) only(own []verify.Verified, format catalog.Format) (one verify.Verified, found bool) {
	for _, v := range own {
		if !attest.SameType(v.PredicateType(), format.PredicateType()) {
			continue
		}
		if found {
			return verify.Verified{}, false
		}
		one, found = v, true
	}
	return one, found
}

// sealOf works out the seal of an SBOM. One that lacks what could not be read has
// no digest: a note says so, and would be lost.
func (r *run) sealOf(bom catalog.SBOM) (catalog.Seal, error) {
	seal := catalog.Seal{Maker: r.job.Version}
	if r.Inputs == nil || len(bom.Unread()) > 0 {
		return seal, nil
	}
	inputs, err := r.Inputs(bom)
	if err != nil {
		return catalog.Seal{}, fmt.Errorf("sealing the SBOM of %s: %w", r.result.Subject, err)
	}
	all, err := json.Marshal(struct {
		Makers, Subject, System, Inputs string
		Packages                        []catalog.Package
	}{r.job.Makers, r.result.Subject.String(), bom.System(), inputs, bom.Packages()})
	if err != nil {
		return catalog.Seal{}, fmt.Errorf("sealing the SBOM of %s: %w", r.result.Subject, err)
	}
	sum := sha256.Sum256(all)
	seal.Digest = "sha256:" + hex.EncodeToString(sum[:])
	return seal, nil
}
