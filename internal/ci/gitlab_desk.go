package ci

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Names of the files that GitLab takes as reports, in the output folder.
const (
	FileDotenv      = "hallmark.env"
	FileAnnotations = "gl-annotations.json"
)

// Bounds of a dotenv report that every tier of GitLab takes.
const (
	maxDotenv    = 5 << 10 // bytes
	maxVariables = 20
)

// gitLabDesk writes what GitLab takes from a job: sections of the log
// (https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections), and
// reports (https://docs.gitlab.com/ci/yaml/artifacts_reports/). GitLab hides
// masked variables by itself and has no annotations but links.
type gitLabDesk struct {
	context Context
	log     io.Writer
}

// Mask implements Desk.
func (d *gitLabDesk) Mask(string) {}

// Section implements Desk.
func (d *gitLabDesk) Section(title string) func() {
	const name = "hallmark"
	_, _ = fmt.Fprintf(d.log, "\x1b[0Ksection_start:%d:%s[collapsed=true]\r\x1b[0K%s\n", time.Now().Unix(), name, plain.Line(title, maxTitle))
	return func() {
		_, _ = fmt.Fprintf(d.log, "\x1b[0Ksection_end:%d:%s\r\x1b[0K\n", time.Now().Unix(), name)
	}
}

// Annotate implements Desk. The log and the reports say it.
func (d *gitLabDesk) Annotate([]Annotation) {}

// Clear implements Desk.
func (d *gitLabDesk) Clear(folder string) error {
	for _, name := range []string{FileDotenv, FileAnnotations} {
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a file of an earlier job: %w", err)
		}
	}
	return nil
}

// Output implements Desk: variables for later jobs, and links to the reports.
func (d *gitLabDesk) Output(folder string, outputs []Output) error {
	if err := writeFile(filepath.Join(folder, FileDotenv), dotenv(outputs)); err != nil {
		return err
	}
	links, err := d.links(outputs)
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(folder, FileAnnotations), links)
}

// dotenv returns the outputs as GitLab reads them: one a line, without quotes.
// A value that is not one plain line is left out, and so is what is too much.
func dotenv(outputs []Output) []byte {
	var content []byte
	count := 0
	for _, o := range outputs {
		line := Variable(o.Name) + "=" + o.Value + "\n"
		if o.Value == "" || o.Value != plain.Line(o.Value, maxDotenv) || strings.ContainsAny(o.Value, "\"'`$\\") ||
			count == maxVariables || len(content)+len(line) > maxDotenv {
			continue
		}
		content = append(content, line...)
		count++
	}
	return content
}

// Variable returns the name of the variable that an output is for later jobs of
// GitLab.
func Variable(output string) string {
	return "HALLMARK_" + strings.ToUpper(strings.ReplaceAll(output, "-", "_"))
}

// links returns gl-annotations.json: links to the files that people read.
func (d *gitLabDesk) links(outputs []Output) ([]byte, error) {
	type link struct {
		Label string `json:"label"`
		URL   string `json:"url"`
	}
	type annotation struct {
		Link link `json:"external_link"`
	}
	annotations := []annotation{}
	for _, o := range outputs {
		label := map[string]string{"report-path": "Hallmark: report", "sbom-path": "Hallmark: SBOM", "scan-path": "Hallmark: scan"}[o.Name]
		if label == "" || o.Value == "" || d.context.JobURL == "" || filepath.IsAbs(o.Value) {
			continue
		}
		annotations = append(annotations, annotation{link{label, d.context.JobURL + "/artifacts/file/" + escapePath(o.Value)}})
	}
	content, err := json.MarshalIndent(map[string]any{"hallmark": annotations}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", FileAnnotations, err)
	}
	return append(content, '\n'), nil
}

// Summary implements Desk. GitLab has no page for it.
func (d *gitLabDesk) Summary([]byte, string) error { return nil }

func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(path), err)
	}
	return nil
}
