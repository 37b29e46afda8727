package report

import (
	"errors"
	"slices"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
)

// reasonLimit is what policy lets a reason have: bytes.
const reasonLimit = 1000

// cleaned returns the result with every text that others wrote as one printable,
// bounded line. A format then escapes for its own syntax and for nothing else.
func cleaned(r pipeline.Result) pipeline.Result {
	r.Reference, r.Platform, r.System = line(r.Reference), line(r.Platform), line(r.System)
	if r.Failure != nil {
		r.Failure = errors.New(plain.Line(r.Failure.Error(), reasonLimit))
	}
	r.Platforms = mapped(r.Platforms, cleaned)
	r.Ecosystems = mapped(r.Ecosystems, func(e catalog.Ecosystem) catalog.Ecosystem {
		e.Name = line(e.Name)
		return e
	})
	r.Packages = mapped(r.Packages, cleanedPackage)
	r.Origin = cleanedOrigin(r.Origin)
	if r.Scan != nil {
		scan := *r.Scan
		scan.Database.Schema, scan.Database.Source = line(scan.Database.Schema), line(scan.Database.Source)
		scan.Findings = mapped(scan.Findings, cleanedFinding)
		r.Scan = &scan
	}
	r.Unread = mapped(r.Unread, cleanedGap)
	r.Rejected = mapped(r.Rejected, func(x pipeline.Rejection) pipeline.Rejection {
		x.Digest, x.ClaimedType, x.Reason = line(x.Digest), line(x.ClaimedType), errors.New(line(x.Reason.Error()))
		return x
	})
	r.Verdict.Results = mapped(r.Verdict.Results, cleanedCheck)
	r.Notes = mapped(r.Notes, func(note string) string { return plain.Line(note, reasonLimit) })
	return r
}

// line returns one harmless line of a text that somebody else wrote.
func line(s string) string { return plain.Line(s, textLimit) }

func mapped[T any](in []T, change func(T) T) []T {
	out := slices.Clone(in)
	for i := range out {
		out[i] = change(out[i])
	}
	return out
}

func cleanedOrigin(o attest.Origin) attest.Origin {
	o.Kind, o.By = attest.OriginKind(line(string(o.Kind))), line(o.By)
	o.Tools = mapped(o.Tools, func(t attest.Tool) attest.Tool {
		return attest.Tool{Name: line(t.Name), Version: line(t.Version)}
	})
	o.Inputs = mapped(o.Inputs, func(in attest.Input) attest.Input {
		in.Name, in.Digest = line(in.Name), line(in.Digest)
		if in.Origin != nil {
			inner := cleanedOrigin(*in.Origin)
			in.Origin = &inner
		}
		return in
	})
	return o
}

func cleanedPackage(p catalog.Package) catalog.Package {
	p.Name, p.Version, p.Type, p.PURL = line(p.Name), line(p.Version), line(p.Type), line(p.PURL)
	p.Licences = mapped(p.Licences, line)
	return p
}

func cleanedFinding(f finding.Finding) finding.Finding {
	p := f.Package
	f.ID, f.FixState = line(f.ID), line(f.FixState)
	f.Package = finding.Package{Name: line(p.Name), Version: line(p.Version), Type: line(p.Type), PURL: line(p.PURL)}
	f.Aliases, f.FixedIn, f.Platforms = mapped(f.Aliases, line), mapped(f.FixedIn, line), mapped(f.Platforms, line)
	if s := f.SuppressedBy; s != nil {
		f.SuppressedBy = &finding.Suppression{
			Source: line(s.Source), Reason: plain.Line(s.Reason, reasonLimit), By: line(s.By), Until: s.Until, Document: line(s.Document),
		}
	}
	return f
}

func cleanedCheck(c policy.Result) policy.Result {
	c.Name, c.Platform, c.Title, c.Severity = line(c.Name), line(c.Platform), line(c.Title), line(c.Severity)
	c.Description = plain.Line(c.Description, reasonLimit)
	c.Digest, c.PredicateType, c.Dialect = line(c.Digest), line(c.PredicateType), policy.Dialect(line(string(c.Dialect)))
	c.Controls = mapped(c.Controls, func(k policy.Control) policy.Control {
		return policy.Control{Framework: line(k.Framework), ID: line(k.ID)}
	})
	c.Reasons, c.Warnings = mapped(c.Reasons, cleanedReason), mapped(c.Warnings, cleanedReason)
	c.Waived = mapped(c.Waived, func(w policy.Waived) policy.Waived {
		w.Reason, w.Why, w.By, w.Document = cleanedReason(w.Reason), plain.Line(w.Why, reasonLimit), line(w.By), line(w.Document)
		return w
	})
	return c
}

func cleanedReason(r policy.Reason) policy.Reason {
	return policy.Reason{
		Message: plain.Line(r.Message, reasonLimit), ID: line(r.ID), Severity: line(r.Severity),
		Resource: line(r.Resource), Fix: plain.Line(r.Fix, reasonLimit),
	}
}
