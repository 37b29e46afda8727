package report

import (
	"slices"
	"strings"
	"testing"
)

func FuzzCell(f *testing.F) {
	f.Add("one\ntwo|three<script>")
	f.Fuzz(func(t *testing.T, s string) {
		if c := cell(s); strings.ContainsAny(c, "\n|<>`*_[]\\") {
			t.Errorf("cell(%q) = %q", s, c)
		}
	})
}

func TestCut(t *testing.T) {
	tests := []struct {
		in    string
		width int
		want  string
	}{
		{"0123456789", 0, "0123456789"},
		{"0123456789", 10, "0123456789"},
		{"0123456789", 9, "01234567…"},
		{"größe", 5, "größe"},
		{"größer", 5, "größ…"},
		{"ab", 1, "…"},
	}
	for _, test := range tests {
		if got := cut(test.in, test.width); got != test.want {
			t.Errorf("cut(%q, %d) = %q, want %q", test.in, test.width, got, test.want)
		}
	}
}

func TestFit(t *testing.T) {
	tests := []struct {
		widths []int
		width  int
		want   []int
	}{
		{[]int{10, 60, 20}, 0, []int{10, 60, 20}},
		{[]int{10, 60, 20}, 96, []int{10, 60, 20}},
		{[]int{10, 60, 20}, 80, []int{10, 44, 20}},
		{[]int{60, 60, 20}, 80, []int{27, 27, 20}},
		{[]int{10, 60, 20}, 10, []int{8, 8, 8}},
		{[]int{2, 9}, 1, []int{2, 8}},
	}
	for _, test := range tests {
		got := slices.Clone(test.widths)
		if fit(got, test.width); !slices.Equal(got, test.want) {
			t.Errorf("fit(%v, %d) = %v, want %v", test.widths, test.width, got, test.want)
		}
	}
}

func TestShortDigest(t *testing.T) {
	digest := "sha256:0123456789ab" + strings.Repeat("c", 52)
	tests := map[string]string{
		"":                             "",
		"no digest":                    "no digest",
		digest:                         "sha256:0123456789ab",
		"key " + digest + " of a team": "key sha256:0123456789ab of a team",
		"sha256:":                      "sha256:",
		"sha256:xyz":                   "sha256:xyz",
		"sha256:01xyz":                 "sha256:01xyz",
	}
	for in, want := range tests {
		if got := shortDigest(in); got != want {
			t.Errorf("shortDigest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHumanSize(t *testing.T) {
	tests := map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1024.0 KiB", 1 << 20: "1.0 MiB", 128 << 20: "128.0 MiB"}
	for in, want := range tests {
		if got := humanSize(in); got != want {
			t.Errorf("humanSize(%d) = %q, want %q", in, got, want)
		}
	}
}

// A predicate type is a stranger's word; it must not lead out of the folder.
func TestAttestationFileStaysInItsFolder(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0123456789abcdef", 4)
	tests := map[string]string{
		"https://cyclonedx.org/bom":     "cyclonedx-0123456789ab",
		"":                              "-0123456789ab",
		"../../etc/passwd":              "..-..-etc-passwd-0123456789ab",
		"/etc/passwd":                   "-etc-passwd-0123456789ab",
		"a\x00b\nc\\d":                  "a-b-c-d-0123456789ab",
		"größe":                         "gr--e-0123456789ab",
		"https://example.com/review/v1": "https---example.com-review-v1-0123456789ab",
		strings.Repeat("x", 100_000):    strings.Repeat("x", 80) + "-0123456789ab",
	}
	for in, want := range tests {
		if got := attestationFile(in, digest); got != want {
			t.Errorf("attestationFile(%.50q) = %q, want %q", in, got, want)
		}
	}
}
