package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// policy is the command for whoever writes policies, and brings them to where they
// decide.
func (a *app) policy() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: "Check, test and ship policies, and compile them for a cluster",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fault.Usagef("unknown command %q for policy", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			return fault.WithHint(fault.Usagef("no command given"), "%s --help lists them", c.CommandPath())
		},
	}
	c.AddCommand(a.policyCompile(), a.policyLint(), a.policyTest(), a.policyPush())
	return c
}

// policyJob returns a command below policy, which takes the paths of policies.
func (a *app) policyJob(name, arguments, short string, run func(ctx context.Context, v values, args []string) error) *cobra.Command {
	c := a.command(name, arguments, short, run)
	c.Use = strings.TrimPrefix(name, "policy ") + " " + arguments
	c.Args = func(_ *cobra.Command, args []string) error {
		if len(args) < len(strings.Fields(arguments)) {
			return fault.WithHint(fault.Usagef("%s takes %s", name, arguments), "give Rego files, folders, or hallmark:NAME for a policy that ships")
		}
		return nil
	}
	return c
}

// note prints what a person should know, where nothing is wrong.
func (a *app) note(format string, args ...any) { a.tell([]string{fmt.Sprintf(format, args...)}) }
