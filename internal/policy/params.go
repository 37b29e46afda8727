package policy

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/strict"
)

// Params are the parameters of policies: by the policy's key, then by their own
// names. The key is NAME for hallmark:NAME, else the last part of the package.
type Params map[string]map[string]any

// ParseParams reads the parameters of policies: a YAML or JSON object. name says
// which file it is.
func ParseParams(name string, text []byte) (Params, error) {
	var raw map[string]any
	if err := strict.YAML(withoutMark(text), &raw); err != nil {
		return nil, fault.WithHint(fault.Usagef("reading the policy data %s: %w", name, err),
			"write POLICY: {PARAMETER: VALUE}, one policy a line")
	}
	params, key := byPolicy(raw)
	if key != "" {
		key = plain.Line(key, maxKey)
		return nil, fault.WithHint(fault.Usagef("reading the policy data %s: %s has no parameters below it; parameters are given by policy", name, key),
			"write POLICY: {%s: VALUE}, where POLICY is NAME for hallmark:NAME, and else the last part of the policy's package", key)
	}
	return params, nil
}

// maxKey bounds the names of policies and parameters in messages, in bytes.
const maxKey = 100

// withoutMark returns a text without the byte order mark before it.
func withoutMark(text []byte) []byte { return []byte(strings.TrimPrefix(string(text), byteOrderMark)) }

// byPolicy returns the parameters of each policy, or the first key that has none
// below it: most often it is a parameter itself.
func byPolicy(raw map[string]any) (Params, string) {
	params := Params{}
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		of, ok := raw[key].(map[string]any)
		if !ok {
			return nil, key
		}
		params[key] = of
	}
	return params, ""
}

// ParseData reads the parameters that come with a set of policies: a document
// {"params": {POLICY: {…}}}.
func ParseData(name string, text []byte) (Params, error) {
	var form struct {
		Params map[string]any `yaml:"params"`
	}
	if err := strict.YAML(withoutMark(text), &form); err != nil {
		return nil, fault.Undecidedf("reading the policy data %s: %w", name, err)
	}
	params, key := byPolicy(form.Params)
	if key != "" {
		return nil, fault.WithHint(fault.Undecidedf("reading the policy data %s: %s has no parameters below it", name, plain.Line(key, maxKey)),
			"push the set again: parameters are given by policy")
	}
	return params, nil
}

// FormatData is the reverse of ParseData. The same parameters are the same bytes.
func FormatData(params Params) ([]byte, error) {
	text, err := json.Marshal(map[string]any{"params": params})
	if err != nil {
		return nil, fault.Usagef("writing the policy data as JSON: %w", err)
	}
	return text, nil
}

// over returns the parameters of a policy: those of the job go before those that
// came with a set.
func (p Params) over(set Params, key string) map[string]any {
	merged := maps.Clone(set[key])
	if merged == nil {
		merged = map[string]any{}
	}
	maps.Copy(merged, p[key])
	return merged
}

// key is what the policy is called where its parameters are given; nothing for one
// that takes none.
func (p parsed) key() string {
	if p.module == nil || p.dialect != Hallmark || isLibrary(p.module.Package.Path) {
		return ""
	}
	if p.Shipped != "" {
		return p.Shipped
	}
	path := p.module.Package.Path
	last, _ := path[len(path)-1].Value.(ast.String)
	return string(last)
}

// unset returns the parameters that the policy reads and that have no value: a
// rule that compares with one does not hold, and denies nothing.
func (p Policy) unset() []string {
	object, ok := p.params.(ast.Object)
	return slices.DeleteFunc(slices.Clone(p.reads.params), func(name string) bool {
		return ok && object.Get(ast.StringTerm(name)) != nil
	})
}

