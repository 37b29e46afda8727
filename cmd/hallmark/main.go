// Command hallmark makes, signs, attaches, verifies and gates attestations of a
// container image.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/hallmark-ci/hallmark/internal/cli"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50) // a large image makes more garbage than it is worth waiting for
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	stdio := cli.Stdio{Out: os.Stdout, Err: os.Stderr}
	code := cli.Main(ctx, os.Args[1:], stdio, os.Environ())
	stop()
	os.Exit(code)
}
