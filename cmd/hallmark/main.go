// Command hallmark makes, signs, attaches, verifies and gates attestations of a
// container image.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"syscall"

	"github.com/hallmark-ci/hallmark/internal/cli"
)

// profileVariable names a file to which a profile of the processor's time is written,
// as with other tools.
const profileVariable = "CPUPROFILE"

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(40) // a large image makes more garbage than it is worth waiting for
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	stdio := cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	end := profile(os.Getenv(profileVariable))
	code := cli.Main(ctx, os.Args[1:], stdio, os.Environ())
	end()
	stop()
	os.Exit(code)
}

// profile begins a profile, if it is asked for, and returns what ends it. That it
// cannot be written is said, and changes nothing else.
func profile(path string) (end func()) {
	if path == "" {
		return func() {}
	}
	file, err := os.Create(path)
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hallmark: profiling to "+profileVariable+":", err)
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "hallmark: profiling to "+profileVariable+":", err)
		}
	}
}
