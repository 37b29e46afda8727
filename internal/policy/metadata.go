package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/strict"
)

// metadata is what a file's METADATA annotations say. What is about the whole policy
// stands above the package; texts, severity and controls may stand at a rule, too.
type metadata struct {
	title         string
	description   string
	predicateType string // URI
	severity      string
	fix           string
	controls      []Control
	optional      []string             // what may be missing, as requirements name it
	params        map[string]parameter // by name
}

// readMetadata reads the annotations of a module.
func readMetadata(module *ast.Module, controls Controls) (metadata, error) {
	m := metadata{params: map[string]parameter{}}
	if err := checkAnnotations(module); err != nil {
		return metadata{}, err
	}
	for _, a := range module.Annotations {
		if m.title == "" {
			m.title = clean(a.Title)
		}
		if m.description == "" {
			m.description = clean(a.Description)
		}
		for _, key := range slices.Sorted(maps.Keys(a.Custom)) {
			if err := m.read(key, a.Custom[key], controls); err != nil {
				return metadata{}, at(a.Location, "custom.%s: %w", clean(key), err)
			}
		}
	}
	return m, nil
}

// read takes one custom entry. Entries that are not known are the authors' own.
func (m *metadata) read(key string, value any, controls Controls) (err error) {
	switch key {
	case "predicateType":
		return m.readType(value)
	case "description":
		return readText(value, &m.description)
	case "severity":
		return readText(value, &m.severity)
	case "fix":
		return readText(value, &m.fix)
	case "optional":
		m.optional, err = readList(value)
		return err
	case "controls":
		return m.readControls(value, controls)
	case "complianceFrameworks":
		frameworks, err := readList(value)
		for _, f := range frameworks {
			m.controls = append(m.controls, Control{Framework: clean(f)})
		}
		return err
	case "params":
		return m.readParams(value)
	}
	return nil
}

// readType reads the type of attestation that the policy is about. Two that
// differ are refused: the file is one policy.
func (m *metadata) readType(value any) error {
	word, ok := value.(string)
	if !ok || word == "" {
		return errors.New("it does not name a type: write a short name, such as vuln, or a URI")
	}
	uri, err := attest.ParseType(word)
	if err != nil {
		return err
	}
	if m.predicateType != "" && !attest.SameType(m.predicateType, uri) {
		return fmt.Errorf("%q is not the %q from before", uri, m.predicateType)
	}
	m.predicateType = uri
	return nil
}

func (m *metadata) readControls(value any, known Controls) error {
	var list []Control
	if err := strict.Value(value, &list); err != nil {
		return fmt.Errorf("it is not a list of {framework, control}: %w", err)
	}
	for _, c := range list {
		c = Control{Framework: clean(c.Framework), ID: clean(c.ID)}
		if c.Framework == "" || c.ID == "" {
			return errors.New("an entry lacks framework or control")
		}
		if err := known.check(c); err != nil {
			return err
		}
		m.controls = append(m.controls, c)
	}
	return nil
}

func readText(value any, into *string) error {
	text, ok := value.(string)
	if !ok {
		return errors.New("it is not a string")
	}
	*into = clean(text)
	return nil
}

func readList(value any) ([]string, error) {
	var list []string
	if err := strict.Value(value, &list); err != nil {
		return nil, errors.New("it is not a list of strings")
	}
	return list, nil
}
