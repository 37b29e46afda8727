package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Rescan scans the SBOM that is attested to an image again, with the database of
// today, and renews the scan and the verdict. No layer is pulled. Of an index, the
// SBOM of each of its images is scanned, and the index's own scan is renewed from
// these. Rooms.Catalog is not used.
func Rescan(ctx context.Context, job Job, rooms Rooms) (Result, error) {
	r := newRun(job, rooms)
	err := r.unlessUnidentified(ctx, r.rescan)
	return r.result, err
}

func (r *run) rescan(ctx context.Context) error {
	opened, err := r.open(ctx)
	if err != nil {
		return err
	}
	scanner, err := r.openDatabase(ctx)
	if err != nil {
		return err
	}
	if opened.IsIndex() {
		err = r.rescanIndex(ctx, opened, scanner)
	} else {
		err = r.rescanAlone(ctx, opened.Images()[0], scanner)
	}
	if err != nil {
		return err
	}
	r.noteUnmatched()
	return ctx.Err()
}

// rescanImage renews the scan of one image. Whether it stays is still watched.
func (r *run) rescanImage(ctx context.Context, img image.Image, scanner Scanner) error {
	bom, digest, err := r.attestedSBOM(ctx)
	if err != nil {
		return err
	}
	if r.result.Facts, err = img.Facts(); err != nil {
		return err
	}
	if err := r.scan(ctx, bom, scanner); err != nil {
		return err
	}
	scanned, err := r.scanPredicate(byRescan, digest)
	if err != nil {
		return err
	}
	return r.mark(ctx, scanned)
}

// rescanAlone renews the scan of an image, and waits until that stays.
func (r *run) rescanAlone(ctx context.Context, img image.Image, scanner Scanner) error {
	if err := r.rescanImage(ctx, img, scanner); err != nil {
		return err
	}
	_, err := r.seal(ctx)
	return err
}

// rescanIndex renews the scans of an index's images, then that of the index.
func (r *run) rescanIndex(ctx context.Context, opened image.Opened, scanner Scanner) error {
	var scans []finding.PlatformScan
	var platforms []platformRun
	r.result.Facts = image.Facts{Subject: opened.Subject()}
	for _, img := range opened.Images() {
		one := newRun(r.job, r.Rooms)
		one.result.Subject, one.result.Platform, one.index = img.Subject(), img.Platform(), opened.Subject()
		err := one.rescanImage(ctx, img, scanner)
		r.result.Platforms, platforms = append(r.result.Platforms, one.result), append(platforms, platformRun{run: one, marked: err == nil})
		if err != nil {
			return r.afterAll(ctx, platforms, fmt.Errorf("platform %s: %w", img.Platform(), err))
		}
		r.result.Facts.Platforms = append(r.result.Facts.Platforms, one.result.Facts)
		scans = append(scans, finding.PlatformScan{Platform: img.Platform(), Digest: "sha256:" + img.Subject().Hex(), Scan: *one.result.Scan})
	}
	r.take(platforms)
	merged := finding.Merge(scans)
	p, err := evidence.Vuln(merged)
	if err != nil {
		return err
	}
	r.result.Scan, r.result.ScanBody, r.result.Unread = &merged, p.Body, merged.Unread
	return r.markIndex(ctx, []attest.Predicate{p}, platforms)
}

// attestedSBOM returns the SBOM that is attested to the image, and its digest: this
// signer's own, or the only one of those that accepted signers attested. What the
// signer's scans say of when the image was read is kept.
func (r *run) attestedSBOM(ctx context.Context) (bom catalog.SBOM, digest string, err error) {
	end := r.stage("sbom")
	v, of, err := r.findSBOM(ctx)
	if err != nil {
		end("", err)
		return catalog.SBOM{}, "", err
	}
	format := catalog.CycloneDX
	if attest.SameType(v.PredicateType(), attest.TypeSPDX) {
		format = catalog.SPDX
	}
	bom, err = catalog.Decode(r.result.Subject, format, v.Statement().Predicate)
	if err != nil {
		end("", err)
		return catalog.SBOM{}, "", err
	}
	digest = attest.DocumentDigest(v.Statement().Predicate)
	r.readAt = lastRead(of, v.Signer(), digest)
	r.result.Origin = r.originOf(bom)
	r.result.Ecosystems = bom.Ecosystems()
	end("attested by "+v.Signer(), nil)
	return bom, digest, nil
}

// findSBOM returns the SBOM to scan, and all that is attested beside it.
func (r *run) findSBOM(ctx context.Context) (verify.Verified, []verify.Verified, error) {
	found, err := r.examine(ctx, r.Attached, everybody)
	if err == nil {
		err = found.Complete(policy.NeedNewest)
	}
	if err != nil {
		return verify.Verified{}, nil, err
	}
	for _, predicateType := range []string{attest.TypeCycloneDX, attest.TypeSPDX} {
		of := slices.DeleteFunc(slices.Clone(found.Verified), func(v verify.Verified) bool {
			return !attest.SameType(v.PredicateType(), predicateType)
		})
		if len(of) == 1 {
			return of[0], found.Verified, nil
		}
		own := slices.DeleteFunc(slices.Clone(of), func(v verify.Verified) bool { return !r.believesItself(v.Envelope()) })
		switch {
		case len(own) == 1:
			return own[0], found.Verified, nil
		case len(of) > 1:
			return verify.Verified{}, nil, fault.WithHint(
				fault.Undecidedf("rescanning %s: there are %d SBOMs of type %s, and none is the one", r.result.Subject, len(of), attest.ShortType(predicateType)),
				"accept the signer of one of them only, or run hallmark run again")
		}
	}
	return verify.Verified{}, nil, fault.WithHint(
		fault.Undecidedf("rescanning %s: no SBOM by an accepted signer is attached%s", r.result.Subject, found.besides()),
		"let hallmark run make one")
}
