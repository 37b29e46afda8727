package report

import (
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// Write writes every report that the result has the matter for, whatever the
// verdict, and also after a run that ended in an error: what there was until then,
// and why it ended.
func (f Folder) Write(r pipeline.Result) error {
	if err := f.evidence(r); err != nil {
		return err
	}
	for _, p := range r.Platforms {
		if err := f.platform(p); err != nil {
			return err
		}
	}
	reports := []struct {
		name   string
		render func(pipeline.Result) ([]byte, error)
	}{
		{fileSARIF, SARIF},
		{fileHTML, HTML},
		{fileJUnit, JUnit},
		{fileGitLabSBOM, GitLabSBOM},
		{fileGitLabScan, GitLabScan},
		{fileGitLabQuality, GitLabQuality},
		{fileSummary, func(r pipeline.Result) ([]byte, error) { return Summary(r), nil }},
		{fileVerdict, Verdict},
	}
	var group errgroup.Group
	for _, report := range reports {
		group.Go(func() error {
			content, err := report.render(r)
			if err != nil || content == nil { // there is no matter for it
				return err
			}
			return f.file(report.name, content)
		})
	}
	return group.Wait()
}

// evidence writes what was attested: SBOMs, the scan, statements and envelopes.
func (f Folder) evidence(r pipeline.Result) error {
	for _, d := range r.SBOMs {
		name := fileCycloneDX
		if d.Format == catalog.SPDX {
			name = fileSPDX
		}
		if err := f.file(name, d.Content); err != nil {
			return err
		}
	}
	if r.ScanBody != nil {
		if err := f.file(fileScan, append(r.ScanBody[:len(r.ScanBody):len(r.ScanBody)], '\n')); err != nil {
			return err
		}
	}
	return f.Attestations(r.Attached)
}

// platform writes the evidence of one image of an index to a folder of its own.
func (f Folder) platform(p pipeline.Result) error {
	own := Folder{path: filepath.Join(f.path, dirPlatforms, fileName(p.Platform))}
	if err := os.MkdirAll(own.path, ownerAndSearches); err != nil {
		return unwritable(f.path, err)
	}
	return own.evidence(p)
}
