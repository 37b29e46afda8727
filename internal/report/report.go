// Package report turns a result into bytes for people and machines: one file
// for each format, all from the same result, written whatever the verdict.
//
// Names, versions and texts come from images and advisories, so nothing of
// them is trusted: every format bounds and escapes them.
package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain returns s as one harmless line of at most limit bytes: characters that
// control a terminal, reorder text or cannot be seen are dropped, white space
// is folded.
func plain(s string, limit int) string {
	s = strings.Join(strings.Fields(strings.Map(visible, strings.ToValidUTF8(s, ""))), " ")
	if len(s) <= limit {
		return s
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func visible(r rune) rune {
	switch {
	case r == '\n' || r == '\t' || r == '\r':
		return ' '
	case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r):
		return -1
	}
	return r
}

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
