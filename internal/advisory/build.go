package advisory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/spf13/afero"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

// Build writes the advisories as a grype database of schema v6 into the folder
// dir, which is made if need be: vulnerability.db and its import.json, ready to
// be used in place. built, rounded to the second, becomes the database's build
// time. An earlier database there is replaced; on an error neither file is left.
func Build(ctx context.Context, dir string, built time.Time, advisories []Advisory) (err error) {
	defer func() {
		if err != nil {
			remove(dir)
			err = fmt.Errorf("building the vulnerability database in %s: %w", dir, err)
		}
	}()
	if len(advisories) == 0 {
		return errors.New("there are no advisories")
	}
	remove(dir)
	built = built.UTC().Round(time.Second)
	if err := write(ctx, dir, built, advisories); err != nil {
		return err
	}
	if err := finish(filepath.Join(dir, v6.VulnerabilityDBFileName), built); err != nil {
		return err
	}
	_, err = v6.WriteImportMetadata(afero.NewOsFs(), dir, "hallmark advisories")
	return err
}

func remove(dir string) {
	for _, name := range []string{v6.ImportMetadataFileName, v6.VulnerabilityDBFileName} {
		_ = os.Remove(filepath.Join(dir, name))
	}
}

// write fills a new database with one record for each advisory.
func write(ctx context.Context, dir string, built time.Time, advisories []Advisory) (err error) {
	writer, err := v6.NewWriter(v6.Config{DBDirPath: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, writer.Close()) }()
	for _, a := range advisories {
		if err := ctx.Err(); err != nil {
			return err
		}
		vulnerability := a.vulnerability(built)
		if err := writer.AddVulnerabilities(vulnerability); err != nil {
			return fmt.Errorf("adding %s: %w", a.ID, err)
		}
		if err := writer.AddAffectedPackages(a.affectedPackage(vulnerability.ID)); err != nil {
			return fmt.Errorf("adding %s: %w", a.ID, err)
		}
	}
	return decorate(writer, built, advisories)
}

// decorate adds what the database holds once for each CVE: its EPSS and its KEV.
// Two advisories of the same CVE must not say different things about it.
func decorate(writer v6.ReadWriter, built time.Time, advisories []Advisory) error {
	scores, exploited := map[string]finding.EPSS{}, map[string]Date{}
	for _, a := range advisories {
		if a.EPSS != nil {
			known, ok := scores[a.CVE()]
			if ok && known != *a.EPSS {
				return fmt.Errorf("adding %s: it has another EPSS than an earlier advisory of %s", a.ID, a.CVE())
			}
			scores[a.CVE()] = *a.EPSS
		}
		if a.KEV != nil {
			known, ok := exploited[a.CVE()]
			if ok && !known.Equal(a.KEV.DateAdded.Time) {
				return fmt.Errorf("adding %s: it has another KEV date than an earlier advisory of %s", a.ID, a.CVE())
			}
			exploited[a.CVE()] = a.KEV.DateAdded
		}
	}
	for _, cve := range slices.Sorted(maps.Keys(scores)) {
		if err := writer.AddEpss(epss(cve, scores[cve], built)); err != nil {
			return fmt.Errorf("adding the EPSS of %s: %w", cve, err)
		}
	}
	for _, cve := range slices.Sorted(maps.Keys(exploited)) {
		if err := writer.AddKnownExploitedVulnerabilities(kev(cve, exploited[cve])); err != nil {
			return fmt.Errorf("adding the KEV of %s: %w", cve, err)
		}
	}
	return nil
}

// finish makes the written file what an imported one is: with its indexes, which
// the writer dropped, and with the build time that was asked for, which the
// writer has no way to take.
func finish(file string, built time.Time) (err error) {
	database, err := v6.NewLowLevelDB(file, false, true, false)
	if err != nil {
		return err
	}
	connection, err := database.DB()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close()) }()
	metadata := v6.DBMetadata{BuildTimestamp: &built}
	return database.Model(&v6.DBMetadata{}).Where("true").Updates(metadata).Error
}
