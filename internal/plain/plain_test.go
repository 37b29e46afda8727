package plain_test

import (
	"runtime"
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
		{"a mark that cannot be seen", "a\ufe0fb\u034fc\u3164d", 20, "abcd"},
		{"a command of GitHub's", "::error file=x::owned", 40, ": :error file=x::owned"},
		{"a command behind blanks", "\n\t ::stop-commands::x", 40, ": :stop-commands::x"},
		{"a command in pieces", ":\u200b:set-output::x", 40, ": :set-output::x"},
		{"a command in pieces of a mark", "\ufe0f:\ufe0f:error::x", 40, ": :error::x"},
		{"three colons", ":::x", 40, ": ::x"},
		{"no command", "std::string", 40, "std::string"},
		{"the older form", "see ##[error]owned", 40, "see # #[error]owned"},
		{"the older form in pieces", "#\u200b#\x00[group]x", 40, "# #[group]x"},
		{"the older form twice", "###[a]##[b]", 40, "## #[a]# #[b]"},
		{"the older form at the limit", "0123##[a]", 9, "0123# …"},
		{"a command at the limit", "::error", 7, ": :e…"},
		{"too long", "0123456789", 9, "012345…"},
		{"very long, and most of it nothing", "ab" + strings.Repeat("\x00", 1000) + "c", 9, "ab…"},
		{"very long, of blanks", strings.Repeat(" ", 1000) + "c", 9, "…"},
		{"very long, and cut in the middle of a character", strings.Repeat("\x00", 79) + "大大", 10, "…"},
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
			if again := plain.Line(got, test.limit+1); again != got {
				t.Errorf("%q is made another line: %q", got, again)
			}
		})
	}
}

// TestLineLooksAtABoundedPart: a registry can answer with megabytes, of which a
// line is shown.
func TestLineLooksAtABoundedPart(t *testing.T) {
	long := strings.Repeat("a\x00\n", 10<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	line := plain.Line(long, 100)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
		t.Errorf("%d bytes were allocated for the line %q", allocated, line)
	}
}

func FuzzLine(f *testing.F) {
	f.Add("one\ntwo\x1b[31m\u202e", 10)
	f.Add(" :\u200b:error::##\u200b[error]", 30)
	f.Add("####[[##[", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = 10 + (limit&0xff)%90
		got := plain.Line(s, limit)
		harmless := func(r rune) bool { return r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r) }
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !harmless(r) }) {
			t.Errorf("Line(%q, %d) = %q", s, limit, got)
		}
		if strings.Contains(got, "##[") || strings.HasPrefix(strings.TrimSpace(got), "::") {
			t.Errorf("Line(%q, %d) = %q: GitHub's runner obeys it", s, limit, got)
		}
	})
}
