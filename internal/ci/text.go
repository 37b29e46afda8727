package ci

import (
	"bytes"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// lines returns a message with each of its lines made harmless.
func lines(message string) string {
	var out []string
	for line := range strings.Lines(message) {
		out = append(out, plain.Line(line, maxMessage))
	}
	return strings.Join(out, "\n")
}

// cut returns at most limit characters, the last of which tells that there were
// more.
func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// cutMarkdown returns less than limit bytes, cut at the end of a line, with a note
// that they are.
func cutMarkdown(markdown []byte, limit int, note string) []byte {
	if len(markdown) < limit {
		return markdown
	}
	kept := markdown[:limit-1-len(note)]
	end := bytes.LastIndexByte(kept, '\n') + 1
	return append(kept[:end:end], note...)
}

// escapePath returns a path for a URL.
func escapePath(path string) string {
	return (&url.URL{Path: path}).EscapedPath()
}

// Failure returns the summary of a job that failed before its gate.
func Failure(message, hint string) []byte {
	text := "## Hallmark: failed\n\n" + markdownLine(message) + "\n"
	if hint != "" {
		text += "\n> " + markdownLine(hint) + "\n"
	}
	return []byte(text)
}

// markdownLine returns a line in which no character is markup.
func markdownLine(s string) string {
	var out strings.Builder
	for _, r := range plain.Line(s, maxTitle) {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|&~", r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}
