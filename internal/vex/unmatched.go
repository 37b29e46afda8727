package vex

import (
	"fmt"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Scanned is what was found in an image.
type Scanned struct {
	Image    Image
	Findings []finding.Finding
}

// Bounds of what is said of one document.
const (
	maxUnmatched = 5  // statements that are named
	maxCompared  = 20 // statements whose ids are compared with all that was found
)

// Unmatched returns a sentence for each statement that is about nothing that was found in any of the images, and what
// comes nearest to it. Of a document with many such, it names those that something comes near to, and counts the rest.
func Unmatched(documents []Document, images []Scanned) []string {
	var all []finding.Finding
	for _, img := range images {
		all = append(all, img.Findings...)
	}
	search := finding.NewSearch(all)
	var out []string
	for _, d := range documents {
		out = append(out, d.unmatched(images, search)...)
	}
	return out
}

func (d Document) unmatched(images []Scanned, search *finding.Search) []string {
	matched := make([]bool, len(d.statements))
	for _, img := range images {
		for _, f := range img.Findings {
			s := subjectOf(f, img.Image)
			for _, i := range d.on(f) {
				matched[i] = matched[i] || d.statements[i].about(s) != impossible
			}
		}
	}
	var left []statement
	for i, st := range d.statements {
		if !matched[i] {
			left = append(left, st)
		}
	}
	// what was found in other packages goes first: something comes near to it for certain
	slices.SortStableFunc(left, func(a, b statement) int { return before(search.Has(a.ids...), search.Has(b.ids...)) })
	var near, far []string
	for i, st := range left[:min(len(left), maxCompared)] {
		sentence := fmt.Sprintf("%s: the statement on %s about %s matched nothing", d.name, st.name(), st.product())
		if candidate := search.Near(st.ids...); candidate != "" {
			near = append(near, sentence+": "+candidate)
		} else if i < maxUnmatched {
			far = append(far, sentence)
		}
	}
	said := slices.Concat(near, far)
	said = said[:min(len(said), maxUnmatched)]
	for i := range said {
		said[i] = plain.Line(said[i], maxText)
	}
	if more := len(left) - len(said); more > 0 {
		rest := plain.Count(more, "more statement")
		said = append(said, fmt.Sprintf("%s: %s matched nothing", plain.Line(d.name, maxText), rest))
	}
	return said
}

// before orders what is true before what is not.
func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (st statement) name() string {
	if len(st.ids) == 0 {
		return "no vulnerability"
	}
	return st.ids[0]
}

func (st statement) product() string {
	if len(st.targets) == 0 {
		return "no product of the document"
	}
	return st.targets[0].text()
}
