package main

import (
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []int64
		want   int64
	}{
		{[]int64{7}, 7},
		{[]int64{9, 1, 5}, 5},
		{[]int64{4, 1, 2, 100}, 3},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %d, want %d", c.values, got, c.want)
		}
	}
}

func TestReportComparesMediansOfTheSameImage(t *testing.T) {
	laps := []lap{
		{image: "app", contender: product, wall: 3 * time.Second, cpu: 4 * time.Second, memory: 300 << 20, findings: 27},
		{image: "app", contender: peers, wall: 8 * time.Second, cpu: 9 * time.Second, memory: 400 << 20, findings: 27},
		{image: "app", contender: product, wall: 5 * time.Second, cpu: 4 * time.Second, memory: 300 << 20, findings: 27},
		{image: "app", contender: peers, wall: 8 * time.Second, cpu: 9 * time.Second, memory: 400 << 20, findings: 27},
		{image: "big", contender: product, wall: time.Hour},
	}

	got := report(laps, 2, "a machine")

	for _, want := range []string{
		"| app | hallmark run | 4.00 s (3.00 to 5.00) | 4.00 s | 300 MiB | 27 |",
		"| app | separate tools | 8.00 s (8.00 to 8.00) | 9.00 s | 400 MiB | 27 |",
		"0.50 on `app`.",
		"Rounds: 2, alternating, on a machine.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
}

func TestInsertKeepsTheRestOfThePage(t *testing.T) {
	for name, c := range map[string]struct{ page, want string }{
		"no page":    {"", "# Performance\n\n" + begin + "\n\nTABLE\n" + end + "\n"},
		"no markers": {"# Fast\n\nWords.\n", "# Fast\n\nWords.\n\n" + begin + "\n\nTABLE\n" + end + "\n"},
		"markers":    {"A\n" + begin + "\nold\n" + end + "\nB\n", "A\n" + begin + "\n\nTABLE\n" + end + "\nB\n"},
		"no end":     {"A\n" + begin + "\nold\n", "A\n" + begin + "\n\nTABLE\n" + end + "\n"},
	} {
		if got := insert(c.page, "TABLE"); got != c.want {
			t.Errorf("%s: have %q, want %q", name, got, c.want)
		}
	}
}
