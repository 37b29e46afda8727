package policy

import (
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Newer Rego without its import means something else than its author thinks, in
// the cluster as here: it would be satisfied by anything.
func TestPolicyWithAForgottenImport(t *testing.T) {
	n := newNotary(t)
	for name, text := range map[string]string{
		"assigned":   "package sigstore\nisCompliant := true if { input.never }\n",
		"equal":      "package sigstore\nisCompliant = true if { input.never }\n",
		"set":        "package sigstore\ndefault isCompliant = true\nisCompliant contains x if { x := 1 }\n",
		"comparison": "package sigstore\nisCompliant = true\nin { input.never }\n",
	} {
		t.Run(name, func(t *testing.T) {
			verdict := Rules{Policies: load(t, text)}.Decide(t.Context(), Evidence{Verified: []verify.Verified{n.custom(t, "x")}, Now: today()})
			if verdict.Outcome != Undecided {
				t.Fatalf("outcome = %v: %v", verdict.Outcome, verdict.Results)
			}
			if name != "set" && !strings.Contains(verdict.Results[0].Reasons[0].Message, "add import rego.v1") {
				t.Errorf("reasons = %q", verdict.Results[0].Reasons)
			}
		})
	}
}
