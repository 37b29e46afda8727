package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/report"
)

func (a *app) attest() *cobra.Command {
	return a.command(cmdAttest, "[IMAGE]", "Sign and attach predicates that you bring",
		func(ctx context.Context, v values, args []string) error {
			return a.timed(ctx, v, func(ctx context.Context) error { return a.attestJob(ctx, v, args) })
		})
}

func (a *app) attestJob(ctx context.Context, v values, args []string) error {
	p, err := a.place(v, args)
	if err != nil {
		return err
	}
	brought, err := a.brought(v)
	if err != nil {
		return err
	}
	if len(brought) == 0 {
		return fault.WithHint(fault.Usagef("nothing to attest"), "give --predicate TYPE=FILE")
	}
	history, err := v.boolean("keep-history")
	if err != nil {
		return err
	}
	rooms, err := a.rooms(ctx, v, p, true)
	if err != nil {
		return err
	}
	job := pipeline.Job{Reference: p.reference, Brought: brought, Push: true, History: history}
	rooms.Images = comparedImages{Images: rooms.Images, documents: documentsOf(job)}
	result, err := pipeline.Attest(ctx, job, rooms)
	if err != nil {
		return err
	}
	a.tell(result.Notes)
	_, err = a.stdio.Out.Write(report.VerifiedTable(result.Attached, nil, a.style()))
	return err
}
