package verify

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/sigstore/sigstore-go/pkg/fulcio/certificate"
	sigverify "github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Source is what else a certificate has to say of the job that it was given to, in
// Fulcio's extensions
// (https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md). The subject of a
// reusable workflow's certificate is the called workflow, whoever calls it: these
// say who does. Of each, the exact value or a regular expression is given, which is
// searched for; an empty Source asks for nothing. What a certificate does not say is
// no match.
type Source struct {
	Repository, RepositoryRegexp string // URI of the repository that the job runs for (1.3.6.1.4.1.57264.1.12)
	Ref, RefRegexp               string // that it runs for, in full (…1.14)
	Caller, CallerRegexp         string // URI of the workflow or the configuration that the job begins with (…1.18)
}

// field is one of the extensions, and what is asked of it.
type field struct {
	name, exact, pattern string
	value                func(certificate.Extensions) string
}

func (s Source) fields() []field {
	return []field{
		{
			"source repository", s.Repository, s.RepositoryRegexp,
			func(e certificate.Extensions) string { return e.SourceRepositoryURI },
		},
		{"source ref", s.Ref, s.RefRegexp, func(e certificate.Extensions) string { return e.SourceRepositoryRef }},
		{
			"caller workflow", s.Caller, s.CallerRegexp,
			func(e certificate.Extensions) string { return e.BuildConfigURI },
		},
	}
}

// sourceOf returns what a certificate says. A text that is no plain line could pass
// for another where it is shown, and is left out.
func sourceOf(c certificate.Summary) Source {
	text := func(s string) string {
		if plain.Line(s, maxDetail) != s {
			return ""
		}
		return s
	}
	return Source{
		Repository: text(c.SourceRepositoryURI), Ref: text(c.SourceRepositoryRef),
		Caller: text(c.BuildConfigURI),
	}
}

// String names what is asked for, or nothing.
func (s Source) String() string {
	var parts []string
	for _, f := range s.fields() {
		if f.exact+f.pattern != "" {
			parts = append(parts, f.name+" "+either(f.exact, f.pattern))
		}
	}
	return strings.Join(parts, ", ")
}

// check refuses what no certificate could ever say.
func (s Source) check() error {
	for _, f := range s.fields() {
		if _, err := regexp.Compile(f.pattern); err != nil {
			return fault.Usagef("the accepted %s /%s/: %w", f.name, plain.Line(f.pattern, maxDetail), err)
		}
	}
	for name, address := range map[string]string{"source repository": s.Repository, "caller workflow": s.Caller} {
		if u, err := url.Parse(address); address != "" && (err != nil || u.Scheme == "" || u.Host == "") {
			return fault.WithHint(fault.Usagef("the accepted %s is %q, which is no address", name,
				plain.Line(address, maxDetail)),
				"write it as the certificate has it: https://github.com/team/shop, or https://github.com/team/shop/.github/workflows/ci.yml@refs/heads/main")
		}
	}
	if s.Ref != "" && !strings.HasPrefix(s.Ref, "refs/") {
		return fault.WithHint(fault.Usagef("the accepted source ref is %q, which is no ref in full",
			plain.Line(s.Ref, maxDetail)),
			"write refs/heads/main or refs/tags/v1")
	}
	return nil
}

// mismatch says what a certificate says otherwise, or not at all; empty: nothing.
func (s Source) mismatch(e certificate.Extensions) string {
	for _, f := range s.fields() {
		said := f.value(e)
		switch {
		case f.exact+f.pattern == "":
		case said == "":
			return "its certificate names no " + f.name
		case f.exact != "" && f.exact != said, f.pattern != "" && !regexp.MustCompile(f.pattern).MatchString(said):
			return fmt.Sprintf("its certificate names the %s %s", f.name, plain.Line(said, maxDetail))
		}
	}
	return ""
}

// matcher accepts the certificates of one identity.
type matcher struct {
	subject sigverify.CertificateIdentity
	source  Source
}

func newMatcher(i Identity) (matcher, error) {
	subject, err := sigverify.NewShortCertificateIdentity(i.Issuer, i.IssuerRegexp, i.Subject, i.SubjectRegexp)
	if err != nil {
		return matcher{}, fault.Usagef("the accepted identity %s: %w", i, err)
	}
	return matcher{subject, i.Source}, i.Source.check()
}

// refusal says why none of the identities is that of a certificate; empty: one is.
// The one that fits best is told of.
func (i identities) refusal(c certificate.Summary) string {
	why := "who is not an accepted signer"
	for _, m := range i.matchers {
		if m.subject.Verify(c) != nil {
			continue
		}
		mismatch := m.source.mismatch(c.Extensions)
		if mismatch == "" {
			return ""
		}
		why = "who is not an accepted signer for this source: " + mismatch
	}
	return why
}
