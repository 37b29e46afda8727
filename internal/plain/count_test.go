package plain_test

import (
	"testing"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 findings", 1: "1 finding", 2: "2 findings", 1000: "1000 findings"} {
		if got := plain.Count(n, "finding"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}
