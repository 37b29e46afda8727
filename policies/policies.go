// Package policies holds the policies that ship with Hallmark, and the map of the
// controls that they claim to check. Users name one as hallmark:NAME, several as
// hallmark:baseline, and every one as hallmark:all.
package policies

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed *.rego lib controls.yaml
var files embed.FS //nolint:gochecknoglobals // the compiler fills it, and nobody can change it

// Names of several policies at once.
const (
	All      = "all"      // every policy: those that need parameters are undecided until these are set
	Baseline = "baseline" // those that need neither parameters nor evidence that hallmark run does not make itself
)

// Controls returns the control map, YAML.
func Controls() ([]byte, error) { return files.ReadFile("controls.yaml") }

// Names returns the names of the policies, sorted.
func Names() []string {
	all, _ := fs.Glob(files, "*.rego")
	var names []string
	for _, file := range all {
		if name := strings.TrimSuffix(file, ".rego"); !strings.HasSuffix(name, "_test") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Expand returns the policies that a name stands for: itself, or several.
func Expand(name string) []string {
	switch name {
	case All:
		return Names()
	case Baseline:
		return []string{"no-critical", "no-known-exploited", "non-root", "sbom-complete", "sbom-present", "scan-present", "supported-distribution"}
	}
	return []string{name}
}

// Read returns the text of a policy.
func Read(name string) (string, error) {
	if !slices.Contains(Names(), name) {
		return "", fmt.Errorf("there is no policy hallmark:%s; there are %s, %s, %s", name, Baseline, All, strings.Join(Names(), ", "))
	}
	text, err := files.ReadFile(name + ".rego")
	return string(text), err
}

// Library returns the files that the policies share, by their names.
func Library() (map[string]string, error) {
	all, err := fs.Glob(files, "lib/*.rego")
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, file := range all {
		text, err := files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		out[path.Base(file)] = string(text)
	}
	return out, nil
}
