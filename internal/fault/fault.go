// Package fault gives every failure of Hallmark its kind and, where one is
// known, a hint: the next thing to do.
//
// An error says in one sentence what failed and on what. Whether the job could
// not be done, was asked for wrongly, or could not be decided is a property of
// the error, so that one switch in the command line turns it into an exit code
// and nothing in between has to guess from words.
package fault

import (
	"errors"
	"fmt"
)

// Kind tells the three ways apart in which a command can end without a verdict.
type Kind int

const (
	// Failed is the kind of every error that does not say otherwise: the job
	// could not be done.
	Failed Kind = iota
	// Usage means that the command was asked for wrongly.
	Usage
	// Undecided means that evidence is missing, stale or unverifiable, or that
	// a policy could not be evaluated. It is never a pass.
	Undecided
)

// Usagef returns an error of kind Usage. The format is that of fmt.Errorf.
func Usagef(format string, args ...any) error {
	return &kindError{kind: Usage, err: fmt.Errorf(format, args...)}
}

// Undecidedf returns an error of kind Undecided. The format is that of
// fmt.Errorf.
func Undecidedf(format string, args ...any) error {
	return &kindError{kind: Undecided, err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the outermost error in err's chain that has one,
// and Failed for every other error.
func KindOf(err error) Kind {
	var k *kindError
	if errors.As(err, &k) {
		return k.kind
	}
	return Failed
}

// WithHint returns err with a hint beside it, which the command line prints on
// the line after the error. It returns nil for a nil err.
func WithHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hintError{err: err, hint: fmt.Sprintf(format, args...)}
}

// HintOf returns the outermost hint in err's chain, or the empty string.
func HintOf(err error) string {
	var h *hintError
	if errors.As(err, &h) {
		return h.hint
	}
	return ""
}

type kindError struct {
	kind Kind
	err  error
}

func (e *kindError) Error() string { return e.err.Error() }
func (e *kindError) Unwrap() error { return e.err }

type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
