package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// reading is what a policy of the project's own dialect reads of its input, as
// far as its text tells.
//
// A rule that reads what is not there does not hold, and a deny that does not
// hold denies nothing. So whatever a policy reads has to be there, unless its
// METADATA calls it optional: a scan that is missing is undecided, not a pass.
type reading struct {
	needs   []need
	all     bool     // of the attestations: which ones only the evaluation knows
	entries bool     // attestations with their signer and time, not a shorthand's predicate alone
	image   []string // of input.image
	params  []string // of data.params
	bound   bool     // params are all that it reads of data.params
	noType  []string // words in input.attestations that stand for no type
	sbom    []string // of input.sbom; empty text: all of it, by another name
	fields  []string // of anything that has another name
	newest  []need   // of which it reads the newest: by a shorthand, or by its place in a list
	whole   bool     // input by another name, so any shorthand
}

// need is something that must be there: sbom, scan, provenance, config, ci, or the
// word for a type of attestations.
type need string

// The needs that are no type's word.
const (
	needSBOM       need = "sbom"
	needScan       need = "scan"
	needProvenance need = "provenance"
	needConfig     need = "config"
	needCI         need = "ci"
)

// types returns the types of attestations of which one satisfies the need; none
// for what is no attestation.
func (n need) types() []string {
	switch n {
	case needSBOM:
		return attest.NeedSBOM.Types()
	case needScan:
		return attest.NeedScan.Types()
	case needProvenance:
		return attest.NeedProvenance.Types()
	case needConfig, needCI:
		return nil
	}
	uri, err := attest.ParseType(string(n))
	if err != nil {
		return nil
	}
	return []string{uri}
}

// missing says in a sentence what is not there.
func (n need) missing() string {
	switch n {
	case needConfig:
		return "the image's configuration is not known, and the policy reads it"
	case needCI:
		return "this is no CI job, and the policy reads what one says"
	case needSBOM, needScan, needProvenance:
	}
	var words []string
	for _, uri := range n.types() {
		words = append(words, attest.ShortType(uri))
	}
	return fmt.Sprintf("no attestation of type %s was verified, and the policy reads it", strings.Join(words, " or "))
}

// readsOf walks the compiled modules, in which imports and local names are
// resolved.
func readsOf(compiler *ast.Compiler) reading {
	r := reading{bound: true}
	for _, module := range compiler.Modules {
		ast.WalkRefs(module, func(ref ast.Ref) bool {
			r.take(ref)
			return false
		})
	}
	if slices.Contains(r.needs, needSBOM) {
		r.needs = append(slices.DeleteFunc(r.needs, func(n need) bool { return n == needSBOM }), r.format())
	}
	slices.Sort(r.needs)
	r.needs = slices.Compact(r.needs)
	slices.Sort(r.params)
	r.params = slices.Compact(r.params)
	return r
}

func (r *reading) take(ref ast.Ref) {
	params := ast.Ref{ast.DefaultRootDocument, ast.StringTerm("params")}
	switch {
	case ref.HasPrefix(params):
		if name, ok := textAt(ref, len(params)); ok {
			r.params = append(r.params, name)
		} else {
			r.bound = false
		}
	case ref.HasPrefix(ast.InputRootRef):
		r.takeInput(ref)
	default:
		if field, ok := textAt(ref, 1); ok {
			r.fields = append(r.fields, field)
		}
	}
}

// textAt returns the text at a place of a reference, if there is one.
func textAt(ref ast.Ref, i int) (string, bool) {
	if i >= len(ref) {
		return "", false
	}
	text, ok := ref[i].Value.(ast.String)
	return string(text), ok
}

func (r *reading) takeInput(ref ast.Ref) {
	word := func(i int) string {
		if i < len(ref) {
			if s, ok := ref[i].Value.(ast.String); ok {
				return string(s)
			}
		}
		return ""
	}
	switch first := word(1); first {
	case "sbom", "scan", "provenance", "ci":
		r.needs = append(r.needs, need(first))
		r.newest = append(r.newest, need(first))
		if first == "sbom" {
			r.sbom = append(r.sbom, word(2))
		}
	case "image":
		of := word(2)
		if of == "config" || of == "" {
			r.needs = append(r.needs, needConfig)
		}
		r.image = append(r.image, of)
	case "attestations":
		r.entries = true
		r.takeType(word(2))
		if len(ref) > 3 && isNumber(ref[3]) {
			r.newest = append(r.newest, need(word(2)))
		}
	case "":
		r.all, r.whole = true, true
	}
}

