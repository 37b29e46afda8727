// Package terminal tells people and log readers what a command is doing: a line
// that lives while a stage runs on a terminal, one plain line for each stage
// elsewhere, one JSON object for each event where machines read.
package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Mode is how progress is shown.
type Mode int

const (
	// Plain writes one line when a stage ends.
	Plain Mode = iota
	// Live keeps one line that shows the running stage and how long it runs.
	Live
	// JSON writes one object a line.
	JSON
)

const (
	shortStage = 500 * time.Millisecond // shorter ones are not announced as they begin
	tick       = 120 * time.Millisecond // between two frames of the live line
	eraseLine  = "\r\x1b[2K"
)

// Progress writes the stages of a run. It implements the pipeline's interface
// and is safe for use by several goroutines.
type Progress struct {
	mu   sync.Mutex
	out  io.Writer
	mode Mode
}

// NewProgress returns a Progress that writes to out, usually standard error.
func NewProgress(out io.Writer, mode Mode) *Progress {
	return &Progress{out: out, mode: mode}
}

// Stage begins a stage. The returned function ends it, with what came of it or
// the error; an error itself is left for the command to print.
func (p *Progress) Stage(name string) func(outcome string, err error) {
	started := time.Now()
	stop := p.animate(name, started)
	return func(outcome string, err error) {
		stop()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.end(name, outcome, time.Since(started), err)
	}
}

func (p *Progress) end(name, outcome string, took time.Duration, err error) {
	if p.mode == JSON {
		p.event(name, outcome, took, err)
		return
	}
	if err != nil {
		outcome = "failed"
	}
	if p.mode == Live {
		_, _ = io.WriteString(p.out, eraseLine)
	}
	line := fmt.Sprintf("%-8s %s %s", name, outcome, duration(took))
	_, _ = io.WriteString(p.out, strings.TrimRight(line, " ")+"\n")
}

func (p *Progress) event(name, outcome string, took time.Duration, err error) {
	message := struct {
		Time    time.Time `json:"time"`
		Stage   string    `json:"stage"`
		Outcome string    `json:"outcome,omitempty"`
		Seconds float64   `json:"seconds"`
		Error   string    `json:"error,omitempty"`
	}{Time: time.Now().UTC(), Stage: name, Outcome: outcome, Seconds: took.Seconds()}
	if err != nil {
		message.Error = err.Error()
	}
	line, err := json.Marshal(message)
	if err != nil {
		return // strings and numbers always encode
	}
	_, _ = p.out.Write(append(line, '\n'))
}

// animate announces a stage that runs longer than half a second and, on a
// terminal, keeps its line moving. The returned function stops it and waits.
func (p *Progress) animate(name string, started time.Time) (stop func()) {
	if p.mode != Live {
		return func() {}
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for frame := 0; ; frame++ {
			select {
			case <-done:
				return
			case <-ticker.C:
				p.draw(name, time.Since(started), frame)
			}
		}
	}()
	return func() { close(done); <-stopped }
}

func (p *Progress) draw(name string, elapsed time.Duration, frame int) {
	if elapsed < shortStage {
		return
	}
	const frames = `|/-\`
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.out, "%s%-8s %c %s", eraseLine, name, frames[frame%len(frames)], duration(elapsed))
}

// duration returns a duration as it is shown: nothing below half a second.
func duration(d time.Duration) string {
	if d < shortStage {
		return ""
	}
	return fmt.Sprintf("(%.1fs)", d.Seconds())
}
