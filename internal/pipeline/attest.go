package pipeline

import (
	"context"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Attest signs predicates about an image or an index, attaches them and returns
// them as they were read back and verified. Rooms.Catalog and Rooms.Scanner are
// not used.
func Attest(ctx context.Context, reference string, predicates []attest.Predicate, rooms Rooms) ([]verify.Verified, error) {
	r, err := newRun(Job{Reference: reference, Push: true}, rooms)
	if err != nil {
		return nil, err
	}
	if err := r.resolve(ctx); err != nil {
		return nil, err
	}
	signed, err := r.sign(ctx, predicates)
	if err != nil {
		return nil, err
	}
	if err := r.attach(ctx, signed); err != nil {
		return nil, err
	}
	if err := r.readBack(ctx, signed); err != nil {
		return nil, err
	}
	return r.result.Attached, nil
}

func (r *run) resolve(ctx context.Context) error {
	end := r.Progress.Stage("resolve")
	subject, err := r.Images.Resolve(ctx, r.job.Reference)
	if err != nil {
		end("", err)
		return err
	}
	r.result.Subject = subject
	end(subject.String(), nil)
	return nil
}
