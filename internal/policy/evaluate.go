package policy

import (
	"context"
	"encoding/json"
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
}

func undecided(format string, args ...any) answer {
	return answer{Undecided, because(format, args...)}
}

func denied(format string, args ...any) answer {
	return answer{Deny, because(format, args...)}
}

// evaluation is a policy made ready to be asked, often.
type evaluation struct {
	query rego.PreparedEvalQuery
	limit time.Duration
	now   time.Time // what time.now_ns says
}

// prepare makes a compiled policy ready. Its query binds the rule's value, as
// the Policy Controller's does, so that false is told from undefined.
func (p Policy) prepare(ctx context.Context) (rego.PreparedEvalQuery, error) {
	return rego.New(
		rego.Compiler(p.compiler),
		rego.SetRegoVersion(ast.RegoV0),
		rego.Query(fmt.Sprintf("%s = data.%s.%s", ruleName, packageName, ruleName)),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
}

// ask evaluates the policy on an attestation's statement. name says which it
// is, for the reasons.
func (e evaluation) ask(ctx context.Context, input ast.Value, name string) answer {
	bounded, cancel := context.WithTimeout(ctx, e.limit)
	defer cancel()
	results, err := e.query.Eval(bounded, rego.EvalParsedInput(input), rego.EvalTime(e.now), rego.EvalSortSets(true))
	switch {
	case err != nil && ctx.Err() != nil:
		return undecided("the evaluation was stopped: %v", ctx.Err())
	case err != nil && bounded.Err() != nil:
		return undecided("the evaluation on %s was stopped after the limit of %s", name, e.limit)
	case err != nil:
		return undecided("the evaluation on %s failed: %s", name, evaluationError(err))
	case len(results) == 0:
		return undecided("%s is undefined for %s", ruleName, name)
	}
	return interpret(results[0].Bindings[ruleName], name)
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

// interpret reads the value of isCompliant.
func interpret(value any, name string) answer {
	switch value := value.(type) {
	case bool:
		if value {
			return answer{outcome: Pass}
		}
		return denied("%s is false for %s", ruleName, name)
	case []any: // a set or an array
		return interpretAll(value, name)
	default:
		return undecided("%s is neither a boolean nor a set of {result, error, warning} for %s", ruleName, name)
	}
}

// interpretAll follows the Policy Controller: the first element that is true
// decides, and an element of another shape before it ends the matter.
func interpretAll(elements []any, name string) answer {
	if len(elements) == 0 {
		return denied("%s is an empty set for %s", ruleName, name)
	}
	var why reasons
	for _, element := range elements {
		r, err := decodeElement(element)
		switch {
		case err != nil:
			return undecided("%s holds something else than {result, error, warning} for %s: %v", ruleName, name, err)
		case r.Result && r.Warning == "":
			return answer{outcome: Pass}
		case r.Result:
			return denied("the policy is satisfied but warns, which the Policy Controller rejects: %s", r.Warning)
		case clean(r.Error) != "":
			why.add(r.Error)
		case clean(r.Warning) != "":
			why.add(fmt.Sprintf("%s is false for %s, with the warning: %s", ruleName, name, r.Warning))
		default:
			why.add(fmt.Sprintf("%s is false for %s", ruleName, name))
		}
	}
	return answer{Deny, why}
}

// element is one member of the set that isCompliant may be.
type element struct {
	Result  bool   `json:"result"`
	Error   string `json:"error"`
	Warning string `json:"warning"`
}

// decodeElement goes through JSON, as the Policy Controller does, so that what
// counts as a field or a boolean is the same.
func decodeElement(value any) (element, error) {
	if _, ok := value.(map[string]any); !ok {
		return element{}, errors.New("it is not an object")
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return element{}, err
	}
	var e element
	if err := json.Unmarshal(encoded, &e); err != nil {
		return element{}, jsonError(err)
	}
	return e, nil
}

// jsonError replaces encoding/json's words for a value of the wrong type, which
// spell out the Go type that was wanted, by the field's name.
func jsonError(err error) error {
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) && mismatch.Field != "" {
		return fmt.Errorf("the field %s must not be of type %s", mismatch.Field, mismatch.Value)
	}
	return err
}
