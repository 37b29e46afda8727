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

// findings is what there is to say about the numbers of findings.
const findings = "The separate tools find more in images with Go programs: they scan an SBOM without the programs' symbols, and so\n" +
	"report advisories about functions that are not in them. `" + product + "` reads the symbols, as grype does with an image.\n"

// measurement is all that was measured.
type measurement struct {
	laps   []lap
	start  start
	spent  []spent
	growth []series
	rounds int
}

// report renders what was measured: the goals, every contender's medians, growth.
func report(m measurement, machine string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Rounds: %d, alternating, on %s.\n\n## Goals\n\n%s\n%s\n", m.rounds, machine, goalTable(goals(m.laps)), startTable(m.start))
	b.WriteString("## All contenders\n\nMedians, with the range of the times. Peak memory is that of the largest single process; CPU, requests of the registry " +
		"and what was\npulled from it are those of all of them. The floor pulls, unpacks and checks all layers, and does nothing else.\n\n")
	b.WriteString("| image | contender | wall | CPU | peak memory | requests | pulled | findings |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	for _, image := range distinct(m.laps, func(l lap) string { return l.image }) {
		for _, contender := range []string{product, rerun, one, peers, bare, rescan, peerScan} {
			own := slices.DeleteFunc(slices.Clone(m.laps), func(l lap) bool { return l.image != image || l.contender != contender })
			if len(own) > 0 {
				b.WriteString(row(own))
			}
		}
	}
	b.WriteString("\n" + findings)
	if len(m.spent) > 0 {
		b.WriteString("\n## Where the time goes\n\nA first run of `hallmark run`, by the function that was at work, on all processors together. `CPUPROFILE=FILE` " +
			"writes such\na profile of any command, for `go tool pprof`.\n\n" + spentTable(m.spent))
	}
	if len(m.growth) > 0 {
		b.WriteString("\n## Growth\n\nA first run on images that have more and more of one thing, and the gate on more and more evidence.\n\n" +
			"![Time against size, a panel for each thing that there is more of](performance.svg)\n\n" + growthTable(m.growth))
	}
	return b.String()
}

// row renders the laps of one contender on one image.
func row(own []lap) string {
	walls := measured(own, func(l lap) time.Duration { return l.wall })
	found := "-"
	if own[0].findings > 0 {
		found = fmt.Sprint(own[0].findings)
	}
	return fmt.Sprintf("| %s | %s | %.2f s (%.2f to %.2f) | %.2f s | %.0f MiB | %d | %.1f MiB | %s |\n", own[0].image, own[0].contender,
		median(walls).Seconds(), slices.Min(walls).Seconds(), slices.Max(walls).Seconds(),
		median(measured(own, func(l lap) time.Duration { return l.cpu })).Seconds(),
		mebibytes(median(measured(own, func(l lap) int64 { return l.memory }))),
		median(measured(own, func(l lap) int64 { return l.requests })),
		mebibytes(median(measured(own, func(l lap) int64 { return l.pulled }))), found)
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
	return fmt.Sprintf("%d cores of %s, %s/%s, Go %s, %s", runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, strings.TrimPrefix(runtime.Version(), "go"), time.Now().UTC().Format(time.DateOnly))
}
