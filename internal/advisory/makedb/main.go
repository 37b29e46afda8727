// Command makedb writes the vulnerability database of the embedded advisories
// into a folder, for the end-to-end tests, which are a module of their own:
//
//	go run ./internal/advisory/makedb DIR
//
// The database counts as built now, so that it is fresh.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/hallmark-ci/hallmark/internal/advisory"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "makedb:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("usage: makedb DIR")
	}
	table, err := advisory.Table()
	if err != nil {
		return err
	}
	return advisory.Build(ctx, args[0], time.Now().UTC(), table)
}
