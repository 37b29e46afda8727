package scan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// checkDistributions refuses packages of an operating system that cannot be matched.
// Grype reports no findings for them, which would read as "none". Packages that it
// matches as those of another release are told as unread.
func (d *Database) checkDistributions(packages []pkg.Package, scope pkg.Context) ([]finding.Gap, error) {
	systems, strays := systemsOf(packages)
	if strays != "" {
		why := "there is no /etc/os-release"
		if scope.DistroDetectionFailed {
			why = "its /etc/os-release names none that is known"
		}
		err := fault.Undecidedf("the image has %s, but its distribution is unknown: %s", strays, why)
		return nil, fault.WithHint(err, "%s", coverIt)
	}
	var gaps []finding.Gap
	for _, s := range systems {
		name := bounded(nameOf(s.distribution))
		covered, err := d.covers(s.distribution)
		switch {
		case err != nil:
			return nil, fault.Undecidedf("looking for %s in the vulnerability database: %w", name, err)
		case covered == nothing:
			err := fault.Undecidedf("the vulnerability database %s holds nothing about %s, of which the image has %s",
				d.info.Source, name, packagesWord(s.count))
			return nil, fault.WithHint(err, "%s", coverIt)
		case covered == otherReleases:
			gaps = append(gaps, finding.Gap{
				What: name + " packages",
				Why: fmt.Sprintf("the vulnerability database has nothing about that release: "+
					"%s of it could only be looked up in other releases", packagesWord(s.count)),
			})
		}
	}
	return gaps, nil
}

const coverIt = "scan with a vulnerability database that covers the distribution, or turn the scan off"

// system is a distribution of which an image has packages.
type system struct {
	distribution *distro.Distro
	count        int
}

// systemsOf returns the distributions that packages are of, in the order in which they
// come, and in words the packages of an operating system that are of none.
func systemsOf(packages []pkg.Package) (systems []system, strays string) {
	unknown := map[string]int{}
	for _, p := range packages {
		if !ofSystem(p.Type) {
			continue
		}
		if p.Distro == nil {
			unknown[string(p.Type)]++
			continue
		}
		own := distributionOf(p.Distro)
		i := slices.IndexFunc(systems, func(s system) bool { return distributionOf(s.distribution) == own })
		if i < 0 {
			i = len(systems)
			systems = append(systems, system{distribution: p.Distro})
		}
		systems[i].count++
	}
	var words []string
	for _, kind := range slices.Sorted(maps.Keys(unknown)) {
		words = append(words, fmt.Sprintf("%s of type %s", packagesWord(unknown[kind]), kind))
	}
	return systems, strings.Join(words, " and ")
}

func packagesWord(count int) string {
	if count == 1 {
		return "1 package"
	}
	return fmt.Sprintf("%d packages", count)
}

// coverage is what a database has about a distribution.
type coverage int

const (
	nothing       coverage = iota
	otherReleases          // grype takes these, where there is nothing of the release
	thatRelease            // the release, or its major version as a whole
)

// covers tells what the database has about the distribution, or about the one that grype
// takes in its place. Names without any vulnerability are nothing: a database that
// somebody has emptied knows them all.
func (d *Database) covers(distribution *distro.Distro) (coverage, error) {
	for _, channel := range append([]string{""}, distribution.Channels...) {
		asked := v6.OSSpecifier{
			Name:             distribution.Name(),
			MajorVersion:     distribution.MajorVersion(),
			MinorVersion:     distribution.MinorVersion(),
			RemainingVersion: distribution.RemainingVersion(),
			LabelVersion:     distribution.LabelVersion(),
			Channel:          channel,
		}
		if filled, err := d.hasAny(asked); err != nil || !filled {
			if err != nil {
				return nothing, err
			}
			continue
		}
		whole := asked
		whole.MinorVersion, whole.RemainingVersion = "", ""
		for _, exact := range []v6.OSSpecifier{asked, whole} {
			exact.DisableFallback = true
			if filled, err := d.hasAny(exact); err != nil || filled {
				return thatRelease, err
			}
		}
		return otherReleases, nil
	}
	return nothing, nil
}

// hasAny reports whether there is a vulnerability of an operating system that a
// specifier stands for.
func (d *Database) hasAny(asked v6.OSSpecifier) (bool, error) {
	found, err := d.reader.GetOperatingSystems(asked)
	if err != nil {
		return false, err
	}
	for _, one := range found {
		if filled, err := d.reader.hasSystem(int64(one.ID)); err != nil || filled {
			return filled, err
		}
	}
	return false, nil
}
