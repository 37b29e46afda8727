package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// checkKeywords refuses a rule that is named like a keyword of newer Rego. To
// Rego v0, without an import,
//
//	isCompliant := true if { … }
//
// is two rules: isCompliant, which is always true, and one named if. The cluster
// would let everything pass, and nobody means that.
func checkKeywords(m manner, module *ast.Module) error {
	if m.version != ast.RegoV0 {
		return nil
	}
	for _, rule := range module.Rules {
		if name := ruleName(rule); slices.Contains([]string{"if", "contains", "in", "every"}, name) {
			return at(rule.Location, "%s is a rule here, not a keyword: add import rego.v1", name)
		}
	}
	return nil
}
