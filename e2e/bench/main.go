// Command bench measures the whole job of hallmark run beside the pipeline of
// separate tools that does the same, on the same images and in one go: the two
// take turns, so that whatever else the machine does falls on both. It writes
// the medians into docs/performance.md.
//
// It is run from the folder e2e: go run ./bench -rounds 5.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each contender does the job on each image")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, *rounds); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, rounds int) (err error) {
	if rounds < 1 {
		return fmt.Errorf("%d rounds measure nothing", rounds)
	}
	shared, ok := world.Shared()
	if !ok {
		_, err := fmt.Fprintln(out, "The pipeline of separate tools and its images are not beside this checkout: there is nothing to compare with.")
		return err
	}
	dir, err := os.MkdirTemp("", "hallmark-bench-")
	if err != nil {
		return fmt.Errorf("making room: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	registry, err := world.StartRegistry(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, registry.Stop()) }()

	images := []string{"app", "big"}
	_, _ = fmt.Fprintf(out, "making the images %v\n", images)
	if err := world.PushReal(ctx, registry.Host, images...); err != nil {
		return err
	}
	race, err := newRace(ctx, dir, shared, registry.Host)
	if err != nil {
		return err
	}
	laps, err := race.run(ctx, out, images, rounds)
	if err != nil {
		return err
	}
	return publish(out, filepath.Join("..", "docs", "performance.md"), laps, rounds)
}

// publish prints the table and writes it into the page.
func publish(out io.Writer, page string, laps []lap, rounds int) error {
	table := report(laps, rounds, machine())
	if _, err := fmt.Fprintf(out, "\n%s\n", table); err != nil {
		return err
	}
	before, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the page: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
		return fmt.Errorf("making the page's folder: %w", err)
	}
	if err := os.WriteFile(page, []byte(insert(string(before), table)), 0o644); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}
