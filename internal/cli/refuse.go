package cli

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// refuse refuses values that are a secret themselves where only the name of one
// belongs. A message would show it, and so would the log. What it says names the
// input and never the value. Inputs that are secret are shown nowhere, and may be
// anything.
func (v values) refuse(args []string) error {
	for _, in := range v.inputs {
		if in.secret {
			continue
		}
		for _, value := range v.resolve(in) {
			if what := secretIn(value, in.refers); what != "" {
				return fault.WithHint(fault.Usagef("%s %s", in.name, what), "%s", instead(in, what))
			}
		}
	}
	for _, value := range args {
		if what := secretIn(value, !strings.Contains(value, "://") && looksPulled(value)); what != "" {
			return fault.WithHint(fault.Usagef("the argument %s", what), "%s", instead(input{name: "image"}, what))
		}
	}
	return nil
}

// What a value may hold that is not to be seen.
const (
	holdsKey   = "holds a key itself, in PEM form"
	holdsToken = "holds a token itself"
	holdsLogin = "holds a login"
	holdsLines = "holds a line break or a character that cannot be seen"
)

// secretIn says what there is in a value that must not be shown; empty: nothing.
// In a reference to something in a registry, an @ begins a digest and nothing else.
func secretIn(value string, reference bool) string {
	switch {
	case strings.Contains(value, "-----BEGIN"), strings.Contains(value, "LS0tLS1CRUdJTi"): // the same in base64
		return holdsKey
	case regexp.MustCompile(`(^|[\s=:'"@])eyJ`).MatchString(value): // JSON in base64, as tokens and docker's logins
		return holdsToken
	case strings.ContainsFunc(value, unicode.IsControl):
		return holdsLines
	case withLogin(value, reference):
		return holdsLogin
	}
	return ""
}

// withLogin reports whether a value holds a login where none can be given, or one
// that cannot be told from the rest and so not be hidden.
func withLogin(value string, reference bool) bool {
	scheme, rest, remote := strings.Cut(value, "://")
	switch {
	case !remote && reference:
		return strayAt(value)
	case !remote:
		return regexp.MustCompile(`^([\w.:-]+=)?[\w.%+-]+:[^/@\s]*@`).MatchString(value) && strayAt(value)
	case reference, scheme == "oci":
		return strayAt(rest)
	case scheme == "https", scheme == "http":
		return unhideable(value)
	}
	authority, _, _ := strings.Cut(rest, "/")
	return strings.Contains(authority, "@") && regexp.MustCompile(`^[a-z]+$`).MatchString(scheme)
}

// unhideable reports whether nobody can tell where the login of an https address ends.
func unhideable(value string) bool {
	if !strings.Contains(value, "@") {
		return false
	}
	address, err := url.Parse(value)
	return err != nil || address.User != nil && strings.Contains(address.Path, "@")
}

// strayAt reports whether there is an @ that begins no digest.
func strayAt(reference string) bool {
	_, after, found := strings.Cut(reference, "@")
	return found && !regexp.MustCompile(`^(sha256|sha512):[0-9a-fA-F]*$`).MatchString(after)
}

// looksPulled reports whether an argument is a reference rather than a path.
func looksPulled(value string) bool {
	return strings.Contains(value, "@") && !strings.HasSuffix(value, ".rego")
}

// instead says how to give what a value held.
func instead(in input, what string) string {
	switch {
	case what == holdsLogin:
		return "give the login with registry-username and registry-password, " +
			"or percent-encode what is special in that of an https URL"
	case what == holdsLines:
		return "a list is given by repeating its flag; " +
			"for a key give the name of its file, or env://NAME of the variable that has it"
	case what == holdsToken && in.name == "identity-token":
		return "give the name of a file that holds it, or put it into SIGSTORE_ID_TOKEN"
	case strings.HasSuffix(in.name, "key"):
		return "give the name of its file, or env://NAME of the variable that holds it"
	}
	return "write it to a file, and give the name of the file"
}
