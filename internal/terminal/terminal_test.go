package terminal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/terminal"
)

func TestPlain(t *testing.T) {
	var out bytes.Buffer
	p := terminal.NewProgress(&out, terminal.Plain)
	p.Stage("resolve")("", errors.New("no such image"))
	p.Stage("catalog")("12 packages", nil)
	if got, want := out.String(), "resolve  failed\ncatalog  12 packages\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLiveEndsWithTheLinesOfPlain(t *testing.T) {
	var out bytes.Buffer
	p := terminal.NewProgress(&out, terminal.Live)
	p.Stage("resolve")("", errors.New("no such image"))
	p.Stage("catalog")("12 packages", nil)
	const erase = "\r\x1b[2K"
	if got, want := out.String(), erase+"resolve  failed\n"+erase+"catalog  12 packages\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJSONIsOneObjectALine(t *testing.T) {
	var out bytes.Buffer
	p := terminal.NewProgress(&out, terminal.JSON)
	p.Stage("resolve")("", errors.New("no \"such\"\nimage \x1b[31m"))
	p.Stage("catalog")("12 packages", nil)

	lines := strings.SplitAfter(out.String(), "\n")
	if len(lines) != 3 || lines[2] != "" {
		t.Fatalf("got %d lines: %q", len(lines), out.String())
	}
	type event struct {
		Time, Stage, Outcome, Error string
		Seconds                     *float64
	}
	want := []event{
		{Stage: "resolve", Error: "no \"such\"\nimage \x1b[31m"},
		{Stage: "catalog", Outcome: "12 packages"},
	}
	for i, w := range want {
		var got event
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatalf("%q: %v", lines[i], err)
		}
		if got.Stage != w.Stage || got.Outcome != w.Outcome || got.Error != w.Error || got.Time == "" || got.Seconds == nil {
			t.Errorf("got %s, want %+v", lines[i], w)
		}
	}
}

// Stages that run at once do not write into each other's lines.
func TestStagesMayOverlap(t *testing.T) {
	for _, mode := range []terminal.Mode{terminal.Plain, terminal.Live, terminal.JSON} {
		var out bytes.Buffer
		p := terminal.NewProgress(&out, mode)
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { p.Stage("stage")("done", nil) })
		}
		group.Wait()
		if got := strings.Count(out.String(), "\n"); got != 20 {
			t.Errorf("mode %d: %d lines, want 20", mode, got)
		}
		if got := strings.Count(out.String(), "done"); got != 20 {
			t.Errorf("mode %d: %d outcomes, want 20", mode, got)
		}
	}
}
