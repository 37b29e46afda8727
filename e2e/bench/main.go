// Command bench measures the whole job of hallmark run beside the pipeline of
// separate tools that does the same, and beside the floor of reading an image
// whole, on the same images and in one go: they take turns, so that whatever else
// the machine does falls on all. Then it measures how the time grows. It writes
// goals, medians and growth into docs/performance.md, and draws
// docs/performance.svg.
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
	"strings"
	"syscall"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

func main() {
	rounds := flag.Int("rounds", 5, "how often each contender does the job on each image")
	images := flag.String("images", "small,app,big,multi", "the images, of those that are there")
	growing := flag.Bool("growth", true, "measure growth, too")
	reading := flag.String("floor", "", "only read an image whole: what the benchmark runs itself for")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	work := func() error {
		return run(ctx, os.Stdout, plan{rounds: *rounds, images: strings.Split(*images, ","), growth: *growing})
	}
	if *reading != "" {
		work = func() error { return floor(ctx, *reading) }
	}
	if err := work(); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// plan is what is to be measured.
type plan struct {
	rounds int
	images []string
	growth bool
}

func run(ctx context.Context, out io.Writer, p plan) (err error) {
	if p.rounds < 1 {
		return fmt.Errorf("%d rounds measure nothing", p.rounds)
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

	meter, err := newMeter(registry.Host)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, meter.stop()) }()

	_, _ = fmt.Fprintf(out, "making the images %v\n", p.images)
	if err := world.PushReal(ctx, registry.Host, p.images...); err != nil {
		return err
	}
	race, err := newRace(ctx, dir, shared, meter)
	if err != nil {
		return err
	}
	m, err := race.all(ctx, out, p)
	if err != nil {
		return err
	}
	return publish(out, filepath.Join("..", "docs"), m)
}

// all measures what is planned.
func (r *race) all(ctx context.Context, out io.Writer, p plan) (measurement, error) {
	m := measurement{rounds: p.rounds}
	var err error
	if m.laps, err = r.run(ctx, out, p.images, p.rounds); err != nil {
		return measurement{}, err
	}
	if m.start, err = r.starts(ctx, p.rounds); err != nil {
		return measurement{}, err
	}
	if m.spent, err = r.profiles(ctx, out, p.images); err != nil || !p.growth {
		return m, err
	}
	m.growth, err = r.growth(ctx, out, p.rounds)
	return m, err
}

// publish prints the tables, writes them into the page, and draws the plot.
func publish(out io.Writer, docs string, m measurement) error {
	table := report(m, machine())
	if _, err := fmt.Fprintf(out, "\n%s\n", table); err != nil {
		return err
	}
	page := filepath.Join(docs, "performance.md")
	before, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reading the page: %w", err)
	}
	if err := os.WriteFile(page, []byte(insert(string(before), table)), 0o644); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	if len(m.growth) == 0 {
		return nil
	}
	if err := os.WriteFile(filepath.Join(docs, "performance.svg"), []byte(plot(m.growth)), 0o644); err != nil {
		return fmt.Errorf("writing the plot: %w", err)
	}
	return nil
}
