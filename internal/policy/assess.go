package policy

import (
	"cmp"
	"encoding/json"
	"slices"
)

// Status is what is known of a control.
type Status int

// The statuses. The zero value is NotAssessed: what nobody checked is not met.
const (
	NotAssessed Status = iota // nothing checked it, or what did could not decide
	Met                       // everything that checks it passed
	NotMet                    // something that checks it denies
)

// String returns met, not met or not assessed.
func (s Status) String() string {
	switch s {
	case Met:
		return "met"
	case NotMet:
		return "not met"
	case NotAssessed:
	}
	return "not assessed"
}

// MarshalJSON encodes the status by its name.
func (s Status) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// Assessment is what a verdict says about a framework.
type Assessment struct {
	Framework string            `json:"framework"`
	Title     string            `json:"title,omitempty"`   // absent: a framework of the policies' own
	Version   string            `json:"version,omitempty"` // of the framework
	URL       string            `json:"url,omitempty"`
	Controls  []AssessedControl `json:"controls"`
}

// AssessedControl is what a verdict says about a control.
type AssessedControl struct {
	ID     string       `json:"control"`
	Title  string       `json:"title,omitempty"`
	Status Status       `json:"status"`
	By     []AssessedBy `json:"by,omitempty"` // none: nothing checked it
}

// AssessedBy is a policy that claims to check a control, and what it came to.
type AssessedBy struct {
	Policy   string  `json:"policy"`
	Platform string  `json:"platform,omitempty"` // of an index, whose image it is about
	Outcome  Outcome `json:"verdict"`
	Waived   int     `json:"waived,omitempty"` // violations that a waiver takes back
}

// Count returns how many of the framework's controls have a status.
func (a Assessment) Count(s Status) int {
	n := 0
	for _, c := range a.Controls {
		if c.Status == s {
			n++
		}
	}
	return n
}

// Assess says, for each framework of which a policy claims a control, which of its
// controls are met: in the order of the map, then the frameworks that it does not
// know.
//
// A control is met only if a policy claims it and all that do passed. It is not
// met as soon as one denies. One that could not decide leaves it not assessed, as
// no policy at all does. Who claims a framework as a whole claims no control.
func Assess(v Verdict, known Controls) []Assessment {
	by := map[Control][]AssessedBy{}
	for _, r := range v.Results {
		for _, c := range r.Controls {
			if c.ID != "" {
				by[c] = append(by[c], AssessedBy{Policy: r.Name, Platform: r.Platform, Outcome: r.Outcome, Waived: len(r.Waived)})
			}
		}
	}
	frameworks := known.Frameworks()
	for _, c := range sortedControls(by) {
		frameworks = withControl(frameworks, c)
	}
	var out []Assessment
	for _, f := range frameworks {
		a := Assessment{Framework: f.Name, Title: f.Title, Version: f.Version, URL: f.URL}
		claimed := false
		for _, d := range f.Controls {
			who := by[Control{Framework: f.Name, ID: d.ID}]
			claimed = claimed || len(who) > 0
			a.Controls = append(a.Controls, AssessedControl{ID: d.ID, Title: d.Title, Status: statusOf(who), By: who})
		}
		if claimed {
			out = append(out, a)
		}
	}
	return out
}

// withControl adds a control that the map does not have, as that of a framework of
// the policies' own.
func withControl(frameworks []Framework, c Control) []Framework {
	i := slices.IndexFunc(frameworks, func(f Framework) bool { return f.Name == c.Framework })
	if i < 0 {
		return append(frameworks, Framework{Name: c.Framework, Controls: []FrameworkDemand{{ID: c.ID}}})
	}
	if !slices.ContainsFunc(frameworks[i].Controls, func(d FrameworkDemand) bool { return d.ID == c.ID }) {
		frameworks[i].Controls = append(slices.Clone(frameworks[i].Controls), FrameworkDemand{ID: c.ID})
	}
	return frameworks
}

func sortedControls(by map[Control][]AssessedBy) []Control {
	var all []Control
	for c := range by {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Control) int { return cmp.Or(cmp.Compare(a.Framework, b.Framework), cmp.Compare(a.ID, b.ID)) })
	return all
}

func statusOf(by []AssessedBy) Status {
	status := NotAssessed
	for i, b := range by {
		switch {
		case b.Outcome == Deny:
			return NotMet
		case b.Outcome != Pass:
			status = NotAssessed
		case i == 0:
			status = Met
		}
	}
	return status
}
