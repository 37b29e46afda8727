package pipeline

import (
	"context"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// set is what this run leaves in one store: all of its attestations, some of
// which may be there already.
type set struct {
	store  Store
	signed []store.Signed // to be attached
	there  []store.Signed // unchanged since an earlier run
	part   bool           // the signer has more in another store
}

// mark attaches what is said about the subject, gates it, and attaches the verdict.
// Whether that stays is still watched.
func (r *run) mark(ctx context.Context, predicates []attest.Predicate) error {
	if err := r.leave(ctx, predicates); err != nil {
		return err
	}
	return r.judge(ctx)
}

// judge gates what is there, and attaches the verdict.
func (r *run) judge(ctx context.Context) error {
	r.judged = r.overtaken()
	r.gate(ctx)
	return r.sayVerdict(ctx)
}

// seal waits until all that this run attached stays. The watch goes on from the first
// write to the last: between them it costs no time. If another job's attestations took
// the place of this run's until then, the verdict is about them, too, and is made
// again.
func (r *run) seal(ctx context.Context) (judgedAgain bool, err error) {
	for {
		if err := r.stay(ctx); err != nil || r.overtaken() == r.judged {
			return judgedAgain, err
		}
		judgedAgain = true
		if err := r.judge(ctx); err != nil {
			return judgedAgain, err
		}
	}
}

// stay waits until all that this run attached stays. What is there instead of it is
// read.
func (r *run) stay(ctx context.Context) error {
	lost, err := r.settle(ctx)
	if err != nil || len(lost) == 0 {
		return err
	}
	return r.readBack(ctx)
}

// leave signs predicates, attaches them, and reads them back. Whether they stay is
// still watched.
func (r *run) leave(ctx context.Context, predicates []attest.Predicate) error {
	if err := r.identify(); err != nil {
		return err
	}
	sets, err := r.sign(ctx, predicates)
	if err != nil {
		return err
	}
	if err := r.attach(ctx, sets); err != nil {
		return err
	}
	if r.job.SignImage && r.job.Push && r.result.Signed == "" {
		if r.result.Signed, err = r.signImage(ctx); err != nil {
			return err
		}
	}
	if err := r.complete(ctx, sets); err != nil {
		return err
	}
	r.supersede(predicates)
	r.sets = append(r.sets, sets...)
	return r.readBack(ctx)
}

// supersede forgets what this run said earlier and says anew.
func (r *run) supersede(predicates []attest.Predicate) {
	anew := func(s store.Signed) bool {
		return slices.ContainsFunc(predicates, func(p attest.Predicate) bool { return attest.SameType(p.Type, s.PredicateType) })
	}
	for i := range r.sets {
		r.sets[i].signed = slices.DeleteFunc(r.sets[i].signed, anew)
		r.sets[i].there = slices.DeleteFunc(r.sets[i].there, anew)
	}
}
