package policy

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// maxStrays is how much abandoned work may still run before no more is begun: each
	// keeps a processor busy.
	maxStrays = 4

	// grace is how long work is waited for after its end was asked for. OPA looks at that
	// between expressions; the compiler and some built-in functions never do.
	grace = time.Second
)

// strays counts what was abandoned and still runs. Policies that were compiled together
// share one.
type strays struct{ running atomic.Int32 }

// errStuck is returned for what did not end when it was to.
var errStuck = errors.New("it did not end when it was to")

// attempt returns what work comes to. If that has not ended a moment after ctx or the
// limit, it is left to itself, and errStuck returned: what it uses, it may still be
// using. A panic is an error.
func attempt[T any](ctx context.Context, s *strays, work func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	var none T
	if n := s.running.Load(); n >= maxStrays {
		return none, fmt.Errorf("it was not begun: %d policies before it were abandoned and still run", n)
	}
	done := make(chan outcome, 1)
	go func() {
		var out outcome
		defer func() {
			if p := recover(); p != nil {
				out = outcome{err: fmt.Errorf("it panicked: %v", p)}
			}
			done <- out
		}()
		out.value, out.err = work()
	}()
	select {
	case out := <-done:
		return out.value, out.err
	case <-ctx.Done():
	}
	select {
	case out := <-done:
		return out.value, out.err
	case <-time.After(grace):
	}
	s.running.Add(1)
	go func() {
		<-done
		s.running.Add(-1)
	}()
	return none, errStuck
}