// isNumber reports whether a term is a number, as the place in a list.
func isNumber(t *ast.Term) bool {
	_, number := t.Value.(ast.Number)
	return number
}

// format returns the SBOM that a policy needs: one in either format, or, where it
// reads of input.sbom what only one of them has, in that one. A rule that looks for
// components in SPDX would hold for nothing. Where it gives the SBOM another name,
// whatever has such a name counts.
func (r *reading) format() need {
	cycloneDX := []string{"bomFormat", "components", "compositions", "dependencies", "serialNumber", "services", "specVersion", "vulnerabilities"}
	spdx := []string{"SPDXID", "creationInfo", "documentNamespace", "files", "packages", "relationships", "spdxVersion"}
	read := r.sbom
	if slices.Contains(r.sbom, "") {
		read = slices.Concat(r.sbom, r.fields)
	}
	reads := func(fields []string) bool {
		return slices.ContainsFunc(read, func(f string) bool { return slices.Contains(fields, f) })
	}
	switch inCycloneDX, inSPDX := reads(cycloneDX), reads(spdx); {
	case inCycloneDX && !inSPDX:
		return need(attest.ShortType(attest.TypeCycloneDX))
	case inSPDX && !inCycloneDX:
		return need(attest.ShortType(attest.TypeSPDX))
	}
	return needSBOM
}

// takeType takes a type's word below input.attestations; none is a variable.
func (r *reading) takeType(word string) {
	uri, err := attest.ParseType(word)
	switch {
	case err == nil && attest.ShortType(uri) == word:
		r.needs = append(r.needs, need(word))
	case word == "":
		r.all = true
	default:
		r.noType = append(r.noType, word)
	}
}

// narrowed returns what a shorthand stands for: of an SBOM, the format of which the
// policy reads what the other has not.
func (r reading) narrowed(n need) need {
	if n == needSBOM && len(r.sbom) > 0 {
		return r.format()
	}
	return n
}

// wants reports whether attestations of a type can be read.
func (r reading) wants(predicateType string) bool {
	if r.all {
		return true
	}
	return slices.ContainsFunc(r.needs, func(n need) bool {
		return slices.ContainsFunc(n.types(), func(uri string) bool { return attest.SameType(uri, predicateType) })
	})
}

// content reports whether the policy may read a scan or an SBOM.
func (r reading) content() bool {
	return slices.ContainsFunc([]string{attest.TypeVuln, attest.TypeCycloneDX, attest.TypeSPDX}, r.wants)
}

// checkWords refuses a word in custom.optional that stands for nothing, and a key
// of input.attestations that is never there, such as vulm.
func (p *Policy) checkWords() error {
	for _, word := range p.reads.noType {
		return fmt.Errorf("%s: input.attestations has no key %q: types are there by the words that inspect shows, others by their URI", p.File.Name, clean(word))
	}
	for _, word := range p.meta.optional {
		n := need(word)
		if len(n.types()) == 0 && n != needConfig && n != needCI {
			return fmt.Errorf("%s: custom.optional: %q is neither sbom, scan, provenance, config, ci nor a predicate type", p.File.Name, word)
		}
	}
	return nil
}

// required returns what must be there.
func (p Policy) required() []need {
	return slices.DeleteFunc(slices.Clone(p.reads.needs), func(n need) bool {
		optional := slices.Contains(p.meta.optional, string(n))
		return optional || n.isSBOM() && slices.Contains(p.meta.optional, string(needSBOM))
	})
}

// isSBOM reports whether the need is an SBOM, in whatever format.
func (n need) isSBOM() bool {
	types := n.types()
	return len(types) > 0 && !slices.ContainsFunc(types, func(uri string) bool { return !slices.Contains(needSBOM.types(), uri) })
}

// ReadsConfig reports whether the policy reads the image's configuration, which
// somebody has to fetch then.
func (p Policy) ReadsConfig() bool { return slices.Contains(p.reads.needs, needConfig) }
