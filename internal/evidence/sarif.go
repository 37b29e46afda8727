package evidence

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// undecided stands for a level in the counts of rules.
const undecided = "undecided"

const (
	maxSARIF   = 32 << 20 // bytes of all files together
	maxCounted = 10_000   // rules in the summary
)

type (
	sarifSummary struct {
		Files      []descriptor   `json:"files"`
		Levels     map[string]int `json:"levels"` // error, warning, note, none: results that count
		Suppressed int            `json:"suppressed"`
		Undecided  int            `json:"undecided"`        // results that the tool leaves to somebody else: review, open
		Unread     []finding.Gap  `json:"unread,omitempty"` // what a tool says it could not look at
		Rules      []ruleCount    `json:"rules"`
	}
	ruleCount struct {
		Tool  string `json:"tool"`
		Rule  string `json:"rule"`
		Level string `json:"level"`
		Count int    `json:"count"`
	}
)

// SARIF returns reports of static analysis as one predicate, a SARIF log that holds
// the runs of all of them. Its property bag has how often each rule was broken, so
// that a policy need not know SARIF. A run of a tool that failed, or without results,
// is undecided.
func SARIF(files []Brought) (attest.Predicate, error) {
	summary := sarifSummary{Files: []descriptor{}, Levels: map[string]int{"error": 0, "warning": 0, "note": 0, "none": 0}}
	counts := map[ruleCount]int{}
	runs, size := []json.RawMessage{}, 0
	for _, f := range files {
		if size += len(f.Content); size > maxSARIF {
			return attest.Predicate{}, fmt.Errorf("reading the SARIF file %s: with it there are more than %d bytes, the limit (32 MiB)", f.Path, maxSARIF)
		}
		found, err := summary.take(f, counts)
		if err != nil {
			failure := fmt.Errorf("reading the SARIF file %s: %w", f.Path, err)
			return attest.Predicate{}, fault.WithHint(failure, "%s", fault.HintOf(err))
		}
		runs = append(runs, found...)
	}
	summary.Rules = sorted(counts)
	body, err := json.Marshal(map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": runs,
		"properties": map[string]any{"hallmark": summary},
	})
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the SARIF files: %w", err)
	}
	return attest.Predicate{Type: attest.TypeSARIF, Body: body}, nil
}

// take reads one file and counts its results.
func (s *sarifSummary) take(f Brought, counts map[ruleCount]int) ([]json.RawMessage, error) {
	var log sarifLog
	if err := json.Unmarshal(bytes.TrimPrefix(f.Content, []byte("\ufeff")), &log); err != nil {
		return nil, fmt.Errorf("it is no SARIF: %s", plain.Line(err.Error(), maxQuoted))
	}
	switch {
	case log.Version != "2.1.0":
		return nil, fmt.Errorf("version is %q: it must be 2.1.0", plain.Line(log.Version, maxQuoted))
	case len(log.Runs) == 0:
		return nil, errors.New("runs is missing")
	}
	for i, raw := range log.Runs {
		var r sarifRun
		if err := json.Unmarshal(raw, &r); err != nil {
			return nil, fmt.Errorf("runs[%d]: %s", i, plain.Line(err.Error(), maxQuoted))
		}
		if r.Tool.Driver.Name == "" {
			return nil, fmt.Errorf("runs[%d].tool.driver.name is missing", i)
		}
		if err := r.looked(); err != nil {
			return nil, err
		}
		s.Unread = append(s.Unread, r.gaps()...)
		s.count(r, counts)
	}
	if len(counts) > maxCounted {
		return nil, fmt.Errorf("with it results are of more than %d rules, the limit", maxCounted)
	}
	sum := sha256.Sum256(f.Content)
	s.Files = append(s.Files, descriptor{Name: plain.Line(f.Path, maxTest), Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}})
	return log.Runs, nil
}

func (s *sarifSummary) count(r sarifRun, counts map[ruleCount]int) {
	for _, result := range r.Results {
		rule, level := r.Tool.Driver.ruleOf(result)
		switch {
		case result.suppressed():
			s.Suppressed++
			continue
		case result.meaning() == isUndecided:
			s.Undecided++
			level = undecided
		default:
			s.Levels[level]++
		}
		tool := plain.Line(r.Tool.Driver.Name, maxQuoted)
		counts[ruleCount{Tool: tool, Rule: plain.Line(rule.ID, maxQuoted), Level: level}]++
	}
}

func sorted(counts map[ruleCount]int) []ruleCount {
	all := make([]ruleCount, 0, len(counts))
	for rule, n := range counts {
		rule.Count = n
		all = append(all, rule)
	}
	slices.SortFunc(all, func(a, b ruleCount) int {
		return cmp.Or(cmp.Compare(a.Tool, b.Tool), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Level, b.Level))
	})
	return all
}
