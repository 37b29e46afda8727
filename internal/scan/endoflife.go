package scan

import (
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/syft/syft/linux"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// distribution returns the operating system of a release file and when it ends;
// nil where there is none.
func (d *Database) distribution(release *linux.Release) (*finding.Distribution, error) {
	if release == nil || release.ID == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	out := &finding.Distribution{Name: bounded(release.ID), Version: bounded(release.VersionID)}
	itself := *release
	itself.IDLike, itself.Name = nil, "" // what it is derived from ends at another time
	known := distro.FromRelease(&itself, nil)
	if known == nil {
		return out, nil
	}
	end, err := d.endOfLife(known)
	if err != nil {
		return nil, fault.Undecidedf("looking for the end of %s in the vulnerability database: %w", bounded(known.String()), err)
	}
	out.EndOfLife = end
	return out, nil
}

// endOfLife returns when the database says that a release ends. It must speak of
// this very release, be it of its major version as a whole: another distribution
// that vulnerabilities are looked up for in its place ends at another time, and so
// does the next release.
func (d *Database) endOfLife(of *distro.Distro) (*time.Time, error) {
	exact := v6.OSSpecifier{
		Name: of.Name(), MajorVersion: of.MajorVersion(), MinorVersion: of.MinorVersion(), RemainingVersion: of.RemainingVersion(),
		LabelVersion: of.LabelVersion(), DisableAliasing: true, DisableFallback: true,
	}
	if exact.MajorVersion == "" && exact.LabelVersion == "" {
		return nil, nil //nolint:nilnil // any release of that name would be found
	}
	found, err := d.reader.GetOperatingSystems(exact)
	if err == nil && len(found) == 0 && exact.MinorVersion != "" {
		exact.MinorVersion, exact.RemainingVersion = "", ""
		found, err = d.reader.GetOperatingSystems(exact)
	}
	if err != nil {
		return nil, err
	}
	return agreed(found), nil
}

// agreed returns the end that all records give.
func agreed(records []v6.OperatingSystem) *time.Time {
	var end *time.Time
	for i, r := range records {
		if r.EOLDate == nil || i > 0 && !r.EOLDate.Equal(*end) {
			return nil
		}
		at := r.EOLDate.UTC()
		end = &at
	}
	return end
}
