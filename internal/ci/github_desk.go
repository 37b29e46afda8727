package ci

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/sethvargo/go-githubactions"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Bounds of what GitHub takes of one step.
const (
	maxAnnotations = 10       // of each level
	maxMessage     = 4096     // characters of an annotation
	maxTitle       = 200      // bytes
	maxSummary     = 1 << 20  // bytes; a larger summary is dropped as a whole
	maxOutputValue = 64 << 10 // bytes; far more than any output has
	minSecret      = 4        // bytes; hiding less would hide half of the log
)

// gitHubDesk speaks GitHub's workflow commands and files
// (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
// go-githubactions forms and escapes the commands. Files are written here, for
// there it has one delimiter for all, which an output could contain, and panics
// where a file is not there.
type gitHubDesk struct {
	env   Lookup
	log   io.Writer
	shown map[Level]int
}

func newGitHubDesk(env Lookup, log io.Writer) *gitHubDesk {
	return &gitHubDesk{env: env, log: log, shown: map[Level]int{}}
}

// say writes the commands that issue makes. A log that cannot be written is no
// reason to end a job.
func (d *gitHubDesk) say(issue func(a *githubactions.Action)) {
	var commands bytes.Buffer
	issue(githubactions.New(githubactions.WithWriter(&commands)))
	_, _ = d.log.Write(commands.Bytes())
}

// Mask implements Desk. GitHub compares line by line.
func (d *gitHubDesk) Mask(secret string) {
	var seen []string
	for _, line := range append(strings.Split(secret, "\n"), secret) {
		if line = strings.TrimSpace(line); len(line) >= minSecret && !slices.Contains(seen, line) {
			seen = append(seen, line)
			d.say(func(a *githubactions.Action) { a.AddMask(line) })
		}
	}
}

// Section implements Desk.
func (d *gitHubDesk) Section(title string) func() {
	d.say(func(a *githubactions.Action) { a.Group(plain.Line(title, maxTitle)) })
	return func() { d.say((*githubactions.Action).EndGroup) }
}

// Annotate implements Desk.
func (d *gitHubDesk) Annotate(annotations []Annotation) {
	left := map[Level]int{}
	for _, a := range annotations {
		left[a.Level]++
	}
	for _, a := range annotations {
		if d.shown[a.Level] == maxAnnotations {
			continue
		}
		d.shown[a.Level]++
		message := lines(a.Message)
		if left[a.Level]--; d.shown[a.Level] == maxAnnotations && left[a.Level] > 0 {
			message = fmt.Sprintf("%d more are in the summary and in the log.\n%s", left[a.Level], message)
		}
		d.annotate(a.Level, a.Title, cut(message, maxMessage))
	}
}

func (d *gitHubDesk) annotate(level Level, title, message string) {
	d.say(func(a *githubactions.Action) {
		a = a.WithFieldsMap(map[string]string{"title": plain.Line(title, maxTitle)})
		switch level {
		case Error:
			a.Errorf("%s", message)
		case Warning:
			a.Warningf("%s", message)
		case Notice:
			a.Noticef("%s", message)
		}
	})
}

// Clear implements Desk. What GitHub takes lies outside of the folder.
func (d *gitHubDesk) Clear(string) error { return nil }

// Output implements Desk.
func (d *gitHubDesk) Output(_ string, outputs []Output) error {
	var content strings.Builder
	for _, o := range outputs {
		if o.Value == "" || len(o.Value) > maxOutputValue {
			continue
		}
		delimiter := "hallmark_" + rand.Text() // nobody can have put it into a value
		fmt.Fprintf(&content, "%s<<%s\n%s\n%s\n", o.Name, delimiter, o.Value, delimiter)
	}
	return d.append("GITHUB_OUTPUT", []byte(content.String()))
}

// Summary implements Desk.
func (d *gitHubDesk) Summary(markdown []byte, whole string) error {
	return d.append("GITHUB_STEP_SUMMARY", cutSummary(markdown, whole))
}

// cutSummary returns a summary that GitHub takes, cut at the end of a line.
func cutSummary(markdown []byte, whole string) []byte {
	note := fmt.Sprintf("\n\n**This summary was cut here. All of it is in the file %s of the job.**\n", markdownLine(whole))
	return cutMarkdown(markdown, maxSummary, note)
}

// append adds to the file that a variable names. Where GitHub names none, nobody
// takes the content, and only who debugs the job is told.
func (d *gitHubDesk) append(variable string, content []byte) (err error) {
	path := facts{d.env}.text(variable)
	if path == "" {
		d.say(func(a *githubactions.Action) { a.Debugf("%s", variable+" is not set: nothing is written to it") })
		return nil
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing to %s: %w", variable, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Write(content); err != nil {
		return fmt.Errorf("writing to %s: %w", variable, err)
	}
	return nil
}
