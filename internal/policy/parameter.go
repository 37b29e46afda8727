package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/strict"
)

// parameter is a value that users set with policy-data, as METADATA declare it. The
// zero value stands for one that is read and not declared.
type parameter struct {
	preset ast.Value // nil: it must be given
	kind   string    // of the value; empty: any
	empty  bool      // an empty list, text or object means something
}

// kinds of values that a declaration may ask for.
const (
	kindText    = "string"
	kindTexts   = "strings" // a list of them
	kindNumber  = "number"
	kindBoolean = "boolean"
	kindList    = "list"
	kindObject  = "object"
)

// readParams reads the declarations: NAME: {default, type, empty, description}.
func (m *metadata) readParams(value any) error {
	var params map[string]struct {
		Default     json.RawMessage `json:"default"`
		Type        string          `json:"type"`
		Empty       bool            `json:"empty"`
		Description string          `json:"description"`
	}
	if err := strict.Value(value, &params); err != nil {
		return fmt.Errorf("it is not of the form NAME: {default, type, empty, description}: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		declared := params[name]
		p := parameter{kind: declared.Type, empty: declared.Empty}
		if declared.Default != nil {
			preset, err := ast.ValueFromReader(strings.NewReader(string(declared.Default)))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			p.preset = preset
		}
		if err := p.complete(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		m.params[name] = p
	}
	return nil
}

// complete fills in what the default says of the value, and checks that it is one.
// An empty default means something, and so does an empty value then.
func (p *parameter) complete() error {
	all := []string{kindText, kindTexts, kindNumber, kindBoolean, kindList, kindObject}
	if p.kind != "" && !slices.Contains(all, p.kind) {
		return fmt.Errorf("type is %q; there are %s", clean(p.kind), strings.Join(all, ", "))
	}
	if p.preset == nil {
		return nil
	}
	if p.kind == "" {
		p.kind = kindOf(p.preset)
	}
	p.empty = p.empty || isEmpty(p.preset)
	if err := p.check(p.preset); err != nil {
		return fmt.Errorf("the default %w", err)
	}
	return nil
}

// kindOf returns the kind of a default. An empty list may be one of anything.
func kindOf(v ast.Value) string {
	switch v := v.(type) {
	case ast.String:
		return kindText
	case ast.Number:
		return kindNumber
	case ast.Boolean:
		return kindBoolean
	case ast.Object:
		return kindObject
	case *ast.Array:
		if v.Len() > 0 && !v.Until(func(t *ast.Term) bool { return kindOf(t.Value) != kindText }) {
			return kindTexts
		}
		return kindList
	}
	return ""
}

// is reports whether a value is of a kind.
func is(v ast.Value, kind string) bool {
	list, isList := v.(*ast.Array)
	switch kind {
	case "":
		return true
	case kindTexts:
		return isList && !list.Until(func(t *ast.Term) bool { return kindOf(t.Value) != kindText })
	case kindList:
		return isList
	}
	return kindOf(v) == kind
}

// isEmpty reports whether a value is a list, a text or an object of nothing.
func isEmpty(v ast.Value) bool {
	switch v := v.(type) {
	case ast.String:
		return strings.TrimSpace(string(v)) == ""
	case *ast.Array:
		return v.Len() == 0
	case ast.Object:
		return v.Len() == 0
	}
	return false
}

// check refuses a value that asks for nothing where it should ask for something. Its
// error goes on after the name of the parameter.
func (p parameter) check(v ast.Value) error {
	if _, null := v.(ast.Null); null {
		return errors.New("is null, which says nothing")
	}
	if !is(v, p.kind) {
		return fmt.Errorf("is not of the type %s", p.kind)
	}
	if isEmpty(v) && !p.empty {
		return errors.New("is empty, and so asks for nothing")
	}
	list, ok := v.(*ast.Array)
	if !ok {
		return nil
	}
	blank := list.Until(func(t *ast.Term) bool {
		_, null := t.Value.(ast.Null)
		text, isText := t.Value.(ast.String)
		return null || isText && isEmpty(text)
	})
	if blank {
		return errors.New("has an empty entry")
	}
	return nil
}

// paramsFrom returns data.params: what was given, over the defaults. A value that
// does not fit its declaration is an error.
func (m metadata) paramsFrom(given map[string]any) (ast.Value, error) {
	object := ast.NewObject()
	for name, p := range m.params {
		if p.preset != nil {
			object.Insert(ast.StringTerm(name), ast.NewTerm(p.preset))
		}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		v, err := ast.InterfaceToValue(given[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("the parameter %s cannot be used: %w", clean(name), err))
			continue
		}
		if err := m.params[name].check(v); err != nil {
			errs = append(errs, fmt.Errorf("the parameter %s %w", clean(name), err))
		}
		object.Insert(ast.StringTerm(name), ast.NewTerm(v))
	}
	return object, errors.Join(errs...)
}
