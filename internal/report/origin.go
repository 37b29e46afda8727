package report

import (
	"slices"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// originLine says where the SBOM came from, in one line; empty: nobody says.
func originLine(r pipeline.Result) string {
	o := r.Origin
	switch o.Kind {
	case attest.Made:
		text := "made here"
		if tools := toolsLine(o.Tools); tools != "" {
			text += " by " + tools
		}
		if r.Reused {
			text += ", attested earlier"
		}
		if !o.ReadAt.IsZero() {
			text += "; image read " + o.ReadAt.UTC().Format(time.DateOnly+" 15:04") + " UTC"
		}
		return text
	case attest.Brought:
		text := "brought, not made here"
		if names := broughtNames(o); len(names) > 0 {
			text += ": " + strings.Join(names, ", ")
		}
		if tools := toolsLine(o.Tools); tools != "" {
			text += ", by " + tools
		}
		return text
	}
	return ""
}

// broughtNames returns the names of what was brought; of an index, for all of its images.
func broughtNames(o attest.Origin) []string {
	var names []string
	for _, in := range o.Inputs {
		all := []string{in.Name}
		if in.Origin != nil {
			all = nil
			if in.Origin.Kind == attest.Brought {
				all = broughtNames(*in.Origin)
			}
		}
		for _, name := range all {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func toolsLine(tools []attest.Tool) string {
	var all []string
	for _, t := range tools {
		all = append(all, strings.TrimSpace(t.Name+" "+t.Version))
	}
	return strings.Join(all, ", ")
}
