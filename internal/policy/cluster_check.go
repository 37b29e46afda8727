package policy

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

//go:embed cluster/*.rego
var clusterFiles embed.FS //nolint:gochecknoglobals // the compiler fills it, and nobody can change it

// check is how a policy is checked in the cluster.
type check struct {
	part  string   // the file in cluster/ that asks the policy
	types []string // of attestations; one that satisfies is enough
	notes []string // what to know of it
}

// checkOf decides how a policy is checked: on a statement of the type that it is
// about, or, where no single statement has all that it reads, on the verdict that
// the gate attested.
func (c Cluster) checkOf(p Policy) (check, error) {
	if c.ByVerdict {
		return c.byVerdict(p, "the attested verdict is asked for")
	}
	predicateType := p.meta.predicateType
	switch p.dialect {
	case Sigstore:
		if predicateType == "" {
			return check{}, errors.New("the METADATA has no custom.predicateType, and the cluster has to know the type of attestation")
		}
		return check{part: "sigstore", types: spellings(predicateType)}, nil
	case Cosign:
		note := "every attestation of the type must satisfy it for cosign and the gate; for the cluster one is enough"
		return check{part: "cosign", types: spellings(cmp.Or(predicateType, attest.TypeCustom)), notes: []string{note}}, nil
	case Compliance:
		note := "the newest attestation of the type counts for the gate; for the cluster any one"
		return check{part: "compliance", types: spellings(predicateType), notes: []string{note}}, nil
	case Hallmark:
	}
	if why := p.moreThanAStatement(); why != "" {
		return c.byVerdict(p, why)
	}
	if err := p.checkSet(); err != nil {
		return check{}, err
	}
	var types []string
	for _, uri := range p.attested()[0].types() {
		types = append(types, spellings(uri)...)
	}
	return check{part: "joined", types: types}, nil
}

// byVerdict checks a policy by the verdict that the gate attested.
func (c Cluster) byVerdict(p Policy, why string) (check, error) {
	if err := p.checkSet(); err != nil {
		return check{}, err
	}
	if c.Verifier == "" {
		return check{}, fmt.Errorf("%s, which no single attestation tells the cluster, and no verifier of attested verdicts is named", why)
	}
	return check{part: "verdict", types: []string{attest.TypeVSA}, notes: []string{why + ": the cluster checks the attested verdict instead"}}, nil
}

// checkSet refuses a policy of which a parameter has no value.
func (p Policy) checkSet() error {
	if unset := p.unset(); len(unset) > 0 {
		return fmt.Errorf("the parameter %s has no value: set it with policy-data", strings.Join(unset, ", "))
	}
	return nil
}

// spellings returns the URIs that a type goes by: the controller compares letters.
func spellings(uri string) []string {
	if attest.SameType(uri, attest.TypeSPDX) {
		return []string{attest.TypeSPDX, attest.TypeSPDX + "/v2.3"}
	}
	return []string{uri}
}

// attested returns the needs that are attestations.
func (p Policy) attested() []need {
	return slices.DeleteFunc(slices.Clone(p.reads.needs), func(n need) bool { return len(n.types()) == 0 })
}

// moreThanAStatement says why a policy cannot be checked on one statement; empty:
// it can.
func (p Policy) moreThanAStatement() string {
	needs := p.attested()
	switch {
	case slices.Contains(p.reads.needs, needCI):
		return "it reads input.ci"
	case slices.Contains(p.reads.needs, needConfig):
		return "it reads input.image.config"
	case p.reads.all:
		return "what it reads of its input is known only when it runs"
	case len(needs) == 0:
		return "it reads no attestation"
	}
	for _, n := range needs[1:] {
		if !slices.Equal(n.types(), needs[0].types()) {
			return fmt.Sprintf("it reads both %s and %s", needs[0], n)
		}
	}
	return p.readsAround()
}

