package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/report"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

func (a *app) verify() *cobra.Command {
	return a.command(cmdVerify, "[IMAGE]", "Verify what is attached, and print the statements",
		func(ctx context.Context, v values, args []string) error {
			return a.timed(ctx, v, func(ctx context.Context) error { return a.verifyJob(ctx, v, args) })
		})
}

func (a *app) verifyJob(ctx context.Context, v values, args []string) error {
	format, err := v.oneOf("output", "table", "json")
	if err != nil {
		return err
	}
	wanted, err := wantedType(v)
	if err != nil {
		return err
	}
	maxAge, err := v.duration("max-age")
	if err != nil {
		return err
	}
	allowed, err := policy.ParseAllowance(v.list("allow-unread"))
	if err != nil {
		return err
	}
	asked, err := a.policies(ctx, v)
	if err != nil {
		return err
	}
	x, err := a.examine(ctx, v, args)
	if err != nil {
		return err
	}
	x.Examination = x.NotOlderThan(maxAge, time.Now())
	verified := ofType(x.Verified, wanted)
	if err := a.printVerified(format, verified, x.Rejected); err != nil {
		return err
	}
	if err := x.Complete(policy.NeedEvery); err != nil { // who reads them takes them for all that there is
		return fmt.Errorf("verifying %s: %w", x.subject, err)
	}
	if len(verified) == 0 {
		return noneVerified(x, wanted)
	}
	x.Verified = verified
	return a.judge(ctx, x, policy.Rules{Policies: asked, AllowUnread: allowed})
}

// judge decides by policies on what was verified, and says on standard error why:
// standard output is the statements'.
func (a *app) judge(ctx context.Context, x examined, rules policy.Rules) error {
	if len(rules.Policies) == 0 {
		return nil
	}
	e, err := a.evidence(ctx, x, rules.Policies)
	if err != nil {
		return err
	}
	verdict := rules.Decide(ctx, e)
	if err := ctx.Err(); err != nil {
		return err
	}
	a.decide(verdict)
	content := report.Checks(x.subject, verdict, report.Style{})
	if a.json {
		if content, err = report.ChecksJSON(x.subject, verdict); err != nil {
			return err
		}
	}
	_, err = a.stdio.Err.Write(content)
	return err
}

func (a *app) printVerified(format string, verified []verify.Verified, rejected []pipeline.Rejection) error {
	if format == "json" {
		statements, err := report.Statements(verified)
		if err != nil {
			return err
		}
		_, err = a.stdio.Out.Write(statements)
		return err
	}
	_, err := a.stdio.Out.Write(report.VerifiedTable(verified, rejected, a.style()))
	return err
}

// wantedType reads the input type; empty means all.
func wantedType(v values) (string, error) {
	if v.text("type") == "" {
		return "", nil
	}
	return attest.ParseType(v.text("type"))
}

func ofType(verified []verify.Verified, wanted string) []verify.Verified {
	var out []verify.Verified
	for _, v := range verified {
		if wanted == "" || attest.SameType(v.PredicateType(), wanted) {
			out = append(out, v)
		}
	}
	return out
}

// noneVerified says why there is nothing to believe: nothing is there, what is there
// has not the age that is asked for, nothing of it is signed by an accepted signer,
// something else is wrong with it, or nothing is of the type.
func noneVerified(x examined, wanted string) error {
	attached := len(x.Verified) + len(x.Rejected)
	old := x.TooOld(wanted)
	blameless := slices.IndexFunc(x.Rejected, func(r pipeline.Rejection) bool { return !verify.WrongSigner(r.Reason) })
	switch {
	case len(old) > 0:
		return fault.WithHint(fault.Undecidedf("verifying %s: %s by an accepted signer, of the wrong age: of type %s, %w",
			x.subject, plain.Count(len(old), "attestation"), plain.Line(attest.ShortType(old[0].ClaimedType), 100), old[0].Reason),
			"let hallmark run or rescan make it anew, or give another max-age; a time in the future is a clock that is wrong")
	case attached == 0:
		return fault.WithHint(fault.Undecidedf("verifying %s: nothing is attached, neither under %s nor as a referrer", x.subject, x.location),
			"hallmark run and hallmark attest attach; COSIGN_REPOSITORY must be the same as then")
	case len(x.Verified) == 0 && blameless >= 0:
		return fault.WithHint(fault.Undecidedf("verifying %s: %s attached, none believed: of one, %w",
			x.subject, plain.Count(attached, "attestation"), x.Rejected[blameless].Reason), "hallmark inspect shows what is attached, and what is wrong with each")
	case len(x.Verified) == 0:
		return fault.WithHint(fault.Undecidedf("verifying %s: %s attached, none signed by an accepted signer (%s)",
			x.subject, plain.Count(attached, "attestation"), strings.Join(x.trust.Signers(), ", ")),
			"is it the right public key? hallmark inspect shows what is attached")
	}
	return fault.WithHint(fault.Undecidedf("verifying %s: no attestation of type %s by an accepted signer", x.subject, attest.ShortType(wanted)),
		"there are: %s", strings.Join(typesOf(x.Verified), ", "))
}

// typesOf names the predicate types, each once.
func typesOf(verified []verify.Verified) []string {
	var names []string
	for _, v := range verified {
		if name := plain.Line(attest.ShortType(v.PredicateType()), 100); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// examined is what is attached to an image, where it was looked for, and whom
// it was verified by.
type examined struct {
	pipeline.Examination
	registry *image.Registry
	subject  attest.Subject
	location string
	trust    verify.Trust
}

// examine resolves the image and verifies what is attached to it.
func (a *app) examine(ctx context.Context, v values, args []string) (examined, error) {
	p, err := a.place(v, args)
	if err != nil {
		return examined{}, err
	}
	trust, err := a.readerTrust(ctx, v)
	if err != nil {
		return examined{}, err
	}
	subject, err := p.registry.Resolve(ctx, p.reference)
	if err != nil {
		return examined{}, err
	}
	location, err := p.att.Location(subject)
	if err != nil {
		return examined{}, err
	}
	found, err := pipeline.Examine(ctx, p.attached(), subject, trust)
	found.Rejected = mapped(found.Rejected, a.redactedRejection)
	return examined{Examination: found, registry: p.registry, subject: subject, location: location.String(), trust: trust}, err
}
