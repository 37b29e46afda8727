package pipeline

import (
	"context"

	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Attest signs what a job brings about an image or an index, attaches it and
// returns it as it was read back and verified. Rooms.Catalog and Rooms.Database are
// not used.
func Attest(ctx context.Context, job Job, rooms Rooms) ([]verify.Verified, error) {
	r := newRun(job, rooms)
	if err := r.resolve(ctx); err != nil {
		return nil, err
	}
	if err := r.leave(ctx, job.Brought); err != nil {
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
