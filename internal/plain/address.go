package plain

import (
	"net/url"
	"regexp"
	"strings"
)

// Hidden stands where a secret was taken out of a text.
const Hidden = "[secret]"

// Address returns a URL as it may be shown and attested: without its user, its
// password and its query, any of which may be a secret, and without its fragment
// unless that pins a digest (#sha256=). What cannot be parsed keeps its scheme
// only. Text that is no URL is returned as it is.
func Address(text string) string {
	scheme, _, remote := strings.Cut(text, "://")
	if !remote {
		return text
	}
	address, err := url.Parse(text)
	if err != nil {
		return scheme + "://…"
	}
	pinned := strings.HasPrefix(address.Fragment, "sha256=")
	if address.User == nil && address.RawQuery == "" && !address.ForceQuery && (address.Fragment == "" || pinned) {
		return text
	}
	address.User, address.RawQuery, address.ForceQuery = nil, "", false
	if !pinned {
		address.Fragment, address.RawFragment = "", ""
	}
	return address.String()
}

// Redact returns a text that others wrote, such as an error of a library, without
// what gives a secret away by its form: logins and queries of URLs, keys in PEM
// form, and JSON web tokens. Secrets that have no form are for who knows them.
func Redact(text string) string {
	text = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]+-----.*?(-----END [A-Z0-9 ]+-----|$)`).ReplaceAllString(text, Hidden)
	text = regexp.MustCompile(`\beyJ[A-Za-z0-9_=-]{4,}(\.[A-Za-z0-9_=-]*)*`).ReplaceAllString(text, Hidden)
	return regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>`+"`"+`]+`).ReplaceAllStringFunc(text, func(found string) string {
		address := strings.TrimRight(found, ".,;:)]}")
		return Address(address) + found[len(address):]
	})
}
