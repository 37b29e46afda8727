package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

// sampleOf is a sample that was taken in the first of the functions, which the next
// one called, and so on.
func sampleOf(took time.Duration, functions ...string) *profile.Sample {
	s := &profile.Sample{Value: []int64{1, int64(took)}}
	for _, f := range functions {
		s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: f}}}})
	}
	return s
}

// A sample belongs to the part whose function is the innermost, whoever called that.
func TestDivide(t *testing.T) {
	const run = "github.com/hallmark-ci/hallmark/internal/pipeline.Run"
	got := divide("app", &profile.Profile{Sample: []*profile.Sample{
		sampleOf(time.Second, "runtime.memmove", "github.com/klauspost/compress/flate.(*decompressor).Read", "github.com/hallmark-ci/hallmark/internal/image.readFull", run),
		sampleOf(2*time.Second, "runtime.scanobject", "runtime.gcAssistAlloc", "github.com/anchore/syft/syft.CreateSBOM", run),
		sampleOf(3*time.Second, "encoding/json.Marshal", run, "main.main"),
		sampleOf(4*time.Second, "runtime.futex"),
	}})
	for name, want := range map[string]time.Duration{
		"unpacking gzip and zstd": time.Second, "collecting garbage": 2 * time.Second,
		"encoding, signing, verifying, gating, reporting": 3 * time.Second, otherParts: 4 * time.Second,
	} {
		if got.parts[name] != want {
			t.Errorf("%s: %s, want %s", name, got.parts[name], want)
		}
	}
	if table := spentTable([]spent{got}); !strings.Contains(table, "| the rest | 4.00 s, 40 % |") || !strings.Contains(table, "| **all** | 10.00 s |") {
		t.Errorf("the table is\n%s", table)
	}
}
