package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

func (a *app) policyTest() *cobra.Command {
	return a.policyJob(cmdPolicyTest, "PATH...", "Run the unit tests of policies (*_test.rego), and say what they cover",
		func(ctx context.Context, v values, args []string) error { return a.policyTestJob(ctx, v, args) })
}

func (a *app) policyTestJob(ctx context.Context, v values, args []string) error {
	least, err := strconv.ParseFloat(v.text("coverage-min"), 64)
	if err != nil || !(least >= 0 && least <= 100) {
		return fault.Usagef("coverage-min is %q: use a number from 0 to 100", v.text("coverage-min"))
	}
	suite, err := runSuite(ctx, v, args)
	if err != nil {
		return err
	}
	failed := 0
	for _, t := range suite.Tests {
		if t.Why == "" {
			_, _ = fmt.Fprintf(a.stdio.Out, "pass  %s: %s\n", t.File, t.Name)
			continue
		}
		failed++
		_, _ = fmt.Fprintf(a.stdio.Out, "FAIL  %s: %s: %s\n", t.File, t.Name, t.Why)
	}
	for _, name := range slices.Sorted(maps.Keys(suite.Coverage)) {
		_, _ = fmt.Fprintf(a.stdio.Out, "%5.1f%%  %s\n", suite.Coverage[name], name)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("running the tests: %d of %d failed", failed, len(suite.Tests))
	case suite.Total < least:
		return fmt.Errorf("running the tests: they cover %.1f%%, and coverage-min is %g", suite.Total, least)
	}
	return nil
}

func runSuite(ctx context.Context, v values, args []string) (policy.Suite, error) {
	files, err := policy.Read(args)
	if err != nil {
		return policy.Suite{}, err
	}
	tests, err := policy.ReadTests(args)
	if err != nil {
		return policy.Suite{}, err
	}
	setting, err := policySetting(v)
	if err != nil {
		return policy.Suite{}, err
	}
	if err := policy.CheckParams(policy.CompileContext(ctx, files, setting), setting); err != nil {
		return policy.Suite{}, err
	}
	return policy.RunTests(ctx, files, tests, setting)
}
