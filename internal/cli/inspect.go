package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/report"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

func (a *app) inspect() *cobra.Command {
	return a.command(cmdInspect, "[IMAGE]", "Show what is attached, verified or not",
		func(ctx context.Context, v values, args []string) error {
			return a.timed(ctx, v, func(ctx context.Context) error { return a.inspectJob(ctx, v, args) })
		})
}

func (a *app) inspectJob(ctx context.Context, v values, args []string) error {
	format, err := v.oneOf("output", "table", "json")
	if err != nil {
		return err
	}
	p, err := a.place(v, args)
	if err != nil {
		return err
	}
	trust, err := a.optionalTrust(ctx, v)
	if err != nil {
		return err
	}
	subject, err := p.registry.Resolve(ctx, p.reference)
	if err != nil {
		return err
	}
	everything := append(p.attached(), p.signatures)
	entries, err := everything.List(ctx, subject)
	if err != nil {
		return err
	}
	rows, err := a.inspected(ctx, p, subject, entries, trust)
	if err != nil {
		return err
	}
	if err := a.printListing(format, subject, rows); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Unread {
			return e.Err
		}
	}
	if dir := v.text("extract"); dir != "" {
		return a.extract(dir, entries, rows)
	}
	return nil
}

// inspected returns a row for each entry, in their order, and then one for each
// statement that BuildKit left in an index.
func (a *app) inspected(ctx context.Context, p place, subject attest.Subject, entries []store.Entry, trust verify.Trust) ([]report.Row, error) {
	rows := make([]report.Row, len(entries))
	for i, e := range entries {
		rows[i] = row(e, subject, trust)
		rows[i].Reason = a.redact(rows[i].Reason)
	}
	built, err := p.registry.BuildAttestations(ctx, subject)
	if err != nil {
		return nil, err
	}
	for _, b := range built {
		rows = append(rows, report.Row{
			Format: "buildkit", Type: b.PredicateType, Size: b.Size, Digest: b.Digest, Reason: "unsigned, about " + b.Of,
		})
	}
	return rows, nil
}

// optionalTrust is the readers' trust; without a key, nobody is trusted and
// everything is shown as unverified.
func (a *app) optionalTrust(ctx context.Context, v values) (verify.Trust, error) {
	keys, err := a.publicKeys(ctx, v)
	if err != nil {
		return verify.Trust{}, err
	}
	return a.accepted(v, keys)
}

func (a *app) printListing(format string, subject attest.Subject, rows []report.Row) error {
	if format == "json" {
		content, err := report.ListingJSON(rows)
		if err != nil {
			return err
		}
		_, err = a.stdio.Out.Write(content)
		return err
	}
	_, _ = fmt.Fprintf(a.stdio.Out, "%s\n", subject)
	if len(rows) == 0 {
		_, _ = fmt.Fprintln(a.stdio.Out, "  nothing is attached")
		return nil
	}
	_, err := a.stdio.Out.Write(report.Listing(rows, a.style()))
	return err
}

// row says of an entry what can be said without believing it.
func row(e store.Entry, subject attest.Subject, trust verify.Trust) report.Row {
	r := report.Row{Format: string(e.Format), Type: e.ClaimedType, Size: e.Size, Digest: e.Digest}
	if e.Err != nil {
		r.Reason = "unreadable: " + e.Err.Error()
		return r
	}
	if e.Format == store.FormatSig {
		return signatureRow(r, e, subject, trust)
	}
	envelope, err := e.Envelope()
	if err != nil {
		r.Reason = "not an attestation: " + err.Error()
		return r
	}
	if statement, err := attest.ParseStatement(envelope.Payload()); err == nil {
		r.Type, r.Time = statement.PredicateType, statement.ClaimedTime()
	}
	v, err := pipeline.VerifyEntry(e, subject, trust)
	switch {
	case err == nil:
		r.Verified, r.Signer, r.Time = true, v.Signer(), v.Time()
	case len(trust.Signers()) == 0:
		r.Reason = "no key given"
	default:
		r.Reason = err.Error()
	}
	return r
}

// signatureRow says of a signature of the image who made it.
func signatureRow(r report.Row, e store.Entry, subject attest.Subject, trust verify.Trust) report.Row {
	r.Type = attest.TypeSignature
	signature, err := e.Signature()
	if err != nil {
		r.Reason = "not a signature: " + err.Error()
		return r
	}
	signer, at, err := verify.Signature(signature, subject, trust)
	switch {
	case err == nil:
		r.Verified, r.Signer, r.Time = true, signer, at
	case len(trust.Signers()) == 0:
		r.Reason = "no key given"
	default:
		r.Reason = err.Error()
	}
	return r
}

// extract writes the statement of every readable envelope to a folder.
func (a *app) extract(dir string, entries []store.Entry, rows []report.Row) error {
	count := 0
	for i, e := range entries {
		envelope, err := e.Envelope()
		if err != nil {
			continue // the listing says so
		}
		if err := report.Extract(dir, rows[i].Type, envelope); err != nil {
			return fault.WithHint(err, "name a folder that can be written to with --extract")
		}
		count++
	}
	_, _ = fmt.Fprintf(a.stdio.Err, "%d statements written to %s\n", count, dir)
	return nil
}
