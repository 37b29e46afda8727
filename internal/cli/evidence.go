package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/git"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/secrets"
)

// gathered adds to a job what there is to attest about how the image came to be.
func (a *app) gathered(v values, job *pipeline.Job) error {
	for _, gather := range []func(values, *pipeline.Job) error{a.build, a.further, a.testResults, a.staticAnalysis} {
		if err := gather(v, job); err != nil {
			return err
		}
	}
	return nil
}

// build reads the input provenance.
func (a *app) build(v values, job *pipeline.Job) error {
	word, err := v.oneOf("provenance", "auto", "true", "false")
	asked := v.asksFor(evidenceProvenance)
	if err != nil || word == "false" || word == "auto" && a.host.Host == ci.None && !asked {
		return err
	}
	folder := a.workspace()
	source, err := git.Read(folder, a.host.Commit)
	switch {
	case err != nil:
		job.Notes = append(job.Notes, fmt.Sprintf("the provenance says nothing of the commit: %v", err))
	case !source.Found:
		job.Notes = append(job.Notes, fmt.Sprintf("the provenance does not say who made the commit: %s is no git repository", folder))
	case source.Commit == nil:
		job.Notes = append(job.Notes, fmt.Sprintf("the provenance does not say who made the commit: %s is not in %s", a.host.Commit, folder))
	}
	job.Build = &evidence.Build{Job: a.host, Source: source, Version: buildVersion()}
	if job.Build.AtCommit() == evidence.No {
		job.Notes = append(job.Notes, fmt.Sprintf("the workspace is at the commit %s, and the job is for %s: the provenance says so", source.Head, a.host.Commit))
	}
	return nil
}

// workspace returns the folder with the sources that the job builds.
func (a *app) workspace() string {
	if a.host.Workspace == "" {
		return "."
	}
	return a.host.Workspace
}

// elsewhere returns the commit that the workspace is at where it is another than
// those that the job is for; empty: it is at one of these, or that is not known.
func (a *app) elsewhere() string {
	source, err := git.Read(a.workspace(), a.host.Commit)
	if at := (evidence.Build{Job: a.host, Source: source}); err != nil && source.Head == "" ||
		at.AtCommit() != evidence.No {
		return ""
	}
	return source.Head
}

// Words of the input evidence.
const (
	evidenceAuto     = "auto"
	evidenceNone     = "none"
	evidenceRelease  = "release"
	evidenceVEX      = "vex"
	evidenceLicences = "licences"
	evidenceImage    = "image"
	evidenceSecrets  = "secrets"

	// What inputs of these names make, too.
	evidenceSBOM       = "sbom"
	evidenceScan       = "scan"
	evidenceProvenance = "provenance"
	evidenceApproval   = "approval"
)

// asksFor reports whether the input evidence names a kind.
func (v values) asksFor(word string) bool { return slices.Contains(v.list("evidence"), word) }

// checkAsked refuses evidence that is asked for and left out by another input.
func checkAsked(v values) error {
	scan, err := v.boolean("scan")
	if err != nil {
		return err
	}
	for word, leftOut := range map[string]bool{
		evidenceSBOM: slices.Contains(v.list("sbom"), "none"), evidenceScan: !scan, evidenceProvenance: v.text("provenance") == "false",
	} {
		if leftOut && v.asksFor(word) {
			return fault.Usagef("evidence is %s, and the input %s leaves it out", word, word)
		}
	}
	return nil
}

// checkEvidence refuses words of the input evidence that are none.
func checkEvidence(words []string) error {
	known := []string{
		evidenceAuto, evidenceSBOM, evidenceScan, evidenceProvenance, evidenceApproval,
		evidenceRelease, evidenceVEX, evidenceLicences, evidenceImage, evidenceSecrets, evidenceNone,
	}
	for _, word := range words {
		switch {
		case !slices.Contains(known, word):
			return fault.WithHint(fault.Usagef("evidence is %q: use sbom, scan, provenance, approval, release, vex, licences, image, secrets, auto or none", word), "repeat --evidence for more than one")
		case word == evidenceNone && len(words) > 1:
			return fault.Usagef("evidence is none and more at once")
		}
	}
	return nil
}

