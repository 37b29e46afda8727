package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/strict"
)

// Controls is a map of the frameworks that policies may claim to check controls
// of. Its zero value knows none.
type Controls struct {
	frameworks []Framework
}

// Framework is a published list of demands.
type Framework struct {
	Name     string            `yaml:"framework"` // as policies name it
	Title    string            `yaml:"title"`
	Version  string            `yaml:"version"`
	URL      string            `yaml:"url"`
	Controls []FrameworkDemand `yaml:"controls"`
}

// FrameworkDemand is one control of a framework.
type FrameworkDemand struct {
	ID    string `yaml:"control"`
	Title string `yaml:"title"`
}

// ParseControls reads a control map: YAML, a list of frameworks with their
// controls. Unknown fields, an entry without a name, and a name that is there
// twice are errors.
func ParseControls(text []byte) (Controls, error) {
	var c Controls
	if err := strict.YAML(text, &c.frameworks); err != nil {
		return Controls{}, fmt.Errorf("reading the control map: %w", err)
	}
	seen := map[Control]bool{}
	for _, f := range c.frameworks {
		if f.Name == "" || len(f.Controls) == 0 {
			return Controls{}, errors.New("reading the control map: a framework has no name or no controls")
		}
		for _, d := range f.Controls {
			key := Control{Framework: f.Name, ID: d.ID}
			if d.ID == "" || seen[key] {
				return Controls{}, fmt.Errorf("reading the control map: %s has a control without a name, or %q twice", f.Name, d.ID)
			}
			seen[key] = true
		}
	}
	return c, nil
}

// Frameworks returns the frameworks in the map's order.
func (c Controls) Frameworks() []Framework { return slices.Clone(c.frameworks) }

// check refuses a control that its framework does not have. Frameworks that the
// map does not know are the authors' own.
func (c Controls) check(control Control) error {
	i := slices.IndexFunc(c.frameworks, func(f Framework) bool { return f.Name == control.Framework })
	if i < 0 {
		return nil
	}
	var ids []string
	for _, d := range c.frameworks[i].Controls {
		if d.ID == control.ID {
			return nil
		}
		ids = append(ids, d.ID)
	}
	return fmt.Errorf("%s has no control %q in the map; it has %s", control.Framework, control.ID, strings.Join(ids, ", "))
}
