package finding

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Search answers what comes near to something that was not found.
type Search struct {
	byID map[string][]Finding // by id and alias, in lower case
	ids  []string             // sorted, as they are written
}

// NewSearch returns a search among findings.
func NewSearch(findings []Finding) *Search {
	s := &Search{byID: map[string][]Finding{}}
	written := map[string]bool{}
	for _, f := range findings {
		for _, id := range append([]string{f.ID}, f.Aliases...) {
			s.byID[strings.ToLower(id)] = append(s.byID[strings.ToLower(id)], f)
			written[id] = true
		}
	}
	s.ids = slices.Sorted(maps.Keys(written))
	return s
}

// Has reports whether a vulnerability was found, in whatever package.
func (s *Search) Has(ids ...string) bool {
	return slices.ContainsFunc(ids, func(id string) bool { return len(s.byID[strings.ToLower(id)]) > 0 })
}

// Near says what comes nearest to a vulnerability: the same in other packages, or one whose id differs in two letters
// at most. It is empty if nothing comes near. The time that it takes is that of comparing with every id.
func (s *Search) Near(ids ...string) string {
	for _, id := range ids {
		if same := s.byID[strings.ToLower(id)]; len(same) > 0 {
			return fmt.Sprintf("%s was found in %s", id, packages(same))
		}
	}
	const typos, longest = 2, 100
	best, least := "", typos+1
	for _, id := range ids {
		for _, other := range s.ids {
			if len(id) > longest || len(other) > longest {
				continue
			}
			if d := levenshtein.ComputeDistance(strings.ToLower(id), strings.ToLower(other)); d < least {
				best, least = other, d
			}
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s, found in %s?", best, packages(s.byID[strings.ToLower(best)]))
}

// packages lists some of the packages that findings are in.
func packages(findings []Finding) string {
	var names []string
	for _, f := range findings {
		if name := strings.TrimSpace(f.Package.Name + " " + f.Package.Version); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	const most = 3
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
