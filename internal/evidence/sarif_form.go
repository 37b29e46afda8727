package evidence

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// The parts of SARIF 2.1.0 that are read
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).
type (
	sarifLog struct {
		Version string
		Runs    []json.RawMessage
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver
		}
		Invocations                    []sarifInvocation
		Results                        []sarifResult
		ExternalPropertyFileReferences struct{ Results []json.RawMessage }
	}
	sarifDriver struct {
		Name, Version, SemanticVersion, InformationURI string
		Rules                                          []sarifRule
	}
	sarifRule struct {
		ID, Name             string
		ShortDescription     struct{ Text string }
		DefaultConfiguration struct{ Level string }
		Properties           struct {
			Score json.RawMessage `json:"security-severity"`
			PURLs json.RawMessage
		}
	}
	sarifInvocation struct {
		EndTimeUTC                     string
		ExecutionSuccessful            *bool
		ExitSignalName                 string
		ProcessStartFailureMessage     string
		ToolExecutionNotifications     []sarifNotification
		ToolConfigurationNotifications []sarifNotification
	}
	sarifNotification struct {
		Level     string
		Message   struct{ Text, Markdown, ID string }
		Locations []sarifLocation
	}
	sarifResult struct {
		RuleID        string
		RuleIndex     *int
		Rule          struct{ ID string }
		Level, Kind   string
		Message       struct{ Text string }
		BaselineState string
		Suppressions  []struct{ Status string }
		Locations     []sarifLocation
	}
	sarifLocation struct {
		LogicalLocations []struct{ Name, FullyQualifiedName string }
		PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
	}
)

// looked returns an error if the tool failed, or if the run does not hold its results:
// an absent or null list says that none were computed (section 3.14.23), an empty
// one that nothing was found.
func (r sarifRun) looked() error {
	name := plain.Line(r.Tool.Driver.Name, maxQuoted)
	for _, i := range r.Invocations {
		failed := i.ExecutionSuccessful != nil && !*i.ExecutionSuccessful
		if failed || i.ExitSignalName != "" || i.ProcessStartFailureMessage != "" {
			return fault.WithHint(fault.Undecidedf("%s says that it failed (invocations)", name), "let it run to its end")
		}
	}
	switch {
	case len(r.ExternalPropertyFileReferences.Results) > 0:
		return fault.Undecidedf("the results of %s are in another file", name)
	case r.Results == nil:
		return fault.WithHint(fault.Undecidedf("the run of %s has no results, not even an empty list: it looked for none", name),
			"let it run to its end")
	}
	return nil
}

// gaps returns what the tool says it could not look at: its notifications of errors.
func (r sarifRun) gaps() []finding.Gap {
	var gaps []finding.Gap
	for _, i := range r.Invocations {
		for _, n := range slices.Concat(i.ToolExecutionNotifications, i.ToolConfigurationNotifications) {
			if n.Level == "error" {
				gaps = append(gaps, finding.Gap{
					What: cmp.Or(placeOf(n.Locations), r.Tool.Driver.Name),
					Why:  cmp.Or(n.Message.Text, n.Message.Markdown, n.Message.ID, "an error that it does not explain"),
				})
			}
		}
	}
	return harmlessGaps(gaps)
}

// meaning is what a result says.
type meaning int

const (
	isFailure   meaning = iota // of a rule
	isUndecided                // the tool leaves it to somebody else, or says what nobody knows
	isNothing                  // no failure, or one that is gone
)

// meaning returns what a result says, by its kind (section 3.27.9) and by whether it
// is still there (3.27.24).
func (r sarifResult) meaning() meaning {
	if r.BaselineState == "absent" {
		return isNothing
	}
	switch r.Kind {
	case "", "fail":
		return isFailure
	case "pass", "notApplicable", "informational":
		return isNothing
	}
	return isUndecided
}

// suppressed reports whether somebody took a result back, and nobody that.
func (r sarifResult) suppressed() bool {
	accepted := func(status string) bool { return status == "" || status == "accepted" }
	all := len(r.Suppressions) > 0
	for _, s := range r.Suppressions {
		all = all && accepted(s.Status)
	}
	return all
}

// place returns what a result names as its location, the last one of several.
func (r sarifResult) place() string { return placeOf(r.Locations) }

func placeOf(locations []sarifLocation) string {
	place := ""
	for _, l := range locations {
		place = l.PhysicalLocation.ArtifactLocation.URI
		for _, logical := range l.LogicalLocations {
			place = cmp.Or(logical.FullyQualifiedName, logical.Name, place)
		}
	}
	return place
}

// ruleOf returns the rule of a result and its level: its own, else that of the
// rule, else warning. A result that is no failure has none.
func (d sarifDriver) ruleOf(result sarifResult) (rule sarifRule, level string) {
	rule, level = sarifRule{ID: cmp.Or(result.RuleID, result.Rule.ID)}, result.Level
	i := -1
	if result.RuleIndex != nil && *result.RuleIndex < len(d.Rules) {
		i = *result.RuleIndex
	}
	if i < 0 {
		i = slices.IndexFunc(d.Rules, func(one sarifRule) bool { return one.ID == rule.ID })
	}
	if i >= 0 {
		id := cmp.Or(rule.ID, d.Rules[i].ID)
		rule, level = d.Rules[i], cmp.Or(level, d.Rules[i].DefaultConfiguration.Level)
		rule.ID = id
	}
	if result.meaning() == isNothing {
		return rule, "none"
	}
	switch level {
	case "error", "note", "none":
		return rule, level
	}
	return rule, "warning"
}

// purls returns the package URLs that grype gives a rule.
func (r sarifRule) purls() []string {
	var purls []string
	_ = json.Unmarshal(r.Properties.PURLs, &purls) // others may keep something else there
	return purls
}

// score returns the rule's score as GitHub reads it, a text or a number.
func (r sarifRule) score() string { return strings.Trim(string(r.Properties.Score), `" `) }
