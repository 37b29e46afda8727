package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/report"
	"github.com/hallmark-ci/hallmark/internal/waiver"
)

func (a *app) gate() *cobra.Command {
	return a.command(cmdGate, "[IMAGE]", "Evaluate policies on what is attached and verified",
		func(ctx context.Context, v values, args []string) error {
			return a.timed(ctx, v, func(ctx context.Context) error { return a.gateJob(ctx, v, args) })
		})
}

func (a *app) gateJob(ctx context.Context, v values, args []string) error {
	format, err := v.oneOf("output", "table", "json")
	if err != nil {
		return err
	}
	rules, waivers, err := a.gateRules(ctx, v)
	if err != nil {
		return err
	}
	if len(rules.Policies) == 0 && !rules.Cutoff.Set() {
		return fault.WithHint(fault.Usagef("nothing to gate on"),
			"give --policy FILE or --severity-cutoff SEVERITY; only-fixed, max-scan-age and vuln-db-max-age belong to them")
	}
	x, err := a.examine(ctx, v, args)
	if err != nil {
		return err
	}
	e, err := a.evidence(ctx, x, rules.Policies)
	if err != nil {
		return err
	}
	rules.Waive = pipeline.Waive(waivers, x.subject, e.Now)
	verdict := rules.Decide(ctx, e)
	if err := ctx.Err(); err != nil {
		return err
	}
	content := report.Checks(x.subject, verdict, a.style())
	if format == "json" {
		if content, err = report.ChecksJSON(x.subject, verdict); err != nil {
			return err
		}
	}
	if _, err := a.stdio.Out.Write(content); err != nil {
		return err
	}
	c := waiver.Case{Subjects: []attest.Subject{x.subject}, Judged: pipeline.Judged(verdict)}
	c.Findings, c.Scanned = x.Found()
	a.tell(waivers.Unmatched(c, e.Now))
	result := pipeline.Result{Subject: x.subject, Verdict: verdict}
	if err := a.announce(v, result, true, report.GateSummary(x.subject, verdict), a.annotations(result)); err != nil {
		return err
	}
	a.decide(verdict)
	return nil
}

// gateRules reads what the gate decides by, and what is waived.
func (a *app) gateRules(ctx context.Context, v values) (policy.Rules, waiver.File, error) {
	rules, err := a.rules(ctx, v)
	if err != nil {
		return policy.Rules{}, waiver.File{}, err
	}
	if rules.Explain, err = v.boolean("explain"); err != nil {
		return policy.Rules{}, waiver.File{}, err
	}
	waivers, err := a.waiversOf(ctx, v)
	return rules, waivers, err
}
