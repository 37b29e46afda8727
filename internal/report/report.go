// Package report turns a result into bytes for people and machines: one file
// for each format, all from the same result, written whatever the verdict.
//
// Names, versions and texts come from images and advisories, so nothing of
// them is trusted: every format bounds and escapes them.
package report

import "strings"

// shortDigest returns s with the first sha256:… digest in it cut to 12 digits.
func shortDigest(s string) string {
	const mark, digits = "sha256:", 12
	i := strings.Index(s, mark)
	if i < 0 {
		return s
	}
	hex := s[i+len(mark):]
	end := strings.IndexFunc(hex, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) })
	if end < 0 {
		end = len(hex)
	}
	return s[:i+len(mark)] + hex[:min(end, digits)] + hex[end:]
}
