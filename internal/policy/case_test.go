package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/sigstore/cosign/v2/pkg/cosign/rego"

	"github.com/hallmark-ci/hallmark/internal/verify"
)

// keyPolicy asks for a custom attestation whose data names a key.
const keyPolicy = `package sigstore

default isCompliant = false

isCompliant {
	input.predicateType == "https://cosign.sigstore.dev/attestation/v1"
	data := json.unmarshal(input.predicate.Data)
	data.key == "test-attestation-2"
}
`

// notKeyPolicy is its negation.
const notKeyPolicy = `package sigstore

default isCompliant = false

isCompliant {
	data := json.unmarshal(input.predicate.Data)
	data.key != "test-attestation-2"
}
`

// policyCase is one row of the tables below: a policy, what is attached and
// verified, and what comes out. In reasons, BY stands for the signer.
type policyCase struct {
	name       string
	policy     string
	verified   []verify.Verified
	outcome    Outcome
	reasons    []string
	considered int
	stricter   bool // than the Policy Controller, which lets this pass
}

func (c policyCase) run(t *testing.T, n notary) {
	t.Helper()
	rules := Rules{Policies: load(t, c.policy)}
	verdict := rules.Decide(t.Context(), Evidence{Verified: c.verified, Now: today()})
	if len(verdict.Results) != 1 {
		t.Fatalf("want one result, have %+v", verdict.Results)
	}
	result := verdict.Results[0]
	if verdict.Outcome != c.outcome || result.Outcome != c.outcome {
		t.Errorf("outcome: want %s, have %s (verdict %s)", c.outcome, result.Outcome, verdict.Outcome)
	}
	want := slices.Clone(c.reasons)
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "BY", "signed by "+n.signer)
	}
	if !slices.Equal(messages(result.Reasons), want) {
		t.Errorf("reasons:\nwant %q\nhave %q", want, messages(result.Reasons))
	}
	if result.Considered != c.considered {
		t.Errorf("considered: want %d, have %d", c.considered, result.Considered)
	}
}

// agrees asks the code that the Policy Controller evaluates policies with, on
// the statements of the policy's type: any one that it accepts is enough.
func (c policyCase) agrees(t *testing.T) {
	t.Helper()
	accepted := false
	for _, v := range c.verified {
		if Compile([]File{{Name: "p.rego", Text: c.policy}}, Setting{})[0].about(v.PredicateType()) {
			accepted = accepted || controllerAccepts(v.Payload(), c.policy)
		}
	}
	if pass := c.outcome == Pass; accepted != pass && !c.stricter {
		t.Errorf("pass is %t, the Policy Controller's is %t", pass, accepted)
	}
	if c.stricter && !accepted {
		t.Error("the Policy Controller is as strict")
	}
}

func controllerAccepts(payload []byte, policy string) (accepted bool) {
	defer func() {
		if recover() != nil { // as it does on a set of texts
			accepted = false
		}
	}()
	warning, err := rego.ValidateJSONWithModuleInput(payload, policy)
	return warning == nil && err == nil
}
