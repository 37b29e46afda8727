package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// goal is what one contender's part of another's may be at most.
type goal struct {
	what           string
	limit          float64
	of, against    heat
	measured       func(l lap) float64
	part           float64
	known, reached bool
}

func wallOf(l lap) float64   { return l.wall.Seconds() }
func memoryOf(l lap) float64 { return float64(l.memory) }

// goals are those of the project, measured.
func goals(laps []lap) []goal {
	var all []goal
	add := func(what string, limit float64, measured func(lap) float64, of, against heat) {
		all = append(all, goal{what: what, limit: limit, measured: measured, of: of, against: against})
	}
	for _, image := range []string{"app", "big"} {
		add("time of a first run on `"+image+"`, of the separate tools'", 0.35, wallOf, heat{image: image, contender: product}, heat{image: image, contender: peers})
		add("peak memory of it", 0.40, memoryOf, heat{image: image, contender: product}, heat{image: image, contender: peers})
		add("time of a re-run on `"+image+"`, of the separate tools'", 0.08, wallOf, heat{image: image, contender: rerun}, heat{image: image, contender: peers})
	}
	add("time of a first run on `big`, of the floor's", 1.6, wallOf, heat{image: "big", contender: product}, heat{image: "big", contender: bare})
	add("time of `rescan` of `big`, of grype's on its SBOM and `cosign attest`", 0.5, wallOf, heat{image: "big", contender: rescan}, heat{image: "big", contender: peerScan})
	add("time of both platforms of `multi`, of one of them", 1.3, wallOf, heat{image: "multi", contender: product}, heat{image: "multi", contender: one})
	for i := range all {
		all[i].settle(laps)
	}
	return all
}

// settle compares the medians.
func (g *goal) settle(laps []lap) {
	a, okA := middle(laps, g.of, g.measured)
	b, okB := middle(laps, g.against, g.measured)
	if g.known = okA && okB && b > 0; g.known {
		g.part = a / b
		g.reached = g.part <= g.limit
	}
}

// middle returns the median of a contender's laps on an image.
func middle(laps []lap, h heat, of func(lap) float64) (float64, bool) {
	var values []int64
	for _, l := range laps {
		if l.image == h.image && l.contender == h.contender {
			values = append(values, int64(of(l)*1e6))
		}
	}
	if len(values) == 0 {
		return 0, false
	}
	return float64(median(values)) / 1e6, true
}

// goalTable renders the goals.
func goalTable(all []goal) string {
	var b strings.Builder
	b.WriteString("| goal | at most | measured | |\n|---|---:|---:|---|\n")
	for _, g := range all {
		measured, word := "not measured", ""
		if g.known {
			measured, word = fmt.Sprintf("%.2f", g.part), "**missed**"
			if g.reached {
				word = "met"
			}
		}
		fmt.Fprintf(&b, "| %s | %.2f | %s | %s |\n", g.what, g.limit, measured, word)
	}
	return b.String()
}

// growthTable renders the series.
func growthTable(all []series) string {
	var b strings.Builder
	b.WriteString("| job | more of | times | one more costs, of what it cost a step before |\n|---|---|---|---:|\n")
	for _, s := range all {
		var times []string
		for _, p := range s.points {
			times = append(times, fmt.Sprintf("%d: %.2f s", p.size, p.wall.Seconds()))
		}
		factor := "-"
		if f := s.factor(); f > 0 {
			factor = fmt.Sprintf("%.2f", f)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.job, s.what, strings.Join(times, ", "), factor)
	}
	return b.String()
}

// slowest returns the longest time of a series.
func slowest(s series) time.Duration {
	return slices.MaxFunc(s.points, func(a, b point) int { return int(a.wall - b.wall) }).wall
}
