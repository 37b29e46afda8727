package evidence

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/github/go-spdx/v2/spdxexp"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

const maxExpression = 500 // bytes of what a package says of its licence

// Licensed is a package and what it says of its licences.
type Licensed struct {
	Name, Version, Type string
	Licences            []string
}

// The predicate of the licences in an image, docs/schema/licences.json.
type (
	licencesPredicate struct {
		Packages    int               `json:"packages"`
		Expressions []licenceCount    `json:"expressions"`
		Unknown     []unknownLicences `json:"unknown"`
	}
	licenceCount struct {
		Expression string `json:"expression"`
		Packages   int    `json:"packages"`
	}
	unknownLicences struct {
		Name    string   `json:"name"`
		Version string   `json:"version"`
		Type    string   `json:"type"`
		Says    []string `json:"says"`
	}
)

// Licences returns how many packages are under which SPDX expression. A package
// that says nothing, or something that is no SPDX expression, is named. One that is
// in several images of an index counts once.
func Licences(packages []Licensed) (attest.Predicate, error) {
	p := licencesPredicate{Expressions: []licenceCount{}, Unknown: []unknownLicences{}}
	packages = slices.Clone(packages)
	slices.SortFunc(packages, compareLicensed)
	packages = slices.CompactFunc(packages, func(a, b Licensed) bool { return compareLicensed(a, b) == 0 })
	counts := map[string]int{}
	for _, one := range packages {
		p.Packages++
		if expression, ok := one.expression(); ok {
			counts[expression]++
			continue
		}
		u := unknownLicences{Name: plain.Line(one.Name, maxQuoted), Version: plain.Line(one.Version, maxQuoted), Type: one.Type, Says: []string{}}
		for _, l := range one.Licences {
			u.Says = append(u.Says, plain.Line(l, maxExpression))
		}
		p.Unknown = append(p.Unknown, u)
	}
	for expression, n := range counts {
		p.Expressions = append(p.Expressions, licenceCount{Expression: expression, Packages: n})
	}
	slices.SortFunc(p.Expressions, func(a, b licenceCount) int { return cmp.Compare(a.Expression, b.Expression) })
	body, err := json.Marshal(p)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the licences: %w", err)
	}
	return attest.Predicate{Type: attest.TypeLicences, Body: body}, nil
}

func compareLicensed(a, b Licensed) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Type, b.Type), slices.Compare(a.Licences, b.Licences))
}

// expression returns what a package says as one SPDX expression: all of several
// licences apply.
func (l Licensed) expression() (string, bool) {
	if len(l.Licences) == 0 {
		return "", false
	}
	for _, one := range l.Licences {
		if len(one) > maxExpression {
			return "", false
		}
	}
	if valid, _ := spdxexp.ValidateLicenses(l.Licences); !valid {
		return "", false
	}
	parts := slices.Clone(l.Licences)
	for i, one := range parts {
		if len(parts) > 1 && strings.Contains(one, " ") {
			parts[i] = "(" + one + ")"
		}
	}
	return strings.Join(parts, " AND "), true
}
