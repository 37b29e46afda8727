package policy

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"

	"github.com/hallmark-ci/hallmark/internal/strict"
)

// ownKeys are the entries below custom that are read here.
func ownKeys() []string {
	return []string{"predicateType", "description", "severity", "fix", "optional", "complianceFrameworks", "controls", "params"}
}

// opaKeys are the entries of METADATA that OPA reads.
func opaKeys() []string {
	return []string{
		"title", "description", "scope", "custom", "schemas", "entrypoint", "authors", "organizations", "related_resources",
		"compile", "labels",
	}
}

// checkAnnotations refuses METADATA that OPA or this package would pass over. A
// policy whose predicateType is not read is tried on every attestation, and one that
// is content with anything passes.
func checkAnnotations(module *ast.Module) error {
	read, looks := readLines(module), newLookalike()
	for _, c := range module.Comments {
		above := c.Location.Row < module.Package.Location.Row
		if (c.Location.Col != 1 || !read[c.Location.Row]) && looks.like(string(c.Text), above) {
			return at(c.Location, "this looks like METADATA, and nothing reads it: the block begins with a line # METADATA, "+
				"stands right above the package, and has its # in the first column of each line")
		}
	}
	for _, a := range module.Annotations {
		if err := checkBlock(a); err != nil {
			return err
		}
	}
	return nil
}

// readLines returns the lines of METADATA that OPA has read.
func readLines(module *ast.Module) map[int]bool {
	read := map[int]bool{}
	for _, a := range module.Annotations {
		read[a.Location.Row] = true
		if last := a.EndLoc(); last != nil {
			for row := a.Location.Row; row <= last.Row; row++ {
				read[row] = true
			}
		}
	}
	return read
}

// lookalike knows comments that look as if they were part of METADATA: by the word
// itself, by what no comment in prose has, or above the package by any key.
type lookalike struct {
	namesType, opensCustom, keyed *regexp.Regexp
	keys                          []string
}

func newLookalike() lookalike {
	return lookalike{
		namesType:   regexp.MustCompile(`(?i)\bpredicate[\s_-]*types?["']?\s*[:=]`),
		opensCustom: regexp.MustCompile(`(?i)^["']?custom["']?\s*:\s*($|\{)`),
		keyed:       regexp.MustCompile(`^["']?(\w+)["']?\s*:(?:\s|$)`),
		keys:        append(ownKeys(), opaKeys()...),
	}
}

// like reports whether a comment's text looks so; above says that it stands above the
// package.
func (l lookalike) like(text string, above bool) bool {
	text = strings.TrimLeft(text, "# \t\u00a0")
	if isMarker(letters(text), above) || strings.HasPrefix(text, "METADATA") || l.namesType.MatchString(text) || l.opensCustom.MatchString(text) {
		return true
	}
	found := l.keyed.FindStringSubmatch(text)
	return found != nil && above && slices.Contains(l.keys, found[1])
}

// isMarker reports whether a line of these letters alone is the word METADATA, or was
// to be. Above the package more may be wrong with it than among the rules.
func isMarker(word string, above bool) bool {
	_, changes := strict.Nearest(word, []string{"metadata"})
	return word != "" && (changes <= 1 || above && changes <= strict.Typos("metadata"))
}

// checkBlock refuses entries of a block that are read by nobody and were meant to be.
func checkBlock(a *ast.Annotations) error {
	for _, key := range []string{"predicateType", "params", "optional"} {
		if _, set := a.Custom[key]; set && a.Scope != "package" && a.Scope != "subpackages" {
			return at(a.Location, "custom.%s stands at a rule, and is about the whole policy: move it to the METADATA above the package", key)
		}
	}
	var document yaml.Node
	if err := yaml.Unmarshal(blockText(a), &document); err != nil || len(document.Content) == 0 {
		return nil //nolint:nilerr // OPA has read it
	}
	return walkKeys(document.Content[0], nil, func(path []string, line int) error {
		if why := misplaced(path); why != "" {
			place := *a.Location
			place.Row += line
			return at(&place, "%s", why)
		}
		return nil
	})
}

// blockText returns the YAML of a block, without the line that begins it.
func blockText(a *ast.Annotations) []byte {
	var out bytes.Buffer
	for i, line := range strings.SplitAfter(string(a.Location.Text), "\n") {
		if i > 0 {
			out.WriteString(strings.TrimPrefix(line, "# "))
		}
	}
	return out.Bytes()
}

// walkKeys visits the keys of all objects in a node, each with the keys that lead to it.
func walkKeys(node *yaml.Node, path []string, visit func(path []string, line int) error) error {
	for i, child := range node.Content {
		below := path
		if node.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			key := node.Content[i-1]
			below = append(slices.Clone(path), key.Value)
			if err := visit(below, key.Line); err != nil {
				return err
			}
		}
		if err := walkKeys(child, below, visit); err != nil {
			return err
		}
	}
	return nil
}

// misplaced says what is wrong with a key; nothing: it is read, or nobody's here.
func misplaced(path []string) string {
	key := path[len(path)-1]
	custom, top := len(path) == 2 && path[0] == "custom", len(path) == 1
	switch {
	case custom && slices.Contains(ownKeys(), key) || top && slices.Contains(opaKeys(), key):
		return ""
	case meansType(path):
		return fmt.Sprintf("%s is not read: write predicateType below custom", clean(strings.Join(path, ".")))
	case top && slices.Contains(ownKeys(), key):
		return fmt.Sprintf("%s is not read: write it below custom", key)
	case custom:
		return near(path, key, ownKeys())
	case top:
		return near(path, key, append(ownKeys(), "title", "scope", "custom"))
	}
	return ""
}

// meansType reports whether a key that is not read was to name the type: anywhere by
// that word, and where it would stand by half of it. Parameters have names of their
// authors.
func meansType(path []string) bool {
	word := letters(path[len(path)-1])
	if len(path) == 3 && path[0] == "custom" && path[1] == "params" {
		return false
	}
	where := len(path) == 1 || len(path) == 2 && path[0] == "custom"
	return strings.Contains(word, "predicatetype") || where && strings.HasPrefix(word, "predicate")
}

// near says which key was meant by one that is nearly it. Others are the authors' own.
func near(path []string, key string, known []string) string {
	if meant, ok := nearby(key, known); ok {
		return fmt.Sprintf("%s is not read: did you mean %s?", clean(strings.Join(path, ".")), meant)
	}
	return ""
}
