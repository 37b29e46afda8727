package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// File is the text of a policy, or of a library, and where it is from.
type File struct {
	Name     string // the path as it was found, with forward slashes, or the address
	Text     string
	Artifact string // that it is from, pinned, as oci://REPOSITORY@sha256:…; empty: none
	Shipped  string // NAME of hallmark:NAME, also where it came in a set; empty: somebody else's
}

// byteOrderMark is what some editors put before the text of a file. To OPA it is no
// part of Rego, and to people it cannot be seen.
const byteOrderMark = "\ufeff"

// source returns the text as Rego has it.
func (f File) source() string { return strings.TrimPrefix(f.Text, byteOrderMark) }

// parsed is a file that is Rego, in a dialect.
type parsed struct {
	File
	manner
	module *ast.Module
	meta   metadata
}

// parse reads a file. The package decides which Rego it is read as.
func parse(f File, controls Controls) (parsed, error) {
	m := declared(f.source())
	module, err := ast.ParseModuleWithOpts(f.Name, f.source(), ast.ParserOptions{
		ProcessAnnotation: true, RegoVersion: m.version, Capabilities: capabilities(m.version),
	})
	switch {
	case err != nil:
		return parsed{}, errors.Join(err, secondPackage(f))
	case module == nil:
		return parsed{}, fmt.Errorf("%s: the file is empty", f.Name)
	}
	own, ok := mannerOf(module.Package.Path)
	if !ok {
		return parsed{}, noDialect(module.Package.Path, module.Package.Location)
	}
	p := parsed{File: f, manner: own, module: module}
	if p.meta, err = readMetadata(module, controls); err != nil {
		return parsed{}, err
	}
	if err := own.checkForm(module); err != nil {
		return parsed{}, err
	}
	if own.dialect == Compliance && p.meta.predicateType == "" {
		return parsed{}, at(module.Package.Location, "the METADATA has no custom.predicateType, which says what a compliance policy is about")
	}
	return p, checkKeywords(own, module)
}

// packageLine finds the declarations of a package.
func packageLine() *regexp.Regexp { return regexp.MustCompile(`(?m)^[ \t]*package[ \t]+([\w.]+)`) }

// declared returns the manner of the package that a text declares, as far as one
// can tell before it is parsed; of none, that of newer Rego.
func declared(text string) manner {
	if found := packageLine().FindStringSubmatch(text); found != nil {
		if path, err := ast.ParseRef("data." + found[1]); err == nil {
			if m, ok := mannerOf(path); ok {
				return m
			}
		}
	}
	return manner{version: ast.RegoV1}
}

// secondPackage explains a file that could not be parsed, if it declares more
// than one package.
func secondPackage(f File) error {
	all := packageLine().FindAllStringSubmatchIndex(f.source(), 2)
	if len(all) < 2 {
		return nil
	}
	line := 1
	for _, r := range f.source()[:all[1][2]] {
		if r == '\n' {
			line++
		}
	}
	return fmt.Errorf("%s:%d: a second package: a file holds one policy, in one dialect", f.Name, line)
}
