package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Bounds of what one result says. Policies, package names and predicates are
// written by others.
const (
	maxReasons      = 100
	maxReasonLength = 1000 // bytes
)

// Reason is one thing that led to an outcome: a violation, a warning, or why
// nothing could be decided. Every text in it is one bounded, printable line.
type Reason struct {
	Message  string `json:"message"`
	ID       string `json:"id,omitempty"`       // of the rule that is broken, as its policy names it
	Severity string `json:"severity,omitempty"` // as its policy says it
	Resource string `json:"resource,omitempty"` // what it is about: a package, a file, a person
	Fix      string `json:"fix,omitempty"`      // what to do
}

// String returns the reason as one sentence: the resource before the message, and
// the fix behind it.
func (r Reason) String() string {
	text := r.Message
	if r.Resource != "" && !strings.Contains(text, r.Resource) {
		text = r.Resource + ": " + text
	}
	if r.Fix != "" {
		text += " (fix: " + r.Fix + ")"
	}
	return text
}

// cleaned returns the reason with every text made safe to print.
func (r Reason) cleaned() Reason {
	return Reason{Message: clean(r.Message), ID: clean(r.ID), Severity: clean(r.Severity), Resource: clean(r.Resource), Fix: clean(r.Fix)}
}

// reasons collects distinct reasons up to a limit and counts the rest.
type reasons struct {
	limit int // 0: maxReasons
	kept  []Reason
	more  int
}

// because returns the collection of a single sentence.
func because(format string, args ...any) reasons {
	var r reasons
	r.add(fmt.Sprintf(format, args...))
	return r
}

// add takes one more sentence.
func (r *reasons) add(sentence string) { r.take(Reason{Message: sentence}) }

// take takes one more reason, made safe to print. One that is already there is
// not taken twice.
func (r *reasons) take(reason Reason) {
	limit := r.limit
	if limit == 0 {
		limit = maxReasons
	}
	reason = reason.cleaned()
	switch {
	case slices.Contains(r.kept, reason):
	case len(r.kept) >= limit:
		r.more++
	default:
		r.kept = append(r.kept, reason)
	}
}

// addAll takes the reasons of another collection, and its count.
func (r *reasons) addAll(other reasons) {
	for _, reason := range other.kept {
		r.take(reason)
	}
	r.more += other.more
}

// addSentences takes several.
func (r *reasons) addSentences(all ...string) {
	for _, sentence := range all {
		r.add(sentence)
	}
}

// about says which platform's image the reasons are about.
func (r *reasons) about(platform string) {
	for i := range r.kept {
		r.kept[i].Message = clean(platform + ": " + r.kept[i].Message)
	}
}

// end adds a sentence that comes after all others, also after the number of
// those that are left out.
func (r *reasons) end(sentence string) {
	r.kept, r.more = append(r.list(), Reason{Message: clean(sentence)}), 0
}

// some reports whether there is any reason, also one that was only counted.
func (r *reasons) some() bool { return len(r.kept)+r.more > 0 }

// list returns the reasons, and how many are left out.
func (r *reasons) list() []Reason {
	if r.more == 0 {
		return r.kept
	}
	return append(slices.Clone(r.kept), Reason{Message: fmt.Sprintf("and %d more", r.more)})
}

// clean makes one bounded, printable line of any text.
func clean(text string) string { return plain.Line(text, maxReasonLength) }

// messages returns what reasons say, without what stands beside it.
func messages(all []Reason) []string {
	var out []string
	for _, r := range all {
		out = append(out, r.Message)
	}
	return out
}
