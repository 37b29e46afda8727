package report

import (
	"cmp"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// sarifChecks returns the run of the checks: a rule for each thing that a check
// objects to, and a result for each time it does. The severity cutoff objects to
// findings, which are results of their own already; here it is one.
func sarifChecks(r pipeline.Result) sarifRun {
	b := newSARIF(r, "policies")
	for _, c := range r.Verdict.Results {
		switch {
		case c.Name == policy.SeverityCutoff && c.Outcome == policy.Deny:
			b.check(c, policy.Reason{Message: c.Title + ": not so"}, "error", nil)
		case c.Outcome != policy.Pass:
			for _, reason := range c.Reasons {
				b.check(c, reason, checkLevel(c, reason), nil)
			}
		}
		for _, w := range c.Warnings {
			b.check(c, w, "note", nil)
		}
		for _, w := range c.Waived {
			b.check(c, w.Reason, checkLevel(c, w.Reason), suppressions(&finding.Suppression{
				Source: "waiver", Reason: w.Why, By: w.By, Until: &w.Until, Document: w.Document,
			}))
		}
	}
	return b.done(fileVerdict)
}

// check adds what a check says, as a result of the rule that it names.
func (b *sarifBuilder) check(c policy.Result, reason policy.Reason, level string, suppressed []sarifSuppression) {
	if b.full() {
		return
	}
	id := c.Name
	if reason.ID != "" && reason.ID != c.Name {
		id += "/" + reason.ID
	}
	index := b.rule(id, func() sarifRule { return checkRule(id, c, reason) })
	text := reason.String()
	if c.Platform != "" {
		text = c.Platform + ": " + text
	}
	name := cmp.Or(reason.Resource, c.Name)
	b.add(sarifResult{
		RuleID: id, RuleIndex: index, Level: level, Message: sarifText{Text: text + " (" + pinned(b.result) + ")"}, Suppressions: suppressed,
		Properties: map[string]any{"verdict": c.Outcome.String(), "resource": reason.Resource, "fix": reason.Fix},
	}, sarifLogical{Name: name, FullyQualifiedName: name, Kind: "resource"}, id, c.Platform, reason.Resource)
}

func checkRule(id string, c policy.Result, reason policy.Reason) sarifRule {
	title := cmp.Or(c.Title, c.Name)
	about := cmp.Or(c.Description, title)
	help, markdown := about, cell(about)
	if reason.Fix != "" {
		help += "\nFix: " + reason.Fix
		markdown += "\n\nFix: " + cell(reason.Fix)
	}
	tags := []string{"policy", "supply-chain"}
	for _, k := range c.Controls {
		help += "\nControl: " + k.Framework + " " + k.ID
		markdown += "\n\nControl: " + cell(k.Framework+" "+k.ID)
		if len(tags) < 10 { // code scanning shows no more
			tags = append(tags, k.Framework+" "+k.ID)
		}
	}
	return sarifRule{
		ID: id, Name: "Policy", ShortDescription: sarifText{Text: title}, FullDescription: sarifText{Text: about},
		Help: sarifText{Text: help, Markdown: markdown}, DefaultConfiguration: sarifLevel{checkLevel(c, reason)},
		Properties: map[string]any{"tags": tags, "precision": "very-high"},
	}
}

// checkLevel is the level of an objection, by the severity that its policy gives.
func checkLevel(c policy.Result, reason policy.Reason) string {
	switch strings.ToLower(cmp.Or(reason.Severity, c.Severity)) {
	case "medium", "moderate", "warning":
		return "warning"
	case "low", "negligible", "info", "note":
		return "note"
	}
	if c.Outcome == policy.Undecided {
		return "warning"
	}
	return "error"
}
