package attest

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Need is what a reader wants to know of an image, whichever predicate type
// answers it. Two statements of one need can contradict each other, so a run that
// makes one takes none from elsewhere. A type that shares its need with no other is
// a need of its own, under its URI without the version.
type Need string

// Needs that several predicate types answer.
const (
	NeedSBOM       Need = "sbom"
	NeedScan       Need = "scan"
	NeedProvenance Need = "provenance"
	NeedVerdict    Need = "verdict"
	NeedVEX        Need = "openvex"
	NeedSARIF      Need = "sarif"
)

// family is a need with its predicate types.
type family struct {
	need  Need
	types []string // that policies read, the preferred one first
	below []string // normalized beginnings of all types that answer the need, of whatever version
}

func families() []family {
	return []family{
		{NeedSBOM, []string{TypeCycloneDX, TypeSPDX}, []string{
			"cyclonedx.org/bom", "cyclonedx.org/schema", "cyclonedx.org/specification",
			"spdx.dev/document", "spdx.org/rdf", "spdx.org/spdx", "spdx.github.io/spdx-spec", "syft.dev/bom",
		}},
		{NeedScan, []string{TypeVuln}, []string{
			"cosign.sigstore.dev/attestation/vuln", "cosign.sigstore.dev/attestation/vulns",
			"in-toto.io/attestation/vuln", "in-toto.io/attestation/vulns",
		}},
		{NeedProvenance, []string{TypeSLSA1, TypeSLSA02}, []string{"slsa.dev/provenance", "in-toto.io/provenance"}},
		{NeedVerdict, []string{TypeVSA}, []string{
			"slsa.dev/verification_summary", "slsa.dev/verificationsummary", "slsa.dev/vsa",
		}},
		{NeedVEX, []string{TypeOpenVEX}, []string{"openvex.dev/ns", "cyclonedx.org/vex"}},
		{NeedSARIF, []string{TypeSARIF}, []string{
			"schemastore.org/schemas/json", "json.schemastore.org", "docs.oasis-open.org/sarif",
		}},
	}
}

// NeedOf returns the need that a predicate type answers: every version of a
// format, however its URI is spelt.
func NeedOf(uri string) Need {
	normalized := NormalizeURI(uri)
	for _, f := range families() {
		if slices.ContainsFunc(f.below, func(start string) bool { return isBelow(normalized, start) }) {
			return f.need
		}
	}
	return Need(withoutVersion(normalized))
}

// withoutVersion returns a normalized URI without the version at its end, /v0.1.
func withoutVersion(uri string) string {
	return regexp.MustCompile(`/v?[0-9]+(\.[0-9]+)*(-[a-z0-9.]+)?$`).ReplaceAllString(uri, "")
}

// isBelow reports whether a normalized URI is another, or a path or a version
// below it.
func isBelow(uri, start string) bool {
	rest, ok := strings.CutPrefix(uri, start)
	return ok && (rest == "" || strings.ContainsAny(rest[:1], "/@"))
}

// Types returns the predicate types that policies read for the need, the preferred
// one first; none for a need that is a type of its own.
func (n Need) Types() []string {
	for _, f := range families() {
		if f.need == n {
			return f.types
		}
	}
	return nil
}

// maxDecodings bounds how often a URI is percent-decoded.
const maxDecodings = 8

// NormalizeURI returns what is equal for all spellings of a URI that a careless
// reader could take for the same one: scheme, port, login, query and fragment are
// left out, percent-encodings are decoded, letters are lower-case, and the path is
// clean.
func NormalizeURI(uri string) string {
	text := strings.TrimSpace(uri)
	for range maxDecodings {
		decoded, err := url.PathUnescape(text)
		if err != nil || decoded == text {
			break
		}
		text = decoded
	}
	text = strings.ToLower(strings.Map(visible, strings.ReplaceAll(text, `\`, "/")))
	if i := strings.IndexAny(text, "?#"); i >= 0 {
		text = text[:i]
	}
	if _, rest, ok := strings.Cut(text, ":/"); ok && !strings.Contains(text[:strings.Index(text, ":/")], "/") {
		text = rest
	}
	host, rest, _ := strings.Cut(strings.TrimLeft(text, "/"), "/")
	host = host[strings.LastIndex(host, "@")+1:]
	host, _, _ = strings.Cut(host, ":")
	host = strings.TrimPrefix(strings.TrimSuffix(host, "."), "www.")
	return strings.TrimSuffix(strings.TrimSuffix(host+path.Clean("/"+rest), "/"), ".git")
}

// visible drops white space and control characters.
func visible(r rune) rune {
	if r <= ' ' || r >= 0x7f && r < 0xa1 || r == '\u200b' || r == '\u200c' || r == '\u200d' || r == '\u2060' ||
		r == '\ufeff' {
		return -1
	}
	return r
}
