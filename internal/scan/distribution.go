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
	count, example := 0, ""
	for _, p := range packages {
		if ofSystem(p.Type) {
			count++
			example = string(p.Type)
		}
	}
	if count == 0 {
		return nil
	}
	hint := "scan with a vulnerability database that covers the distribution, or turn the scan off"
	if scope.Distro == nil {
		why := "there is no /etc/os-release"
		if scope.DistroDetectionFailed {
			why = "its /etc/os-release names none that is known"
		}
		return fault.WithHint(fault.Undecidedf("the image has %s of type %s, but its distribution is unknown: %s",
			packagesWord(count), example, why), "%s", hint)
	}
	covered, err := d.covers(scope.Distro)
	if err != nil {
		return fault.Undecidedf("looking for %s in the vulnerability database: %w", scope.Distro, err)
	}
	if !covered {
		return fault.WithHint(fault.Undecidedf("the vulnerability database %s holds nothing about %s, of which the image has %s",
			d.info.Source, bounded(scope.Distro.String()), packagesWord(count)), "%s", hint)
	}
	return nil
}

func packagesWord(count int) string {
	if count == 1 {
		return "1 package"
	}
	return fmt.Sprintf("%d packages", count)
}

// covers reports whether the database has records for the distribution, or for
// the one that grype takes in its place.
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
		if len(found) > 0 {
			return true, nil
		}
	}
	return false, nil
}
