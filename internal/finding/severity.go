// Package finding holds what a vulnerability scan says: findings, their
// severities and counts, and the summary that is attested as a predicate and
// read back by the gate. It is vocabulary only: no I/O, no scanner.
package finding

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Severity is how bad a finding is, ordered: a larger value is worse. Unknown
// is the zero value and below all others, since nothing was said.
type Severity int

// The severities, in the words of the advisory databases.
const (
	Unknown Severity = iota
	Negligible
	Low
	Medium
	High
	Critical
)

// Severities returns every severity, the worst first.
func Severities() []Severity {
	return []Severity{Critical, High, Medium, Low, Negligible, Unknown}
}

// String returns the severity in lower case, as it is written everywhere.
func (s Severity) String() string {
	names := [...]string{"unknown", "negligible", "low", "medium", "high", "critical"}
	if s < Unknown || int(s) >= len(names) {
		return names[Unknown]
	}
	return names[s]
}

// MarshalJSON encodes the severity by its name.
func (s Severity) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON decodes a severity's name and refuses a word that is none.
func (s *Severity) UnmarshalJSON(data []byte) error {
	var word string
	if err := json.Unmarshal(data, &word); err != nil {
		return fmt.Errorf("decoding a severity: %w", err)
	}
	i := slices.IndexFunc(Severities(), func(k Severity) bool { return k.String() == word })
	if i < 0 {
		return fmt.Errorf("decoding a severity: %q is none", word)
	}
	*s = Severities()[i]
	return nil
}

// FromDatabase maps a database's word, in any case, to a severity; an empty one
// says that it is Unknown. It reports false for a word that is none: something
// was said that was not understood, which must not count as harmless.
func FromDatabase(word string) (Severity, bool) {
	for _, s := range Severities() {
		if strings.EqualFold(s.String(), word) {
			return s, true
		}
	}
	return Unknown, word == ""
}

// Cutoff is the severity at or above which a finding denies. The zero value
// denies nothing.
type Cutoff struct{ at Severity }

// ParseCutoff reads the input severity-cutoff: none, negligible, low, medium,
// high or critical, in any case. Any other word, also none at all, is an error of
// kind fault.Usage.
func ParseCutoff(word string) (Cutoff, error) {
	s, _ := FromDatabase(word)
	switch {
	case strings.EqualFold(word, "none"):
		return Cutoff{}, nil
	case s == Unknown:
		return Cutoff{}, fault.WithHint(fault.Usagef("severity-cutoff %q is not a severity", word),
			"use none, negligible, low, medium, high or critical")
	default:
		return Cutoff{at: s}, nil
	}
}

// Set reports whether the cutoff denies anything at all.
func (c Cutoff) Set() bool { return c.at != Unknown }

// Reached reports whether s is at or above the cutoff.
func (c Cutoff) Reached(s Severity) bool { return c.Set() && s >= c.at }

// String returns the cutoff as the input takes it.
func (c Cutoff) String() string {
	if !c.Set() {
		return "none"
	}
	return c.at.String()
}
