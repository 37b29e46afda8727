package policy

import (
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Bounds of what one result says. Policies, package names and predicates are
// written by others.
const (
	maxReasons      = 100
	maxReasonLength = 1000 // bytes
)

// reasons collects distinct sentences up to a limit and counts the rest.
type reasons struct {
	limit int // 0: maxReasons
	kept  []string
	more  int
}

// because returns the collection of a single sentence.
func because(format string, args ...any) reasons {
	var r reasons
	r.add(fmt.Sprintf(format, args...))
	return r
}

// add takes one more sentence, made safe to print. A sentence that is already
// there is not taken twice.
func (r *reasons) add(sentence string) {
	limit := r.limit
	if limit == 0 {
		limit = maxReasons
	}
	sentence = clean(sentence)
	switch {
	case slices.Contains(r.kept, sentence):
	case len(r.kept) >= limit:
		r.more++
	default:
		r.kept = append(r.kept, sentence)
	}
}

// addAll takes the sentences of another collection, and its count.
func (r *reasons) addAll(other reasons) {
	for _, sentence := range other.kept {
		r.add(sentence)
	}
	r.more += other.more
}

// end adds a sentence that comes after all others, also after the number of
// those that are left out.
func (r *reasons) end(sentence string) {
	r.kept, r.more = append(r.list(), clean(sentence)), 0
}

// list returns the sentences, and how many are left out.
func (r *reasons) list() []string {
	if r.more == 0 {
		return r.kept
	}
	return append(slices.Clone(r.kept), fmt.Sprintf("and %d more", r.more))
}

// clean makes one bounded, printable line of any text.
func clean(text string) string { return plain.Line(text, maxReasonLength) }
