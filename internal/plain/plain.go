// Package plain makes text from elsewhere safe to show: what an image, an
// advisory, a policy or a registry says may hold anything, and may be of any
// length.
package plain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s as one harmless line of valid UTF-8 and at most limit bytes:
// characters that control a terminal, reorder text or cannot be seen are
// dropped, white space is folded, and what is cut off is marked with an
// ellipsis. The limit is at least the length of that, three bytes.
func Line(s string, limit int) string {
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
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsGraphic(r):
		return -1
	}
	return r
}
