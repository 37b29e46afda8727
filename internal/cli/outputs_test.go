package cli_test

import (
	"fmt"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"
)

// outputs FILE NAME [VALUE] compares an output of a step on GitHub. Without a value
// there must be none.
func outputs(ts *testscript.TestScript, _ *world, args []string) error {
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(args[1]) + `<<(\S+)\n(.*)\n`).FindStringSubmatch(ts.ReadFile(args[0]))
	switch {
	case len(args) == 2 && found != nil:
		return fmt.Errorf("the output %s is %q, want none", args[1], found[2])
	case len(args) == 3 && (found == nil || found[2] != args[2]):
		return fmt.Errorf("the output %s is %q, want %q", args[1], found, args[2])
	}
	return nil
}
