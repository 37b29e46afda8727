package policy

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// The table of docs/storage.md is the one by which it is decided, and it has a row
// for every place.
func TestTheTableOfWhatIsNotReadIsAsDocumented(t *testing.T) {
	documented, err := os.ReadFile("../../docs/storage.md")
	must(t, err)
	var head, rule strings.Builder
	for _, need := range Needs() {
		fmt.Fprintf(&head, " %s |", need)
		rule.WriteString("---|")
	}
	table := "| what was not read |" + head.String() + "\n|---|" + rule.String() + "\n"
	for _, place := range attest.Places() {
		table += fmt.Sprintf("| %s |", place)
		for _, need := range Needs() {
			table += fmt.Sprintf(" %s |", EffectOf(need, place))
		}
		table += "\n"
	}
	if !strings.Contains(string(documented), table) {
		t.Errorf("docs/storage.md does not have the table\n%s", table)
	}
}

// What nobody has thought of is never a pass, but for those who need nothing.
func TestAPlaceThatIsNotInTheTable(t *testing.T) {
	for _, need := range Needs() {
		if got := EffectOf(need, "elsewhere"); (got == Stands) != (need == NeedNothing) {
			t.Errorf("%s: %s", need, got)
		}
	}
}

const passesAny = `# METADATA
# custom:
#   predicateType: custom
package sigstore
isCompliant { contains(input.predicate.Data, "yes") }
`

// Every dialect, with what it needs satisfied and something beside it that was not
// read.
func TestWhatIsNotReadTakesThePassWhereItMayMatter(t *testing.T) {
	n := newNotary(t)
	yes, build, clean := n.custom(t, "yes"), n.object(t, attest.TypeSLSA1, signedBuild), n.scan(t, finding.Scan{Finished: today()}, nil)
	hallmark := func(rule string) string { return "package hallmark.p\ndeny contains \"no\" if {\n" + rule + "\n}\n" }
	cutoff, err := finding.ParseCutoff("critical")
	must(t, err)
	for name, c := range map[string]struct {
		policy string
		cutoff bool
		own    []verify.Verified
		want   Outcome
	}{
		"sigstore: any one":              {policy: passesAny, want: Pass},
		"signature: every one":           {policy: "# METADATA\n# custom:\n#   predicateType: custom\npackage signature\nallow { contains(input.predicate.Data, \"yes\") }\n"},
		"compliance: the newest":         {policy: buildPolicy},
		"hallmark: the newest scan":      {policy: hallmark("input.scan.scanner.result.counts.effective.critical > 0")},
		"hallmark: this run's own scan":  {policy: hallmark("input.scan.scanner.result.counts.effective.critical > 0"), own: []verify.Verified{clean}, want: Pass},
		"hallmark: all scans":            {policy: hallmark("some a in input.attestations.vuln\na.predicate.scanner.result.counts.effective.critical > 0"), own: []verify.Verified{clean}},
		"hallmark: provenance":           {policy: hallmark("input.provenance.buildDefinition.externalParameters.signature == \"\""), own: []verify.Verified{clean}},
		"hallmark: nothing attached":     {policy: hallmark("input.image.name == \"x\""), want: Pass},
		"the cutoff: the newest scan":    {cutoff: true},
		"the cutoff: this run's own one": {cutoff: true, own: []verify.Verified{clean}, want: Pass},
	} {
		t.Run(name, func(t *testing.T) {
			rules := Rules{}
			if c.policy != "" {
				rules.Policies = load(t, c.policy)
			}
			if c.cutoff {
				rules.Cutoff = cutoff
			}
			e := Evidence{Verified: []verify.Verified{yes, build, clean}, Own: c.own, Now: today()}
			if got := rules.Decide(t.Context(), e); got.Outcome != Pass {
				t.Fatalf("with all read: %s, %v", got.Outcome, got.Results)
			}
			for _, place := range attest.Places()[1:] {
				if place == attest.PlaceReferrers {
					continue // ends the job
				}
				e.NotRead = []attest.NotRead{{Place: place, Why: errors.New("it has too many bytes")}}
				got := rules.Decide(t.Context(), e)
				if got.Outcome != c.want {
					t.Errorf("%s: %s, want %s", place, got.Outcome, c.want)
				}
				said := slices.Concat(sentences(got.Results[0].Reasons))
				if c.want != Pass && !strings.Contains(strings.Join(said, "; "), "something attached was not read, and may be what is needed") {
					t.Errorf("%s: %q", place, said)
				}
			}
		})
	}
}

// A denial stays one, and nothing to go by is still nothing.
func TestWhatIsNotReadNeverHelps(t *testing.T) {
	n := newNotary(t)
	unread := []attest.NotRead{{Place: attest.PlaceLayer, Why: errors.New("the registry broke the connection")}, {Place: attest.PlaceBudget, Why: errors.New("x")}}
	for says, want := range map[string]Outcome{"no": Deny, "": Undecided} {
		e := Evidence{NotRead: unread, Now: today()}
		if says != "" {
			e.Verified = []verify.Verified{n.custom(t, says)}
		}
		rules := Rules{Policies: load(t, strings.Replace(passesAny, "isCompliant {", "default isCompliant = false\nisCompliant {", 1))}
		got := rules.Decide(t.Context(), e)
		if got.Outcome != want {
			t.Errorf("%q: %s, want %s", says, got.Outcome, want)
		}
		if reasons := strings.Join(sentences(got.Results[0].Reasons), "; "); want == Undecided && !strings.Contains(reasons, "and 1 more were not read") {
			t.Errorf("%q: %s", says, reasons)
		}
	}
}
