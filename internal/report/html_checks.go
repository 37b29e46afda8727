package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// checkView is a check, which is open unless it passed.
type checkView struct {
	Open                                             bool
	Class, Glyph, Outcome, Title, Aside, Description string
	Reasons, Warnings                                []policy.Reason
	Waived                                           int
	Meta                                             []fact
}

// frameworkView is a framework with the controls of it that checks claim.
type frameworkView struct {
	Name, Tally string
	Controls    []controlView
}

type controlView struct {
	ID, Class, Glyph, Status string
	By, Why                  []string
}

func checkViews(r pipeline.Result) []checkView {
	var out []checkView
	for _, c := range objectionsFirst(r.Verdict.Results) {
		v := checkView{
			Open: c.Outcome != policy.Pass, Class: c.Outcome.String(), Glyph: glyph(c.Outcome), Outcome: c.Outcome.String(),
			Title: cmp.Or(c.Title, c.Name), Description: c.Description, Reasons: mapped(c.Reasons, unrepeated), Warnings: mapped(c.Warnings, unrepeated), Waived: len(c.Waived),
			Meta: checkFacts(c),
		}
		var aside []string
		if c.Title != "" && c.Title != c.Name {
			aside = append(aside, c.Name)
		}
		if c.Platform != "" {
			aside = append(aside, c.Platform)
		}
		if n := len(c.Warnings); n > 0 {
			aside = append(aside, plain.Count(n, "warning"))
		}
		v.Aside = strings.Join(aside, ", ")
		out = append(out, v)
	}
	return out
}

// unrepeated returns the reason without what its message says, too.
func unrepeated(r policy.Reason) policy.Reason {
	if strings.Contains(r.Message, r.Resource) {
		r.Resource = ""
	}
	if strings.Contains(r.Message, r.ID) {
		r.ID = ""
	}
	return r
}

func checkFacts(c policy.Result) []fact {
	var out []fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, fact{name, value})
		}
	}
	add("Dialect", string(c.Dialect))
	add("Severity", c.Severity)
	if c.PredicateType != "" {
		add("About attestations of type", attest.ShortType(c.PredicateType))
	}
	if c.Considered > 0 {
		add("Attestations looked at", fmt.Sprint(c.Considered))
	}
	var controls []string
	for _, k := range c.Controls {
		controls = append(controls, k.Framework+" "+k.ID)
	}
	add("Controls", strings.Join(controls, ", "))
	add("Digest of the policy", c.Digest)
	return out
}

func frameworkViews(r pipeline.Result) []frameworkView {
	var out []frameworkView
	counts := map[string]map[string]int{}
	for _, k := range controlsOf(r.Verdict.Results) {
		if len(out) == 0 || out[len(out)-1].Name != k.Framework {
			out = append(out, frameworkView{Name: k.Framework})
			counts[k.Framework] = map[string]int{}
		}
		o := map[string]policy.Outcome{met: policy.Pass, notMet: policy.Deny}[k.Status]
		f := &out[len(out)-1]
		f.Controls = append(f.Controls, controlView{k.ID, o.String(), glyph(o), k.Status, k.By, k.Why})
		counts[k.Framework][k.Status]++
	}
	for i := range out {
		var parts []string
		for _, status := range []string{notMet, notAssessed, met} {
			if n := counts[out[i].Name][status]; n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n, status))
			}
		}
		out[i].Tally = strings.Join(parts, ", ")
	}
	return out
}
