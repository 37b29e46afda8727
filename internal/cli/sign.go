package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

func (a *app) sign() *cobra.Command {
	return a.command(cmdSign, "[IMAGE]", "Sign the image itself, as cosign sign does",
		func(ctx context.Context, v values, args []string) error {
			return a.timed(ctx, v, func(ctx context.Context) error { return a.signJob(ctx, v, args) })
		})
}

func (a *app) signJob(ctx context.Context, v values, args []string) error {
	p, err := a.place(v, args)
	if err != nil {
		return err
	}
	rooms, err := a.rooms(ctx, v, p, true)
	if err != nil {
		return err
	}
	result, err := pipeline.Sign(ctx, p.reference, rooms)
	if err != nil {
		return err
	}
	a.tell(result.Notes)
	_, err = fmt.Fprintf(a.stdio.Out, "%s\n  signed by %s\n", result.Subject, result.Signed)
	return err
}
