package policy

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/hallmark-ci/hallmark/internal/strict"
)

// interpret reads the value of isCompliant.
func interpret(value any, name string) answer {
	switch value := value.(type) {
	case bool:
		if value {
			return answer{outcome: Pass}
		}
		return denied("isCompliant is false for %s", name)
	case []any: // a set or an array
		return interpretAll(value, name)
	default:
		return undecided("isCompliant is neither a boolean nor a set of {result, error, warning} for %s", name)
	}
}

// interpretAll follows the Policy Controller: the first element that is true
// decides, and an element of another shape before it ends the matter.
func interpretAll(elements []any, name string) answer {
	if len(elements) == 0 {
		return denied("isCompliant is an empty set for %s", name)
	}
	var why reasons
	for _, element := range elements {
		r, err := decodeElement(element)
		switch {
		case err != nil:
			return undecided("isCompliant holds something else than {result, error, warning} for %s: %v", name, err)
		case r.Result && r.Warning == "":
			return answer{outcome: Pass}
		case r.Result:
			return denied("the policy is satisfied but warns, which the Policy Controller rejects: %s", r.Warning)
		case clean(r.Error) != "":
			why.add(r.Error)
		case clean(r.Warning) != "":
			why.add(fmt.Sprintf("isCompliant is false for %s, with the warning: %s", name, r.Warning))
		default:
			why.add(fmt.Sprintf("isCompliant is false for %s", name))
		}
	}
	return answer{outcome: Deny, reasons: why}
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

// interpretAllow reads the value of allow as cosign does: true, and nothing else.
func interpretAllow(value any, name string) answer {
	allowed, ok := value.(bool)
	switch {
	case !ok:
		return undecided("allow is not a boolean for %s", name)
	case !allowed:
		return denied("allow is false for %s", name)
	}
	return answer{outcome: Pass}
}

// interpretCompliance reads compliant, and violations where there are any. A
// policy that is satisfied and names violations passes with these as warnings.
func interpretCompliance(found rego.Vars, name string) answer {
	compliant, ok := found["compliant"].(bool)
	if !ok {
		return undecided("compliant is not a boolean for %s", name)
	}
	elements, _ := found["violations"].([]any)
	why, err := decodeReasons(elements)
	if err != nil {
		return undecided("violations holds something else than texts and {msg, id, severity, fix, resource} for %s: %v", name, err)
	}
	switch {
	case compliant:
		return answer{outcome: Pass, reasons: why}
	case len(why.kept) == 0:
		return denied("compliant is false for %s", name)
	}
	return answer{outcome: Deny, reasons: why}
}

// decodeReasons reads the elements of a set of texts, or of objects with msg.
func decodeReasons(elements []any) (reasons, error) {
	var out reasons
	for _, element := range elements {
		if text, ok := element.(string); ok && clean(text) != "" {
			out.add(text)
			continue
		}
		if _, ok := element.(map[string]any); !ok {
			return reasons{}, errors.New("it is neither a text nor an object")
		}
		var said struct {
			Message  string `json:"msg"`
			ID       string `json:"id"`
			Severity string `json:"severity"`
			Fix      string `json:"fix"`
			Resource string `json:"resource"`
		}
		if err := strict.Value(element, &said); err != nil {
			return reasons{}, err
		}
		if clean(said.Message) == "" {
			return reasons{}, errors.New("an object has no msg")
		}
		out.take(Reason{Message: said.Message, ID: said.ID, Severity: said.Severity, Fix: said.Fix, Resource: said.Resource})
	}
	return out, nil
}
