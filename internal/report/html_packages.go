package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

type packageView struct {
	Name, Version, Type, Licences, Platforms string
	licences                                 []string
	Findings                                 int
	Worst                                    finding.Severity
}

type licenceView struct {
	Name     string
	Count    int
	Examples string
}

// located is a package and, of an index, the platforms that it is in.
type located struct {
	catalog.Package
	platforms []string
}

// packagesOf returns the packages of an image, or of all images of an index.
func packagesOf(r pipeline.Result) []located {
	var out []located
	if len(r.Platforms) == 0 {
		for _, p := range r.Packages {
			out = append(out, located{Package: p})
		}
		return out
	}
	at := map[string]int{}
	for _, platform := range r.Platforms {
		for _, p := range platform.Packages {
			key := strings.Join([]string{p.Name, p.Version, p.Type, p.PURL}, "\x00")
			i, ok := at[key]
			if !ok {
				i = len(out)
				at[key] = i
				out = append(out, located{Package: p})
			}
			out[i].platforms = append(out[i].platforms, platform.Platform)
		}
	}
	slices.SortStableFunc(out, func(a, b located) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func packageViews(r pipeline.Result) []packageView {
	type key struct{ name, version, kind string }
	found := map[key]int{}
	worst := map[key]finding.Severity{}
	if r.Scan != nil {
		for _, f := range r.Scan.Findings {
			if f.Effective() {
				k := key{f.Package.Name, f.Package.Version, f.Package.Type}
				found[k]++
				worst[k] = max(worst[k], f.Severity)
			}
		}
	}
	var out []packageView
	for _, p := range packagesOf(r) {
		k := key{p.Name, p.Version, p.Type}
		out = append(out, packageView{
			Name: p.Name, Version: p.Version, Type: p.Type, Licences: cmp.Or(strings.Join(p.Licences, ", "), "not stated"),
			Platforms: strings.Join(p.platforms, ", "), licences: p.Licences, Findings: found[k], Worst: worst[k],
		})
	}
	return out
}

// licenceViews counts packages by licence, the most frequent first.
func licenceViews(packages []packageView) []licenceView {
	const examples = 5
	names := map[string][]string{}
	for _, p := range packages {
		licences := p.licences
		if len(licences) == 0 {
			licences = []string{"not stated"}
		}
		for _, l := range licences {
			names[l] = append(names[l], p.Name)
		}
	}
	var out []licenceView
	for name, holders := range names {
		count := len(holders)
		holders = slices.Compact(holders) // of a name that is there in several versions
		shown := strings.Join(holders[:min(examples, len(holders))], ", ")
		if more := len(holders) - examples; more > 0 {
			shown += fmt.Sprintf(" and %d more", more)
		}
		out = append(out, licenceView{Name: name, Count: count, Examples: shown})
	}
	slices.SortFunc(out, func(a, b licenceView) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return out
}
