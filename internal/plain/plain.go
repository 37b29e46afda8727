// Package plain makes text from elsewhere safe to show: what an image, an
// advisory, a policy or a registry says may hold anything, and may be of any
// length.
package plain

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// work bounds the text that Line looks at: that many times its limit.
const work = 8

// Line returns s as one harmless line of valid UTF-8 and at most limit bytes:
// characters that control a terminal, reorder text or cannot be seen are
// dropped, white space is folded, what a CI host would take for a command is
// broken with a blank, and what is cut off is marked with an ellipsis. The limit
// is at least the length of that, three bytes. Of a very long s only the first
// 8 times limit bytes are looked at.
func Line(s string, limit int) string {
	whole := len(s) <= work*limit
	if !whole {
		s = s[:work*limit]
	}
	s = commandless(strings.Join(strings.Fields(strings.Map(visible, strings.ToValidUTF8(s, ""))), " "))
	if whole && len(s) <= limit {
		return s
	}
	cut := min(len(s), limit-len("…"))
	for cut > 0 && cut < len(s) && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// commandless breaks what GitHub's runner, which reads all that a job prints,
// would obey: ##[command k=v]data anywhere in a line, and ::command k=v::data at
// its start.
func commandless(s string) string {
	s = strings.ReplaceAll(s, "##[", "# #[")
	if strings.HasPrefix(s, "::") {
		s = ": " + s[1:]
	}
	return s
}

// visible maps white space to a blank, and drops what cannot be seen: also the
// marks that count as graphic and that comparing texts ignores.
func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case !unicode.IsGraphic(r), unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
		return -1
	}
	return r
}