// readsAround says what a policy reads of the image besides its digest, or of an
// attestation besides the statement. Where it goes through attestations, the mere
// word is enough: a rule that reads what is not there denies nothing.
func (p Policy) readsAround() string {
	for _, word := range p.reads.image {
		if word != "digest" {
			return "it reads input.image." + word
		}
	}
	found := ""
	for _, module := range p.sources {
		ast.WalkTerms(module, func(t *ast.Term) bool {
			if ref, ok := t.Value.(ast.Ref); ok && ref.HasPrefix(ast.InputRootRef.Append(ast.StringTerm("image"))) {
				return true // the image's own, which was looked at above
			}
			word, ok := t.Value.(ast.String)
			if ok && p.reads.entries && slices.Contains([]string{"signer", "source", "time", "digest"}, string(word)) {
				found = fmt.Sprintf("it may read an attestation's %s", string(word))
			}
			return false
		})
	}
	return found
}

// attestation returns the entry of a resource that checks a policy on statements of
// a type.
func (k check) attestation(p Policy, predicateType string, c Cluster) (attestation, error) {
	text, err := k.module(p, predicateType, c)
	if err != nil {
		return attestation{}, err
	}
	name := "attested"
	if k.part == "verdict" {
		name = "verdict"
	}
	return attestation{Name: name, Type: predicateType, Policy: regoPolicy{Type: "rego", Data: block(text)}}, nil
}

// module returns the Rego of a check, complete in itself.
func (k check) module(p Policy, predicateType string, c Cluster) (string, error) {
	module := &ast.Module{Package: ast.MustParsePackage("package sigstore")}
	params := "" // of the attested verdict, where the policy reads any
	if len(p.reads.params) > 0 {
		params = strings.TrimPrefix(p.ParamsDigest(), "sha256:")
	}
	setting, err := ast.InterfaceToValue(k.setting(p, predicateType, c, params))
	if err != nil {
		return "", err
	}
	module.Rules = append(module.Rules, constant("setting", setting))
	for _, part := range []string{"answer", k.part} {
		rules, err := partOf(part)
		if err != nil {
			return "", err
		}
		module.Rules = append(module.Rules, rules...)
	}
	if k.part != "verdict" {
		rules, err := p.flatten()
		if err != nil {
			return "", err
		}
		module.Rules = append(module.Rules, rules...)
		for rule, part := range map[string]string{"deny": "joined", "undecided": "joined", "violations": "compliance"} {
			if k.part == part && !p.has(rule) {
				module.Rules = append(module.Rules, constant("policy_"+rule, ast.NewSet()))
			}
		}
	}
	for _, rule := range module.Rules {
		rule.Module = module
	}
	return asControllerTakesIt(module)
}

func partOf(name string) ([]*ast.Rule, error) {
	text, err := clusterFiles.ReadFile("cluster/" + name + ".rego")
	if err != nil {
		return nil, err
	}
	module, err := ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1})
	if err != nil {
		return nil, err
	}
	return module.Rules, nil
}

// age is a bound as messages name it.
type age struct {
	NS    int64  `json:"ns"`
	Words string `json:"words"`
}

func ageOf(d time.Duration) age { return age{NS: d.Nanoseconds(), Words: span(d)} }

// setting is what the parts read as setting.
func (k check) setting(p Policy, predicateType string, c Cluster, params string) map[string]any {
	all := map[string]any{
		"limit": maxReasons, "skew": clockSkew.Nanoseconds(), "fix": p.meta.fix,
		"scan": k.part != "verdict" && attest.SameType(predicateType, attest.TypeVuln), "max_scan_age": ageOf(c.MaxScanAge),
		"content": k.part != "verdict" && isContent(predicateType), "allow_unread": c.AllowUnread.expressions(),
		"max_database_age": ageOf(c.MaxDatabaseAge),
	}
	switch k.part {
	case "joined":
		all["word"], all["shorthand"] = attest.ShortType(predicateType), ""
		all["needs_digest"] = slices.Contains(p.reads.image, "digest")
		for _, n := range []need{needSBOM, needScan, needProvenance} {
			if slices.Contains(n.types(), predicateType) {
				all["shorthand"] = string(n)
			}
		}
	case "verdict":
		all["verifier"], all["policy"] = c.Verifier, clean(p.Name())
		all["digest"], all["params"] = strings.TrimPrefix(p.Digest(), "sha256:"), params
		all["max_verdict_age"], all["whole"] = ageOf(c.MaxVerdictAge), !c.PartOfVerdict
	}
	return all
}
