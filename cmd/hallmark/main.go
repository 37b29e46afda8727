// Command hallmark makes, signs, attaches, verifies and gates attestations of a
// container image.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/hallmark-ci/hallmark/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	stdio := cli.Stdio{Out: os.Stdout, Err: os.Stderr}
	code := cli.Main(ctx, os.Args[1:], stdio, os.Environ())
	stop()
	os.Exit(code)
}
