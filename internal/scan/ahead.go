package scan

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/vulnerability"
	syftpkg "github.com/anchore/syft/syft/pkg"
)

// aheadMatcher has matched some packages already. grype asks its matchers about one
// package after the other, and most of the time of a scan is theirs; what they
// answer depends on nothing but the package and the database. What grype makes of
// the answers stays its own.
type aheadMatcher struct {
	match.Matcher
	answers map[pkg.ID]answer
}

// answer is what a matcher said about a package.
type answer struct {
	matches []match.Match
	ignores []match.IgnoreFilter
	err     error
}

// Match implements match.Matcher.
func (m aheadMatcher) Match(provider vulnerability.Provider, p pkg.Package) ([]match.Match, []match.IgnoreFilter, error) {
	if a, ok := m.answers[p.ID]; ok {
		return a.matches, a.ignores, a.err
	}
	return m.Matcher.Match(provider, p)
}

// matchAhead returns matchers that know their answers about the packages, got on all
// processors at once. One that panics, or that ctx ended before, knows nothing of
// that package: grype asks it again, and tells.
func matchAhead(ctx context.Context, provider vulnerability.Provider, matchers []match.Matcher, packages []pkg.Package) []match.Matcher {
	var mu sync.Mutex
	ahead := make([]match.Matcher, len(matchers))
	ask := make([]func(pkg.Package), len(matchers))
	for i, m := range matchers {
		answers := map[pkg.ID]answer{}
		ahead[i] = aheadMatcher{m, answers}
		ask[i] = func(p pkg.Package) {
			defer func() { _ = recover() }() // grype asks again, and makes an error of it
			var a answer
			a.matches, a.ignores, a.err = m.Match(provider, p)
			mu.Lock()
			defer mu.Unlock()
			answers[p.ID] = a
		}
	}
	next := make(chan pkg.Package)
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for p := range next {
				for i, m := range matchers {
					if ctx.Err() == nil && takes(m, p.Type) {
						ask[i](p)
					}
				}
			}
		})
	}
	for _, p := range packages {
		next <- p
	}
	close(next)
	all.Wait()
	return ahead
}

// takes reports whether grype asks a matcher about packages of a type.
func takes(m match.Matcher, kind syftpkg.Type) bool {
	return slices.Contains(m.PackageTypes(), kind)
}
