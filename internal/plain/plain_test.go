package plain_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

func TestLine(t *testing.T) {
	tests := []struct {
		name, in string
		limit    int
		want     string
	}{
		{"nothing", "", 10, ""},
		{"text", "openssl 3.0", 20, "openssl 3.0"},
		{"other scripts", "größe 大小", 20, "größe 大小"},
		{"colours", "\x1b[31mred\x1b[0m", 20, "[31mred[0m"},
		{"a colour of one byte", "\u009b31mred", 20, "31mred"},
		{"a title of the window", "\x1b]0;owned\x07x", 20, "]0;ownedx"},
		{"lines", "one\ntwo\r\nthree\tfour\u2028five\u0085six", 40, "one two three four five six"},
		{"white space", "  a \u00a0\u3000 b  ", 20, "a b"},
		{"the other direction", "abc\u202etxt.exe\u2066\u200f", 20, "abctxt.exe"},
		{"what cannot be seen", "a\u200bb\ufeffc\u00add", 20, "abcd"},
		{"a tag of another language", "a\U000e0041b", 20, "ab"},
		{"broken UTF-8", "a\xffb\xc3", 20, "ab"},
		{"zero and delete", "a\x00b\x7fc\x08", 20, "abc"},
		{"too long", "0123456789", 9, "012345…"},
		{"just long enough", "0123456789", 10, "0123456789"},
		{"too long in the middle of a character", "0123大大大大", 10, "0123大…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := plain.Line(test.in, test.limit)
			if got != test.want {
				t.Errorf("Line(%q, %d) = %q, want %q", test.in, test.limit, got, test.want)
			}
			if len(got) > test.limit || !utf8.ValidString(got) {
				t.Errorf("%q has %d bytes, the limit is %d", got, len(got), test.limit)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	f.Add("one\ntwo\x1b[31m\u202e", 10)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 10 + (limit&0xff)%90
		got := plain.Line(s, limit)
		harmless := func(r rune) bool { return r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) }
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !harmless(r) }) {
			t.Errorf("Line(%q, %d) = %q", s, limit, got)
		}
	})
}
