package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// statementAt decodes a statement as of a time: in a scan, what suppressed a finding and has
// ended since suppresses it no longer, and the finding counts again. The cluster is told
// the same by what policies are compiled to.
func statementAt(v verify.Verified, now time.Time) (ast.Value, error) {
	statement, err := ast.ValueFromReader(bytes.NewReader(v.Payload()))
	if err != nil || !attest.SameType(v.PredicateType(), attest.TypeVuln) {
		return statement, err
	}
	findings := endedFindings(v, now)
	if len(findings) == 0 {
		return statement, nil
	}
	decoded, err := ast.JSON(statement)
	if err != nil {
		return nil, err
	}
	if err := countAgain(decoded, findings); err != nil {
		return nil, err
	}
	return ast.InterfaceToValue(decoded)
}

// endedFindings returns the places of the findings in a scan whose suppression has ended;
// none of a scan in another form than Hallmark's.
func endedFindings(v verify.Verified, now time.Time) []int {
	var p finding.Predicate
	var summary finding.Summary
	if json.Unmarshal(v.Statement().Predicate, &p) != nil || json.Unmarshal(p.Scanner.Result, &summary) != nil {
		return nil
	}
	var places []int
	for i, f := range summary.Findings {
		if !f.Effective() && f.EffectiveAt(now) {
			places = append(places, i)
		}
	}
	return places
}

// countAgain takes away what suppressed findings of a decoded scan, and counts them.
func countAgain(statement any, places []int) error {
	at := func(value any, path ...string) map[string]any {
		for _, key := range path {
			object, _ := value.(map[string]any)
			value = object[key]
		}
		object, _ := value.(map[string]any)
		return object
	}
	result := at(statement, "predicate", "scanner", "result")
	findings, _ := result["findings"].([]any)
	effective := at(result, "counts", "effective")
	for i, one := range findings {
		if !slices.Contains(places, i) {
			continue
		}
		found := at(one)
		delete(found, "suppressedBy")
		severity, _ := found["severity"].(string)
		before, known := effective[severity].(json.Number)
		if !known {
			continue // it has no counts that could be wrong
		}
		n, err := before.Int64()
		if err != nil {
			return fmt.Errorf("the count of severity %s is no number: %w", clean(severity), err)
		}
		effective[severity] = json.Number(fmt.Sprint(n + 1))
	}
	return nil
}
