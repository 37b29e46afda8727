package pipeline

import "context"

// Attest signs what a job brings about an image or an index, and attaches it. The
// result holds it as it was read back and verified, and what a person should know
// besides. Rooms.Catalog and Rooms.Database are not used.
func Attest(ctx context.Context, job Job, rooms Rooms) (Result, error) {
	r := newRun(job, rooms)
	if err := r.resolve(ctx); err != nil {
		return r.result, err
	}
	if err := r.leave(ctx, job.Brought); err != nil {
		return r.result, err
	}
	return r.result, r.stay(ctx)
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
