package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/strict"
)

// ParseParams reads the parameters of policies: a YAML or JSON object. name says
// which file it is.
func ParseParams(name string, text []byte) (map[string]any, error) {
	var params map[string]any
	if err := strict.YAML(text, &params); err != nil {
		return nil, fault.WithHint(fault.Usagef("reading the policy data %s: %w", name, err), "write one NAME: VALUE a line")
	}
	return params, nil
}

// ParseData reads the parameters that come with a set of policies: a document
// {"params": {…}}, as OPA would have it below data.
func ParseData(name string, text []byte) (map[string]any, error) {
	var form struct {
		Params map[string]any `yaml:"params"`
	}
	if err := strict.YAML(text, &form); err != nil {
		return nil, fault.Undecidedf("reading the policy data %s: %w", name, err)
	}
	return form.Params, nil
}

// FormatData is the reverse of ParseData. The same parameters are the same bytes.
func FormatData(params map[string]any) ([]byte, error) {
	text, err := json.Marshal(map[string]any{"params": params})
	if err != nil {
		return nil, fault.Usagef("writing the policy data as JSON: %w", err)
	}
	return text, nil
}

// paramsFrom returns data.params: what was given and is wanted, over the defaults.
func (m metadata) paramsFrom(given map[string]any, wanted func(name string) bool) (ast.Value, error) {
	object := ast.NewObject()
	for name, p := range m.params {
		if p.preset != nil {
			object.Insert(ast.StringTerm(name), ast.NewTerm(p.preset))
		}
	}
	for name, value := range given {
		if !wanted(name) {
			continue
		}
		v, err := ast.InterfaceToValue(value)
		if err != nil {
			return nil, fmt.Errorf("the parameter %s cannot be used: %w", clean(name), err)
		}
		object.Insert(ast.StringTerm(name), ast.NewTerm(v))
	}
	return object, nil
}

// wantsParam reports whether a parameter is the policy's, and not another one's.
func (p Policy) wantsParam(name string) bool {
	_, declared := p.meta.params[name]
	return declared || !p.reads.bound || slices.Contains(p.reads.params, name)
}

// unset returns the parameters that the policy reads and that have no value: a
// rule that compares with one does not hold, and denies nothing.
func (p Policy) unset() []string {
	object, ok := p.params.(ast.Object)
	return slices.DeleteFunc(slices.Clone(p.reads.params), func(name string) bool {
		return ok && object.Get(ast.StringTerm(name)) != nil
	})
}

// CheckParams refuses parameters that no policy reads or declares: most often
// they are misspelt, and a bound that was not set would go unnoticed.
func CheckParams(policies []Policy, params map[string]any) error {
	known := map[string]bool{}
	for _, p := range policies {
		if len(p.problems) > 0 {
			return nil // what a broken policy reads is not known
		}
		for _, name := range append(slices.Collect(maps.Keys(p.meta.params)), p.reads.params...) {
			known[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !known[name] {
			return fault.WithHint(fault.Usagef("policy-data sets %q, which no policy reads", clean(name)),
				"the policies read: %s", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return nil
}
