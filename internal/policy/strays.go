package policy

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// maxStrays is how many abandoned evaluations may still run before no further one is
	// begun: each keeps a processor busy, or a file open.
	maxStrays = 4

	// grace is how long an evaluation is waited for after its end was asked for. OPA looks
	// at that between expressions, and some built-in functions never do.
	grace = time.Second
)

// strays counts the evaluations that were abandoned and still run. Policies that were
// compiled together share one.
type strays struct{ running atomic.Int32 }

// errStuck is returned for what did not end when it was to.
var errStuck = errors.New("it did not end when it was to")

// full is an error while too many are running.
func (s *strays) full() error {
	if n := s.running.Load(); n >= maxStrays {
		return fmt.Errorf("it was not evaluated: %d evaluations before it were abandoned and still run", n)
	}
	return nil
}

// await returns what work comes to. If that has not ended a moment after ctx, it is
// left to itself, and errStuck returned: what it uses, it may still be using.
func (s *strays) await(ctx context.Context, work func() evaluated) (evaluated, error) {
	done := make(chan evaluated, 1)
	go func() { done <- work() }()
	select {
	case out := <-done:
		return out, nil
	case <-ctx.Done():
	}
	select {
	case out := <-done:
		return out, nil
	case <-time.After(grace):
	}
	s.running.Add(1)
	go func() {
		<-done
		s.running.Add(-1)
	}()
	return evaluated{}, errStuck
}
