package scan

import (
	"fmt"
	"sync"
	"time"

	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/matcher"
	"github.com/anchore/grype/grype/matcher/dpkg"
	"github.com/anchore/grype/grype/matcher/java"
	"github.com/anchore/grype/grype/matcher/rpm"
	"github.com/anchore/grype/grype/matcher/stock"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/version"
	"github.com/anchore/grype/grype/vulnerability"
	syftpkg "github.com/anchore/syft/syft/pkg"
)

// strictMatchers returns grype's matchers with the configuration that its
// command line has by default: CPEs only where there is no better matcher, and
// no look-ups over the network.
func strictMatchers() []match.Matcher {
	matchers := matcher.NewDefaultMatchers(matcher.Config{
		Java:  java.MatcherConfig{ExternalSearchConfig: java.ExternalSearchConfig{MavenRateLimit: 300 * time.Millisecond}},
		Stock: stock.MatcherConfig{UseCPEs: true},
		Dpkg:  dpkg.MatcherConfig{MissingEpochStrategy: version.MissingEpochStrategyZero},
		Rpm:   rpm.MatcherConfig{MissingEpochStrategy: version.MissingEpochStrategyAuto},
	})
	for i, m := range matchers {
		matchers[i] = strictMatcher{m}
	}
	return matchers
}

// strictMatcher makes every error of a matcher fatal. Grype goes on after any
// other, without the findings of that package.
type strictMatcher struct{ match.Matcher }

func (m strictMatcher) Match(provider vulnerability.Provider, p pkg.Package) ([]match.Match, []match.IgnoreFilter, error) {
	matches, ignores, err := m.Matcher.Match(provider, p)
	if err != nil && !match.IsFatalError(err) {
		err = match.NewFatalError(m.Type(), err)
	}
	return matches, ignores, err
}

// strictProvider remembers the first error of the database. Several matchers log
// an error of a query and return no findings, as if the query had found none.
type strictProvider struct {
	vulnerability.Provider
	mu  sync.Mutex
	err error
}

func (p *strictProvider) FindVulnerabilities(criteria ...vulnerability.Criteria) ([]vulnerability.Vulnerability, error) {
	found, err := p.Provider.FindVulnerabilities(criteria...)
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.err == nil {
			p.err = fmt.Errorf("querying the database: %w", err)
		}
	}
	return found, err
}

// ignoreRules returns the rules that grype's command line has by default:
// packages of kernel headers are built from the kernel's source, and so inherit
// its vulnerabilities, but hold no code of it.
func ignoreRules() []match.IgnoreRule {
	headers := func(kind syftpkg.Type, name, upstream string) match.IgnoreRule {
		return match.IgnoreRule{
			Package:   match.IgnoreRulePackage{Name: name, UpstreamName: upstream, Type: string(kind)},
			MatchType: match.ExactIndirectMatch,
			Reason:    "kernel headers hold no code of the kernel",
		}
	}
	return []match.IgnoreRule{
		headers(syftpkg.RpmPkg, "kernel-headers", "kernel"),
		headers(syftpkg.DebPkg, "linux(-.*)?-headers-.*", "linux.*"),
		headers(syftpkg.DebPkg, "linux-libc-dev", "linux"),
		headers(syftpkg.DebPkg, "linux-kbuild-.*", "linux.*"),
	}
}