// CheckParams refuses parameters of a policy that is not there, or whose key two
// policies share, and those that the policy neither reads nor declares: most often
// they are misspelt, and a bound that was not set would go unnoticed.
func CheckParams(policies []Policy, s Setting) error {
	for _, key := range slices.Sorted(maps.Keys(s.Params)) {
		if err := checkKey(policies, key, s.Params[key]); err != nil {
			return err
		}
	}
	for _, artifact := range slices.Sorted(maps.Keys(s.SetParams)) {
		own := slices.DeleteFunc(slices.Clone(policies), func(p Policy) bool { return p.Artifact != artifact })
		for _, key := range slices.Sorted(maps.Keys(s.SetParams[artifact])) {
			if err := checkKey(own, key, s.SetParams[artifact][key]); err != nil {
				return fault.Undecidedf("loading policies from %s: %w", artifact, err)
			}
		}
	}
	return nil
}

// checkKey checks the parameters that are given for one key.
func checkKey(policies []Policy, key string, params map[string]any) error {
	var meant []Policy
	broken := false
	for _, p := range policies {
		if p.key() == key {
			meant = append(meant, p)
		}
		broken = broken || p.module == nil
	}
	switch {
	case len(meant) == 0 && broken:
		return nil // what could not be read may be the policy that is meant
	case len(meant) == 0:
		return noPolicy(policies, key)
	case len(meant) > 1:
		return fault.WithHint(fault.Usagef("policy-data sets parameters of %s, which two policies are called: %s and %s", key, clean(meant[0].Name()), clean(meant[1].Name())),
			"leave one of them out, or rename its package")
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if known := meant[0].knownParams(); meant[0].compiler != nil && !slices.Contains(known, name) {
			return noParam(key, name, known)
		}
	}
	return nil
}

// knownParams returns what the policy reads or declares, sorted.
func (p Policy) knownParams() []string {
	known := slices.AppendSeq(slices.Clone(p.reads.params), maps.Keys(p.meta.params))
	slices.Sort(known)
	return slices.Compact(known)
}

// noPolicy says which policy was meant by a key that is none's.
func noPolicy(policies []Policy, key string) error {
	var keys []string
	for _, p := range policies {
		if k := p.key(); k != "" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	err := fault.Usagef("policy-data sets parameters of %q, and no policy is called so", plain.Line(key, maxKey))
	for _, p := range policies {
		if p.key() != "" && slices.Contains(p.knownParams(), key) {
			return fault.WithHint(err, "parameters are given by policy: write %s: {%s: VALUE}", p.key(), plain.Line(key, maxKey))
		}
	}
	if len(keys) == 0 {
		return fault.WithHint(err, "only policies of package hallmark.NAME have parameters, and none was given")
	}
	if near, ok := nearby(lastWord(key), keys); ok {
		return fault.WithHint(err, "did you mean %s?", near)
	}
	return fault.WithHint(err, "it is NAME for hallmark:NAME, and else the last part of the package: %s", strings.Join(keys, ", "))
}

// noParam says which parameter was meant by one that the policy does not have.
func noParam(key, name string, known []string) error {
	err := fault.Usagef("policy-data sets %q of %s, which the policy does not read", plain.Line(name, maxKey), key)
	if near, ok := nearby(name, known); ok {
		return fault.WithHint(err, "did you mean %s? It reads: %s", near, strings.Join(known, ", "))
	}
	if len(known) == 0 {
		return fault.WithHint(err, "it has no parameters")
	}
	return fault.WithHint(err, "it reads: %s", strings.Join(known, ", "))
}

// lastWord returns what stands for the name in hallmark:NAME, data.hallmark.NAME and
// NAME.rego.
func lastWord(key string) string {
	key = strings.TrimSuffix(key, ".rego")
	return key[strings.LastIndexAny(key, ":./")+1:]
}

// nearby returns the known name that a misspelt one stands for, whatever its case
// and its dashes.
func nearby(name string, known []string) (string, bool) {
	for _, k := range known {
		if letters(k) == letters(name) {
			return k, true
		}
	}
	near, changes := strict.Nearest(name, known)
	return near, near != "" && changes <= strict.Typos(near)
}

// letters returns the letters and digits of a name, in lower case.
func letters(name string) string {
	return strings.Map(func(r rune) rune {
		if plainLetter(r) == '_' {
			return -1
		}
		return r
	}, strings.ToLower(name))
}
