package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// The table lies between these two lines of the page.
const (
	begin = "<!-- bench: begin, written by make bench -->"
	end   = "<!-- bench: end -->"
)

// report renders the medians of all laps, an image and a contender a row.
func report(laps []lap, rounds int, machine string) string {
	var b strings.Builder
	b.WriteString("| image | contender | wall, median (range) | CPU, median | peak memory, median | findings |\n")
	b.WriteString("|---|---|---:|---:|---:|---:|\n")
	var ratios []string
	for _, image := range distinct(laps, func(l lap) string { return l.image }) {
		wall := map[string]time.Duration{}
		for _, contender := range []string{product, peers} {
			own := slices.DeleteFunc(slices.Clone(laps), func(l lap) bool { return l.image != image || l.contender != contender })
			if len(own) == 0 {
				continue
			}
			walls := measured(own, func(l lap) time.Duration { return l.wall })
			wall[contender] = median(walls)
			fmt.Fprintf(&b, "| %s | %s | %.2f s (%.2f to %.2f) | %.2f s | %.0f MiB | %d |\n", image, contender,
				wall[contender].Seconds(), slices.Min(walls).Seconds(), slices.Max(walls).Seconds(),
				median(measured(own, func(l lap) time.Duration { return l.cpu })).Seconds(),
				mebibytes(median(measured(own, func(l lap) int64 { return l.memory }))), own[0].findings)
		}
		if wall[peers] > 0 {
			ratios = append(ratios, fmt.Sprintf("%.2f on `%s`", wall[product].Seconds()/wall[peers].Seconds(), image))
		}
	}
	fmt.Fprintf(&b, "\n`%s` takes this part of the wall time of the %s: %s. Below 1 is faster.\n", product, peers, strings.Join(ratios, ", "))
	fmt.Fprintf(&b, "\nRounds: %d, alternating, on %s. Peak memory is that of the largest single process; CPU is that of all of them.\n",
		rounds, machine)
	b.WriteString("The separate tools find more in images with Go programs: they scan an SBOM without the programs' symbols, and so\n" +
		"report advisories about functions that are not in them. `" + product + "` reads the symbols, as grype does with an image.\n")
	return b.String()
}

// insert replaces what lies between the markers of a page, or appends a section
// where it has none.
func insert(page, table string) string {
	section := begin + "\n\n" + table + "\n" + end
	before, rest, found := strings.Cut(page, begin)
	if !found {
		if page == "" {
			page = "# Performance\n"
		}
		return strings.TrimRight(page, "\n") + "\n\n" + section + "\n"
	}
	_, after, found := strings.Cut(rest, end)
	if !found {
		after = "\n"
	}
	return before + section + after
}

func distinct(laps []lap, of func(lap) string) []string {
	var values []string
	for _, l := range laps {
		if !slices.Contains(values, of(l)) {
			values = append(values, of(l))
		}
	}
	return values
}

func measured[T any](laps []lap, of func(lap) T) []T {
	values := make([]T, len(laps))
	for i, l := range laps {
		values[i] = of(l)
	}
	return values
}

// median returns the middle value, of an even number the mean of the two.
// There has to be one.
func median[T time.Duration | int64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func mebibytes(n int64) float64 { return float64(n) / (1 << 20) }

// machine describes what this was measured on.
func machine() string {
	model := "a processor of unknown model"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if m := regexp.MustCompile(`(?m)^model name\s*: (.+)$`).FindSubmatch(info); m != nil {
			model = string(m[1])
		}
	}
	return fmt.Sprintf("%d cores of %s, %s/%s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, time.Now().UTC().Format(time.DateOnly))
}
