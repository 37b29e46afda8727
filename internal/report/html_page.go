package report

import (
	"fmt"
	"html/template"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// page is what report.html shows, in words.
type page struct {
	Policy          string
	Style           template.CSS
	Script          template.JS
	Project         string
	Version         string
	Outcome         string
	Word            string
	Glyph           string
	Headline        string
	Failure         string
	Requested       string
	Digest          string
	Facts           []fact
	Sections        []section
	Notes           []string
	Checks          []checkView
	Frameworks      []frameworkView
	Scan            *scanView
	Unread          []gapView
	Exceptions      []exception
	Platforms       []platformView
	Ecosystems      string
	Types           []string
	Packages        []packageView
	Licences        []licenceView
	AttestationLead string
	Attestations    []attestationView
	Rejected        []rejectedView
	Again           []string
}

type fact struct{ Name, Value string }

type section struct {
	ID, Name string
	Count    int
}

type platformView struct{ Name, Class, Glyph, Outcome, Found, Packages, Digest string }

type attestationView struct{ Type, Signer, Time, By, Digest string }

type rejectedView struct{ Type, Reason, Digest string }

func newPage(r pipeline.Result) page {
	o := outcome(r)
	p := page{
		Project: projectURL, Version: line(r.Version), Outcome: o.String(), Word: word(r), Glyph: glyph(o), Headline: headline(r),
		Requested: requested(r), Digest: r.Subject.Digest().DigestStr(), Facts: factsOf(r), Notes: r.Notes,
		Checks: checkViews(r), Frameworks: frameworkViews(r), Scan: scanViewOf(r), Unread: gapsOf(r), Exceptions: exceptionViews(r),
		Platforms: platformViews(r), Again: againCommands(r),
	}
	if r.Failure != nil {
		p.Failure = r.Failure.Error()
	}
	p.Packages = packageViews(r)
	p.Types, p.Licences = typesOf(p.Packages), licenceViews(p.Packages)
	if len(r.Ecosystems) > 0 {
		p.Ecosystems = packageLine(r.Ecosystems) + "."
	} else if len(p.Packages) > 0 {
		p.Ecosystems = plain.Count(len(p.Packages), "package") + "."
	}
	p.attestations(r)
	p.Sections = sectionsOf(p)
	return p
}

// word is the verdict as a heading.
func word(r pipeline.Result) string {
	if r.Failure != nil {
		return "Failed"
	}
	switch r.Verdict.Outcome {
	case policy.Pass:
		return "Passed"
	case policy.Deny:
		return "Denied"
	case policy.Undecided:
	}
	return "Undecided"
}

// glyph is a sign beside a word, never instead of one.
func glyph(o policy.Outcome) string {
	switch o {
	case policy.Pass:
		return "✓"
	case policy.Deny:
		return "✕"
	case policy.Undecided:
	}
	return "?"
}

func factsOf(r pipeline.Result) []fact {
	var out []fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, fact{name, value})
		}
	}
	if r.Scan != nil {
		add("Findings", countLine(r.Scan.Summary().Counts.Effective))
		if !r.Scan.Finished.IsZero() {
			add("Scanned", shownTime(r.Scan.Finished)+" UTC")
		}
		if !r.Scan.Database.Built.IsZero() {
			add("Vulnerability database", databaseWords(r.Scan.Database))
		}
	} else {
		add("Findings", "not scanned")
	}
	if n := len(packagesOf(r)); n > 0 {
		add("Packages", fmt.Sprint(n))
	}
	add("SBOM", line(originLine(r)))
	add("Operating system", system(r))
	switch {
	case r.Failure != nil:
	case r.Pushed:
		add("Attestations", fmt.Sprintf("%d attached by this run, %d verified in all", len(r.Attached), len(r.Verified)))
	default:
		add("Attestations", "signed and verified, not pushed")
	}
	if r.Signed != "" {
		add("Image signed by", line(r.Signed))
	}
	return out
}

func sectionsOf(p page) []section {
	var out []section
	add := func(id, name string, count int, there bool) {
		if there {
			out = append(out, section{id, name, count})
		}
	}
	controls := 0
	for _, f := range p.Frameworks {
		controls += len(f.Controls)
	}
	add("notes", "Notes", len(p.Notes), len(p.Notes) > 0)
	add("checks", "Checks", len(p.Checks), len(p.Checks) > 0)
	add("controls", "Controls", controls, controls > 0)
	if p.Scan != nil {
		add("findings", "Vulnerabilities", len(p.Scan.Rows), true)
	}
	add("unread", "Not read", len(p.Unread), len(p.Unread) > 0)
	add("exceptions", "Waived", len(p.Exceptions), len(p.Exceptions) > 0)
	add("platforms", "Platforms", len(p.Platforms), len(p.Platforms) > 0)
	add("packages", "Packages", len(p.Packages), len(p.Packages) > 0)
	add("licences", "Licences", len(p.Licences), len(p.Licences) > 0)
	add("attestations", "Attestations", len(p.Attestations), len(p.Attestations) > 0)
	add("rejected", "Not believed", len(p.Rejected), len(p.Rejected) > 0)
	add("again", "Check it again", 0, len(p.Again) > 0)
	return out
}

// exceptionViews are the exceptions with digests that fit their column.
func exceptionViews(r pipeline.Result) []exception {
	return mapped(exceptionsOf(r), func(x exception) exception {
		x.Document = shortDigest(x.Document)
		return x
	})
}

func platformViews(r pipeline.Result) []platformView {
	var out []platformView
	for _, p := range r.Platforms {
		found := "not scanned"
		if p.Scan != nil {
			found = countLine(p.Scan.Summary().Counts.Effective)
		}
		o := outcome(p)
		if r.Failure != nil {
			o = policy.Undecided
		}
		out = append(out, platformView{
			Name: p.Platform, Class: o.String(), Glyph: glyph(o), Outcome: o.String(), Found: found,
			Packages: fmt.Sprint(len(p.Packages)), Digest: p.Subject.Digest().DigestStr(),
		})
	}
	return out
}

func (p *page) attestations(r pipeline.Result) {
	own := ownOf(r)
	for _, v := range r.Verified {
		by := "an earlier run"
		if own[v.Envelope().Digest()] {
			by = "this run"
		}
		p.Attestations = append(p.Attestations, attestationView{
			line(attest.ShortType(v.PredicateType())), line(v.Signer()), shownTime(v.Time()), by, line(v.Envelope().Digest()),
		})
	}
	for _, x := range r.Rejected {
		p.Rejected = append(p.Rejected, rejectedView{line(attest.ShortType(x.ClaimedType)), x.Reason.Error(), x.Digest})
	}
	p.AttestationLead = "Read back from the registry and verified."
	if !r.Pushed {
		p.AttestationLead = "Signed and verified here, and not pushed to the registry."
	}
}

func typesOf(packages []packageView) []string {
	var out []string
	for _, p := range packages {
		if !slices.Contains(out, p.Type) {
			out = append(out, p.Type)
		}
	}
	slices.Sort(out)
	return out
}
