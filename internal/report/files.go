package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Names of the files in the output folder.
const (
	fileCycloneDX     = "sbom.cdx.json"
	fileSPDX          = "sbom.spdx.json"
	fileScan          = "scan.json"
	fileVerdict       = "verdict.json"
	fileSummary       = "summary.md"
	fileSARIF         = "results.sarif"
	fileHTML          = "report.html"
	fileJUnit         = "junit.xml"
	fileGitLabSBOM    = "gl-sbom.cdx.json"
	fileGitLabScan    = "gl-container-scanning-report.json"
	fileGitLabQuality = "gl-code-quality-report.json"
	dirAttestations   = "attestations"
	dirPlatforms      = "platforms"
	suffixStatement   = ".statement.json"
	suffixEnvelope    = ".envelope.json"
	ownerAndReaders   = 0o644
	ownerAndSearches  = 0o755
)

// Folder is an output folder that exists, can be written, and holds no report
// of an earlier run.
type Folder struct{ path string }

// Prepare makes the folder and removes the reports that an earlier run left in
// it, so that nobody reads an old verdict for a new one. Other files stay.
func Prepare(path string) (Folder, error) {
	if err := os.MkdirAll(path, ownerAndSearches); err != nil {
		return Folder{}, unwritable(path, err)
	}
	if err := clearReports(path); err != nil {
		return Folder{}, unwritable(path, err)
	}
	probe, err := os.CreateTemp(path, ".hallmark-")
	if err != nil {
		return Folder{}, unwritable(path, err)
	}
	return Folder{path: path}, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// clearReports removes the reports of an earlier run, those of each platform
// included, by their names.
func clearReports(path string) error {
	for _, name := range []string{
		fileCycloneDX, fileSPDX, fileScan, fileVerdict, fileSummary, fileSARIF, fileJUnit, fileHTML,
		fileGitLabSBOM, fileGitLabScan, fileGitLabQuality,
	} {
		if err := os.Remove(filepath.Join(path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	platforms, err := filepath.Glob(filepath.Join(escapeGlob(path), dirPlatforms, "*"))
	if err != nil {
		return err
	}
	for _, dir := range platforms {
		if err := clearReports(dir); err != nil {
			return err
		}
		_ = os.Remove(dir) // stays where something else is in it
	}
	_ = os.Remove(filepath.Join(path, dirPlatforms))
	return clearAttestations(filepath.Join(path, dirAttestations))
}

// clearAttestations removes the statements and envelopes of an earlier run, by
// their names, and the folder if nothing else is in it.
func clearAttestations(dir string) error {
	for _, pattern := range []string{"*" + suffixStatement, "*" + suffixEnvelope} {
		found, err := filepath.Glob(filepath.Join(escapeGlob(dir), pattern))
		if err != nil {
			return err
		}
		for _, path := range found {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) == 0 {
		return os.Remove(dir)
	}
	return nil
}

// escapeGlob returns a path in which no character is a pattern.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// Path returns the folder's path.
func (f Folder) Path() string { return f.path }

// Attestations writes statements and envelopes of verified attestations to the
// folder attestations.
func (f Folder) Attestations(verified []verify.Verified) error {
	if len(verified) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(f.path, dirAttestations), ownerAndSearches); err != nil {
		return unwritable(f.path, err)
	}
	for _, v := range verified {
		base := filepath.Join(dirAttestations, attestationFile(v.PredicateType(), v.Envelope().Digest()))
		if err := f.file(base+suffixStatement, v.Payload()); err != nil {
			return err
		}
		if err := f.file(base+suffixEnvelope, v.Envelope().Raw()); err != nil {
			return err
		}
	}
	return nil
}

// file writes a file whole or not at all.
func (f Folder) file(name string, content []byte) (err error) {
	path := filepath.Join(f.path, name)
	part, err := os.CreateTemp(filepath.Dir(path), ".hallmark-")
	if err != nil {
		return unwritable(f.path, err)
	}
	defer func() {
		if err != nil {
			err = unwritable(f.path, errors.Join(err, os.Remove(part.Name())))
		}
	}()
	if _, err := part.Write(content); err != nil {
		return errors.Join(err, part.Close())
	}
	if err := part.Chmod(ownerAndReaders); err != nil {
		return errors.Join(err, part.Close())
	}
	if err := part.Close(); err != nil {
		return err
	}
	return os.Rename(part.Name(), path)
}

func unwritable(path string, err error) error {
	return fault.WithHint(fmt.Errorf("writing reports to %s: %w", path, err),
		"name a folder that this job may write to with output-dir")
}
