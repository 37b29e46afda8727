package policy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// defaultLimit bounds one evaluation, of one policy on one attestation.
const defaultLimit = 10 * time.Second

// answer is what a policy says about one attestation.
type answer struct {
	outcome Outcome
	reasons reasons
	waived  []Waived
	until   time.Time // when something ends that a pass rests on; zero: nothing does
}

func undecided(format string, args ...any) answer {
	return answer{outcome: Undecided, reasons: because(format, args...)}
}

func denied(format string, args ...any) answer {
	return answer{outcome: Deny, reasons: because(format, args...)}
}

// evaluation is a policy made ready to be asked, often.
type evaluation struct {
	query   rego.PreparedEvalQuery
	limit   time.Duration
	now     time.Time // what time.now_ns says
	dialect Dialect
	explain *explanation // nil: nobody asked
	strays  *strays
}

// query returns what is asked of a policy. It binds the rule's value, as the
// Policy Controller's does, so that false is told from undefined.
func (d Dialect) query() string {
	switch d {
	case Sigstore:
		return "isCompliant = data.sigstore.isCompliant"
	case Cosign:
		return "allow = data.signature.allow"
	case Compliance:
		return "compliant = data.compliance.compliant; violations = [v | v = data.compliance.violations[_]]"
	case Hallmark:
	}
	return ""
}

// prepare makes a compiled policy ready.
func (p Policy) prepare(ctx context.Context) (rego.PreparedEvalQuery, error) {
	return rego.New(
		rego.Compiler(p.compiler),
		rego.SetRegoVersion(ast.RegoV0), // of the query
		rego.Query(p.dialect.query()),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
}

// answer returns what the bindings of an evaluation mean.
func (e evaluation) answer(found rego.Vars, err error, name string) answer {
	switch {
	case err != nil:
		return undecided("%v", err)
	case found == nil:
		return undecided("%s is undefined for %s", e.dialect.rule(), name)
	}
	switch e.dialect {
	case Cosign:
		return interpretAllow(found["allow"], name)
	case Compliance:
		return interpretCompliance(found, name)
	case Sigstore, Hallmark:
	}
	return interpret(found["isCompliant"], name)
}

// rule names the rule that decides, in sentences.
func (d Dialect) rule() string {
	switch d {
	case Cosign:
		return "allow"
	case Compliance:
		return "compliant"
	case Sigstore, Hallmark:
	}
	return "isCompliant"
}

// eval returns the bindings of the query, nil where it is undefined.
func (e evaluation) eval(ctx context.Context, input ast.Value, name string) (rego.Vars, error) {
	bounded, cancel := context.WithTimeout(ctx, e.limit)
	defer cancel()
	told := e.explain.fresh()
	found, err := attempt(bounded, e.strays, func() (rego.Vars, error) { return e.run(bounded, input, told) })
	stuck := errors.Is(err, errStuck)
	if !stuck {
		e.explain.merge(told) // nobody writes to it any more
	}
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, stoppedError{why: ctx.Err(), stuck: stuck}
	case err != nil && bounded.Err() != nil:
		return nil, lateError{name: name, limit: e.limit, stuck: stuck}
	case err != nil:
		return nil, fmt.Errorf("the evaluation on %s failed: %s", name, evaluationError(err))
	}
	return found, nil
}

// run evaluates the query.
func (e evaluation) run(ctx context.Context, input ast.Value, told *explanation) (rego.Vars, error) {
	options := []rego.EvalOption{rego.EvalParsedInput(input), rego.EvalTime(e.now), rego.EvalSortSets(true)}
	results, err := e.query.Eval(ctx, append(options, told.options()...)...)
	if err != nil || len(results) == 0 {
		return nil, err
	}
	return results[0].Bindings, nil
}

// evaluationError returns OPA's words for why an evaluation failed, with file
// and line.
func evaluationError(err error) string {
	var failed *topdown.Error
	if errors.As(err, &failed) {
		return at(failed.Location, "%s: %s", failed.Code, failed.Message).Error()
	}
	return err.Error()
}

// lateError is the end of an evaluation that took too long.
type lateError struct {
	name  string // of what it was about
	limit time.Duration
	stuck bool // it was left behind
}

// Error implements error.
func (e lateError) Error() string {
	if e.stuck {
		return fmt.Sprintf("the evaluation on %s did not stop at the limit of %s and was abandoned: a built-in function does not come to an end", e.name, e.limit)
	}
	return fmt.Sprintf("the evaluation on %s was stopped after the limit of %s", e.name, e.limit)
}

// stoppedError is the end of an evaluation that the run was over for.
type stoppedError struct {
	why   error // of the run's context
	stuck bool  // it was left behind
}

// Error implements error.
func (e stoppedError) Error() string { return fmt.Sprintf("the evaluation was stopped: %v", e.why) }

// isStuck reports whether an evaluation was abandoned: another one of the same policy
// would be, too.
func isStuck(err error) bool {
	late, isLate := errors.AsType[lateError](err)
	stopped, isStopped := errors.AsType[stoppedError](err)
	return isLate && late.stuck || isStopped && stopped.stuck
}
