package scan

import (
	"fmt"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// checkDistribution refuses packages of an operating system that cannot be
// matched. Grype reports no findings for them, which would read as "none".
func (d *Database) checkDistribution(packages []pkg.Package, scope pkg.Context) error {
	var order []*distro.Distro
	counts := map[string]int{}
	unknown, example := 0, ""
	for _, p := range packages {
		switch {
		case !ofSystem(p.Type):
		case p.Distro == nil:
			unknown++
			example = string(p.Type)
		default:
			if name := distributionOf(p.Distro); counts[name] > 0 {
				counts[name]++
			} else {
				counts[name] = 1
				order = append(order, p.Distro)
			}
		}
	}
	hint := "scan with a vulnerability database that covers the distribution, or turn the scan off"
	if unknown > 0 {
		why := "there is no /etc/os-release"
		if scope.DistroDetectionFailed {
			why = "its /etc/os-release names none that is known"
		}
		return fault.WithHint(fault.Undecidedf("the image has %s of type %s, but its distribution is unknown: %s",
			packagesWord(unknown), example, why), "%s", hint)
	}
	for _, one := range order {
		covered, err := d.covers(one)
		if err != nil {
			return fault.Undecidedf("looking for %s in the vulnerability database: %w", bounded(one.String()), err)
		}
		if !covered {
			return fault.WithHint(fault.Undecidedf("the vulnerability database %s holds nothing about %s, of which the image has %s",
				d.info.Source, bounded(one.String()), packagesWord(counts[distributionOf(one)])), "%s", hint)
		}
	}
	return nil
}

func packagesWord(count int) string {
	if count == 1 {
		return "1 package"
	}
	return fmt.Sprintf("%d packages", count)
}

// covers reports whether the database has vulnerabilities of the distribution, or of
// the one that grype takes in its place. That it knows the name is not enough: one that
// somebody has emptied knows them all.
func (d *Database) covers(distribution *distro.Distro) (bool, error) {
	for _, channel := range append([]string{""}, distribution.Channels...) {
		found, err := d.reader.GetOperatingSystems(v6.OSSpecifier{
			Name:             distribution.Name(),
			MajorVersion:     distribution.MajorVersion(),
			MinorVersion:     distribution.MinorVersion(),
			RemainingVersion: distribution.RemainingVersion(),
			LabelVersion:     distribution.LabelVersion(),
			Channel:          channel,
		})
		if err != nil {
			return false, err
		}
		for _, system := range found {
			if filled, err := d.reader.hasSystem(int64(system.ID)); err != nil || filled {
				return filled, err
			}
		}
	}
	return false, nil
}
