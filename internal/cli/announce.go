package cli

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/report"
)

// announce gives the host what it takes from a command that writes no reports:
// the outputs, a summary and annotations.
func (a *app) announce(v values, r pipeline.Result, decided bool, summary []byte, annotations []ci.Annotation) error {
	if err := a.outputAlone(v.text("output-dir"), a.outputs("", r, decided)); err != nil {
		return err
	}
	if err := a.desk.Summary(summary, ""); err != nil {
		return err
	}
	a.annotate(annotations...)
	return nil
}

// outputAlone gives outputs without reports. On GitLab they are a file, and only in
// a folder that was named for it: the usual one may have that of a run.
func (a *app) outputAlone(folder string, outputs []ci.Output) error {
	if a.host.Host == ci.GitLab {
		if folder == "" {
			return nil
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fault.WithHint(fault.Usagef("making the folder %s: %w", folder, err), "name another with output-dir")
		}
	}
	return a.desk.Output(folder, outputs)
}

// announceRescanned does that for rescanned images. Of one alone there is more to
// tell to later steps than the verdict.
func (a *app) announceRescanned(v values, rows []report.Rescanned, all policy.Verdict, failed bool) error {
	var annotations []ci.Annotation
	for _, row := range rows {
		why := row.WhyNot()
		if row.Err != nil {
			why = []string{row.Err.Error()}
		}
		if row.Err != nil || row.Outcome() != policy.Pass {
			title := "Hallmark: " + row.Outcome().String() + ": " + row.Image
			annotations = append(annotations, ci.Annotation{Level: a.objection(), Title: title, Message: strings.Join(why, "\n")})
		}
	}
	result := pipeline.Result{Verdict: all}
	if len(rows) == 1 {
		result = rows[0].Result
	}
	outcome := all.Outcome.String()
	if failed {
		outcome = "failed"
	}
	return a.announce(v, result, !failed, report.RescannedSummary(rows, outcome), annotations)
}

// objection is how loud it is that something does not pass.
func (a *app) objection() ci.Level {
	if a.warning {
		return ci.Warning
	}
	return ci.Error
}

// outputs returns what later steps can build on. What there is not is empty, as
// the files are without a folder; only a gate that was reached gives a verdict.
func (a *app) outputs(folder string, r pipeline.Result, decided bool) []ci.Output {
	values := map[string]string{}
	if r.Subject.Hex() != "" {
		values["digest"] = "sha256:" + r.Subject.Hex()
	}
	if decided {
		values["verdict"] = r.Verdict.Outcome.String()
	}
	if r.Scan != nil {
		counts := r.Scan.Summary().Counts.Effective
		for _, s := range finding.Severities() {
			values[s.String()] = strconv.Itoa(counts.Of(s))
		}
	}
	for name, files := range reportFiles(folder) {
		values[name] = a.firstThere(folder, files)
	}
	var outputs []ci.Output
	for _, name := range ci.Outputs() {
		outputs = append(outputs, ci.Output{Name: name, Value: values[name]})
	}
	return outputs
}

// reportFiles returns, by the output that names it, which files of a folder may be
// meant.
func reportFiles(folder string) map[string][]string {
	if folder == "" {
		return nil
	}
	return map[string][]string{
		"sbom-path":         {"sbom.cdx.json", "sbom.spdx.json"},
		"scan-path":         {"scan.json"},
		"sarif-path":        {"results.sarif"},
		"report-path":       {"report.html"},
		"attestations-path": {"attestations"},
	}
}

// firstThere returns the first of the files that is in the folder.
func (a *app) firstThere(folder string, files []string) string {
	for _, file := range files {
		path := filepath.Join(folder, file)
		if _, err := os.Stat(path); err == nil {
			return a.host.InWorkspace(path)
		}
	}
	return ""
}

// annotations returns what the gate objects to, each check on its own, and the
// notes.
func (a *app) annotations(r pipeline.Result) []ci.Annotation {
	var out []ci.Annotation
	for _, c := range r.Verdict.Results {
		if c.Outcome == policy.Pass {
			continue
		}
		var reasons []string
		for _, reason := range c.Reasons {
			reasons = append(reasons, reason.String())
		}
		out = append(out, ci.Annotation{Level: a.objection(), Title: "Hallmark: " + c.Outcome.String() + ": " + c.Name, Message: strings.Join(reasons, "\n")})
	}
	for _, note := range r.Notes {
		out = append(out, ci.Annotation{Level: ci.Warning, Title: "Hallmark", Message: note})
	}
	return out
}
