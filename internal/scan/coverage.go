package scan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	syftpkg "github.com/anchore/syft/syft/pkg"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// unlisted returns the kinds of packages of which the database has no record at all, so
// that nothing could be found in them: a database that was emptied, or a small one that
// covers little. Packages of an operating system are looked at by checkDistributions.
func (d *Database) unlisted(packages []pkg.Package) ([]finding.Gap, error) {
	counts := map[syftpkg.Type]int{}
	for _, p := range packages {
		if !ofSystem(p.Type) {
			counts[p.Type]++
		}
	}
	var gaps []finding.Gap
	for kind, count := range counts {
		filled, err := d.lists(kind)
		if err != nil {
			return nil, fault.Undecidedf("looking for packages of type %s in the vulnerability database: %w",
				bounded(string(kind)), err)
		}
		if !filled {
			gaps = append(gaps, finding.Gap{
				What: bounded(string(kind)) + " packages",
				Why: fmt.Sprintf("the vulnerability database has no record of any package of that type, and the image has %s",
					packagesWord(count)),
			})
		}
	}
	slices.SortFunc(gaps, func(a, b finding.Gap) int { return strings.Compare(a.What, b.What) })
	return gaps, nil
}

// lists reports whether the database has a record that a package of a type could match:
// of its own kind, or, where grype looks for products instead, of any product.
func (d *Database) lists(kind syftpkg.Type) (bool, error) {
	filled, err := d.reader.hasEcosystem(string(kind))
	if err != nil || filled || !byProduct(kind) {
		return filled, err
	}
	return d.reader.hasProducts()
}

// byProduct reports whether grype matches packages of a type by the products that they
// may be, for want of advisories about their kind.
func byProduct(kind syftpkg.Type) bool {
	own := func(m match.Matcher) bool { return m.Type() != match.StockMatcher && takes(m, kind) }
	return !slices.ContainsFunc(strictMatchers(), own)
}
