package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

func TestKindAndHintSurviveWrapping(t *testing.T) {
	base := fault.WithHint(fault.Usagef("reading %q: %w", "x", io.EOF), "try %s", "again")
	wrapped := fmt.Errorf("outer: %w", base)

	if got := fault.KindOf(wrapped); got != fault.Usage {
		t.Errorf("KindOf = %v, want Usage", got)
	}
	if got := fault.HintOf(wrapped); got != "try again" {
		t.Errorf("HintOf = %q", got)
	}
	if !errors.Is(wrapped, io.EOF) {
		t.Error("the cause was lost")
	}
	if got, want := wrapped.Error(), `outer: reading "x": EOF`; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
}

func TestAnUnmarkedErrorIsAFailure(t *testing.T) {
	if got := fault.KindOf(io.EOF); got != fault.Failed {
		t.Errorf("KindOf = %v, want Failed", got)
	}
	if fault.WithHint(nil, "hint") != nil {
		t.Error("a hint made an error out of none")
	}
}
