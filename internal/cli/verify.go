package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
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
	subject, examined, err := a.examine(ctx, v, args)
	if err != nil {
		return err
	}
	verified := ofType(examined.Verified, wanted)
	if err := a.printVerified(format, verified, examined.Rejected); err != nil {
		return err
	}
	if len(verified) == 0 {
		return noneVerified(subject, wanted, examined)
	}
	return nil
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

func noneVerified(subject attest.Subject, wanted string, examined pipeline.Examination) error {
	what := "attestation"
	if wanted != "" {
		what += " of type " + attest.ShortType(wanted)
	}
	err := fault.Undecidedf("verifying %s: no %s by an accepted signer (%d attached, %d not believed)",
		subject, what, len(examined.Verified)+len(examined.Rejected), len(examined.Rejected))
	return fault.WithHint(err, "hallmark inspect %s shows what is attached", subject)
}

// examine resolves the image and verifies what is attached to it.
func (a *app) examine(ctx context.Context, v values, args []string) (attest.Subject, pipeline.Examination, error) {
	p, err := a.place(v, args)
	if err != nil {
		return attest.Subject{}, pipeline.Examination{}, err
	}
	trust, err := a.readerTrust(v)
	if err != nil {
		return attest.Subject{}, pipeline.Examination{}, err
	}
	subject, err := p.registry.Resolve(ctx, p.reference)
	if err != nil {
		return attest.Subject{}, pipeline.Examination{}, err
	}
	examined, err := pipeline.Examine(ctx, p.store, subject, trust)
	return subject, examined, err
}