// further reads the input evidence. suppressions has read the VEX documents.
func (a *app) further(v values, job *pipeline.Job) error {
	words := v.list("evidence")
	if err := checkEvidence(words); err != nil {
		return err
	}
	if err := checkAsked(v); err != nil {
		return err
	}
	asked := func(word string) bool { return slices.Contains(words, word) }
	if err := a.release(job, asked(evidenceRelease), asked(evidenceAuto)); err != nil {
		return err
	}
	if asked(evidenceSecrets) && v.text("sbom-file") != "" {
		return fault.Usagef("evidence is secrets, and sbom-file is given: then nobody reads the layers")
	}
	job.Further = append(job.Further, ofTheImage(asked)...)
	if asked(evidenceVEX) || asked(evidenceAuto) {
		return usedVEX(job)
	}
	return nil
}

// release adds that the image is a release where that is asked for, or where the job
// is for a tag and left to say so; unless the workspace is at another commit than the
// tag's.
func (a *app) release(job *pipeline.Job, asked, auto bool) error {
	if asked && a.host.Tag == "" {
		return fault.Usagef("evidence is release, and the job is for no tag")
	}
	if a.host.Tag == "" || !asked && !auto {
		return nil
	}
	at := a.elsewhere()
	switch {
	case at == "":
		job.Further, job.Release = append(job.Further, attest.TypeRelease), a.host.Tag
	case asked:
		return fault.Usagef("evidence is release, and the workspace is at the commit %s, which is not that of the tag %s", at, a.host.Tag)
	default:
		job.Notes = append(job.Notes, fmt.Sprintf("no release is attested: the workspace is at the commit %s, which is not that of the tag %s", at, a.host.Tag))
	}
	return nil
}

// ofTheImage returns the types of what is told of an image itself.
func ofTheImage(asked func(word string) bool) []string {
	var types []string
	for _, kind := range []struct{ word, uri string }{
		{evidenceLicences, attest.TypeLicences}, {evidenceImage, attest.TypeImage}, {evidenceSecrets, attest.TypeSecrets},
	} {
		if asked(kind.word) {
			types = append(types, kind.uri)
		}
	}
	return types
}

// searchSecrets begins a search for secrets in an image.
func searchSecrets() (pipeline.SecretSearch, error) {
	return secrets.New(secrets.DefaultLimits(), time.Now)
}

// usedVEX adds the OpenVEX documents that the scan is to use.
func usedVEX(job *pipeline.Job) error {
	var documents [][]byte
	for _, d := range job.VEX {
		if !d.IsOpenVEX() {
			job.Notes = append(job.Notes, fmt.Sprintf("the VEX document %s is CSAF and is used but not attested", d.Name()))
			continue
		}
		documents = append(documents, d.Body())
	}
	if len(documents) == 0 {
		return nil
	}
	p, err := evidence.OpenVEX(documents)
	if err != nil {
		return err
	}
	job.Made = append(job.Made, p)
	return nil
}

// testResults reads the input test-results.
func (a *app) testResults(v values, job *pipeline.Job) error {
	files, err := load(v.list("test-results"))
	if err != nil || len(files) == 0 {
		return err
	}
	url := a.host.JobURL
	if url == "" {
		url = a.host.RunURL
	}
	p, err := evidence.TestResult(files, url)
	if err != nil {
		return err
	}
	job.Made = append(job.Made, p)
	return nil
}

// staticAnalysis reads the input sarif.
func (a *app) staticAnalysis(v values, job *pipeline.Job) error {
	files, err := load(v.list("sarif"))
	if err != nil || len(files) == 0 {
		return err
	}
	p, err := evidence.SARIF(files)
	if err != nil {
		return err
	}
	job.Made = append(job.Made, p)
	return nil
}

func load(paths []string) ([]evidence.Brought, error) {
	var files []evidence.Brought
	for _, path := range paths {
		f, err := evidence.Load(path)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// firstOf returns a value, or that of a variable.
func (a *app) firstOf(value, variable string) string {
	if value == "" {
		value, _ = a.env(variable)
	}
	return value
}
