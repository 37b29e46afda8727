package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/policy"
)

func (a *app) policyLint() *cobra.Command {
	return a.policyJob(cmdPolicyLint, "PATH...", "Find the traps of policies before a gate or a cluster falls into them; exit 3 if there are any",
		func(ctx context.Context, v values, args []string) error { return a.policyLintJob(ctx, v, args) })
}

// policyLintJob prints what is found. Findings are a no of the linter: they exit
// as a denial does.
func (a *app) policyLintJob(ctx context.Context, v values, args []string) error {
	gathered, err := a.gatherPolicies(ctx, v, args)
	if err != nil {
		return err
	}
	found := policy.Check(ctx, policy.CompileContext(ctx, gathered.files, gathered.setting))
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, f := range found {
		if _, err := fmt.Fprintln(a.stdio.Out, f); err != nil {
			return err
		}
	}
	verdict := policy.Verdict{Outcome: policy.Pass}
	if len(found) > 0 {
		verdict.Outcome = policy.Deny
	}
	a.decide(verdict)
	return nil
}
