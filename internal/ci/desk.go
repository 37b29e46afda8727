package ci

import (
	"io"
	"path/filepath"
	"strings"
)

// Level is how loud an annotation is.
type Level string

// Levels, the loudest first.
const (
	Error   Level = "error"
	Warning Level = "warning"
	Notice  Level = "notice"
)

// Annotation is what a host shows beside the log.
type Annotation struct {
	Level   Level
	Title   string
	Message string // may have several lines
}

// Output is a value for later steps or jobs. An empty one is none.
type Output struct{ Name, Value string }

// Outputs names all outputs of a job, in the order in which they are written.
func Outputs() []string {
	return []string{
		"digest", "verdict", "critical", "high", "medium", "low", "negligible", "unknown",
		"sbom-path", "scan-path", "sarif-path", "report-path", "attestations-path",
	}
}

// Desk is where a job hands over what its host takes.
type Desk interface {
	// Mask lets the host hide a secret in the log from here on.
	Mask(secret string)
	// Section begins a part of the log that folds. The returned function ends it.
	Section(title string) (end func())
	// Annotate shows annotations, as many as the host takes.
	Annotate(annotations []Annotation)
	// Clear removes from the output folder what an earlier job left for a host.
	Clear(folder string) error
	// Output writes outputs. The folder is the output folder.
	Output(folder string, outputs []Output) error
	// Summary shows Markdown on the job's page. whole is where all of it is.
	Summary(markdown []byte, whole string) error
}

// DeskOf returns the desk of a job's host. Commands to the host go to log, which
// is to be the job's standard error: standard output is the result's.
func DeskOf(c Context, env Lookup, log io.Writer) Desk {
	switch c.Host {
	case GitHub:
		return newGitHubDesk(env, log)
	case GitLab:
		return &gitLabDesk{context: c, log: log}
	case None, Jenkins, CircleCI:
	}
	return noDesk{}
}

// InWorkspace returns a path as later steps see it: relative to the workspace
// if it is below it, else as it was given. What a container calls its workspace has another name
// outside of it.
func (c Context) InWorkspace(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil || !filepath.IsAbs(c.Workspace) {
		return path
	}
	relative, err := filepath.Rel(c.Workspace, absolute)
	if err != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return path
	}
	return relative
}
