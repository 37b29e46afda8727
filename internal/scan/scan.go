// Package scan matches the packages of an SBOM against a vulnerability database.
// It is the only user of grype, and it finds what `grype sbom:FILE` finds with
// its default configuration: the same packages, matchers and ignore rules.
//
// It differs from grype in one respect. Grype treats most things that go wrong
// while matching as a reason to log and go on, and the report then lacks
// findings without saying so. Here an incomplete scan is an error:
//
//   - an error of any matcher, or of any query of the database, fails the scan;
//   - packages of an operating system whose distribution is unknown, or of which
//     the database holds nothing, fail the scan: nobody looked for their
//     vulnerabilities;
//   - other kinds of packages of which the database holds nothing are told as unread
//     (finding.Gap), since an image can have them beside much that was looked at;
//   - a database without any vulnerability is not opened;
//   - a severity that is not one of the known words fails the scan: grype calls it
//     unknown, which no cutoff reaches;
//   - a database that is missing, damaged or of another schema is not opened.
//
// Such errors are of kind fault.Undecided, since the evidence cannot be made.
// How old a database may be is not judged here but by the gate, from the build
// time that every scan carries.
//
// What a database says is not trusted: its texts are bounded and made valid
// UTF-8 before they become findings.
package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anchore/grype/grype"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/vulnerability"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/sbom"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// grypeVersion is the version of grype that this program is built with. The
// build information would say it too, but not in every kind of build.
const grypeVersion = "0.120.1"

// Database is an open vulnerability database. It is safe for concurrent use.
type Database struct {
	reader   *namedReader
	provider vulnerability.Provider
	info     finding.Database
	notes    []string
	remove   func() error // removes what was made for this process alone
}

// Info says which database this is.
func (d *Database) Info() finding.Database { return d.info }

// Notes says what is worth knowing about how this database was come by, one
// sentence each; none as a rule. The texts are bounded but may come from a server.
func (d *Database) Notes() []string { return d.notes }

// Close releases the database's file.
func (d *Database) Close() error {
	if err := errors.Join(d.provider.Close(), d.remove()); err != nil {
		return fmt.Errorf("closing the vulnerability database: %w", err)
	}
	return nil
}

// Scan matches every package of the SBOM, as catalog makes it, and returns the
// findings in the order of finding.Sort. The same SBOM and the same database give
// the same findings. What the default rules ignore is among them, marked as
// suppressed. The SBOM is not changed. An incomplete scan is an error of kind
// fault.Undecided; when ctx ends first, the error is that of ctx.
func (d *Database) Scan(ctx context.Context, bom *sbom.SBOM) (finding.Scan, error) {
	packages, scope := packagesOf(bom)
	return d.scan(ctx, bom.Artifacts.LinuxDistribution, packages, scope)
}

// scan matches packages of an image with a release file.
func (d *Database) scan(
	ctx context.Context, release *linux.Release, packages []pkg.Package, scope pkg.Context,
) (finding.Scan, error) {
	started := time.Now().UTC()
	findings, unread, err := d.findings(ctx, packages, scope)
	if err != nil {
		return finding.Scan{}, fmt.Errorf("scanning the packages: %w", err)
	}
	distribution, err := d.distribution(release)
	if err != nil {
		return finding.Scan{}, fmt.Errorf("scanning the packages: %w", err)
	}
	return finding.Scan{
		Scanner: finding.Scanner{
			URI:     "pkg:golang/github.com/anchore/grype@v" + grypeVersion,
			Version: grypeVersion,
		},
		Database:     d.info,
		Distribution: distribution,
		Findings:     findings,
		Unread:       unread,
		Started:      started,
		Finished:     time.Now().UTC(),
	}, nil
}

// findings returns what is found in an SBOM, and what could not be looked for.
func (d *Database) findings(ctx context.Context, packages []pkg.Package, scope pkg.Context) ([]finding.Finding, []finding.Gap, error) {
	otherwise, err := d.checkDistributions(packages, scope)
	if err != nil {
		return nil, nil, err
	}
	unlisted, err := d.unlisted(packages)
	if err != nil {
		return nil, nil, err
	}
	matches, ignored, err := d.match(ctx, packages, scope)
	if err != nil {
		return nil, nil, err
	}
	found, err := newFindings(matches, ignored)
	return found, slices.Concat(otherwise, unlisted), err
}

// match runs grype's matchers so that no error is lost: each matcher's errors
// are made fatal, and those that a matcher keeps to itself are taken from the
// database's side.
func (d *Database) match(ctx context.Context, packages []pkg.Package, scope pkg.Context) ([]match.Match, []match.IgnoredMatch, error) {
	provider := &strictProvider{Provider: d.provider}
	matcher := grype.VulnerabilityMatcher{
		VulnerabilityProvider: provider,
		Matchers:              matchAhead(ctx, provider, strictMatchers(), packages),
		IgnoreRules:           ignoreRules(),
	}
	matches, ignored, err := matcher.FindMatchesContext(ctx, packages, scope)
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	if err := errors.Join(err, provider.err); err != nil {
		return nil, nil, fault.WithHint(fault.Undecidedf("matching them against %s: %s", d.info.Source, firstLine(err)),
			"the vulnerability database may be damaged: import it again")
	}
	return matches.Sorted(), ignored, nil
}

// firstLine keeps stack traces, which grype puts into the error of a matcher
// that panicked, out of the message.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return bounded(line)
}
