package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// start is what the program costs before it does anything.
type start struct {
	wall   time.Duration
	memory int64 // bytes
	binary int64 // bytes
	packed int64 // bytes of the binary, compressed as the layer of an image is
}

// starts measures the start of the program, as often as there are rounds.
func (r *race) starts(ctx context.Context, rounds int) (start, error) {
	var laps []lap
	for range rounds {
		l, err := r.measure(ctx, r.hallmark, "version")
		if err != nil {
			return start{}, err
		}
		laps = append(laps, l)
	}
	s := start{
		wall:   median(measured(laps, func(l lap) time.Duration { return l.wall })),
		memory: median(measured(laps, func(l lap) int64 { return l.memory })),
	}
	var err error
	s.binary, s.packed, err = sizes(r.hallmark)
	return s, err
}

// sizes returns the number of bytes of a file, and of the file compressed.
func sizes(path string) (plain, packed int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, 0, fmt.Errorf("weighing the binary: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var out weight
	compressed := gzip.NewWriter(&out)
	plain, err = io.Copy(compressed, file)
	if err := errors.Join(err, compressed.Close()); err != nil {
		return 0, 0, fmt.Errorf("weighing the binary: %w", err)
	}
	return plain, int64(out), nil
}

// weight is the number of bytes that were written to it.
type weight int64

// Write implements io.Writer.
func (w *weight) Write(p []byte) (int, error) {
	*w += weight(len(p))
	return len(p), nil
}

// startTable renders the start, beside the goals.
func startTable(s start) string {
	var b strings.Builder
	b.WriteString("| start | at most | measured | |\n|---|---:|---:|---|\n")
	for _, row := range []struct {
		what, unit  string
		limit, cost float64
	}{
		{"time of `hallmark version`", "ms", 60, s.wall.Seconds() * 1e3},
		{"peak memory of it", "MB", 60, float64(s.memory) / 1e6},
		{"size of the binary", "MB", 100, float64(s.binary) / 1e6},
		{"size of the binary, compressed", "MB", 60, float64(s.packed) / 1e6},
	} {
		word := "met"
		if row.cost > row.limit {
			word = "**missed**"
		}
		fmt.Fprintf(&b, "| %s | %.0f %s | %.1f %s | %s |\n", row.what, row.limit, row.unit, row.cost, row.unit, word)
	}
	return b.String()
}
