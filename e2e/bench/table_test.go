package main

import (
	"encoding/xml"
	"errors"
	"io"
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
		{image: "app", contender: product, wall: 3 * time.Second, cpu: 4 * time.Second, memory: 300 << 20, requests: 40, pulled: 90 << 20, findings: 27},
		{image: "app", contender: peers, wall: 10 * time.Second, cpu: 9 * time.Second, memory: 400 << 20, findings: 27},
		{image: "app", contender: product, wall: 5 * time.Second, cpu: 4 * time.Second, memory: 300 << 20, requests: 40, pulled: 90 << 20, findings: 27},
		{image: "app", contender: rerun, wall: 500 * time.Millisecond},
		{image: "app", contender: peers, wall: 10 * time.Second, cpu: 9 * time.Second, memory: 400 << 20, findings: 27},
		{image: "big", contender: product, wall: time.Hour},
	}
	growth := []series{{what: "files", job: product, points: []point{{10, time.Second}, {20, 2 * time.Second}, {40, 6 * time.Second}}}}

	begun := start{wall: 61 * time.Millisecond, memory: 59_900_000, binary: 100_000_000, packed: 61_000_000}
	got := report(measurement{laps: laps, start: begun, growth: growth, rounds: 2}, "a machine")

	for _, want := range []string{
		"Rounds: 2, alternating, on a machine.",
		"| app | hallmark run | 4.00 s (3.00 to 5.00) | 4.00 s | 300 MiB | 40 | 90.0 MiB | 27 |",
		"| app | separate tools | 10.00 s (10.00 to 10.00) | 9.00 s | 400 MiB | 0 | 0.0 MiB | 27 |",
		"| time of a first run on `app`, of the separate tools' | 0.35 | 0.40 | **missed** |",
		"| peak memory of it | 0.40 | 0.75 | **missed** |",
		"| time of a re-run on `app`, of the separate tools' | 0.08 | 0.05 | met |",
		"| time of a first run on `big`, of the floor's | 1.60 | not measured |  |",
		"| time of `hallmark version` | 60 ms | 61.0 ms | **missed** |",
		"| peak memory of it | 60 MB | 59.9 MB | met |",
		"| size of the binary | 100 MB | 100.0 MB | met |",
		"| size of the binary, compressed | 60 MB | 61.0 MB | **missed** |",
		"| `hallmark run` | files | 10: 1.00 s, 20: 2.00 s, 40: 6.00 s | 2.00 |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
}

func TestThePlotIsOfEverySeries(t *testing.T) {
	got := plot([]series{
		{what: "files", job: product, points: []point{{10, time.Second}, {20, 2 * time.Second}}},
		{what: "packages", job: product, points: []point{{5, time.Second}}},
	})
	decoder := xml.NewDecoder(strings.NewReader(got))
	circles := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 3 || !strings.Contains(got, `d="M162.5 95.0L280.0 30.0"`) {
		t.Errorf("%d points in\n%s", circles, got)
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
