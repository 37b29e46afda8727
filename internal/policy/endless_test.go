package policy

import (
	"strings"
	"testing"
	"time"
)

// What never ends is stopped where policies are checked and tested, too.
func TestAnEndlessPolicyIsStopped(t *testing.T) {
	const own = "package hallmark.p\n\ndeny contains \"x\" if {\n\tinput.scan\n\tcount({[x, y, z] | some x in numbers.range(1, 10000); some y in numbers.range(1, 10000); some z in numbers.range(1, 10000)}) == 1\n}\n"
	short := Setting{Limit: 50 * time.Millisecond}
	for name, text := range map[string]string{"sigstore": endless, "own": own} {
		policies := Compile([]File{{Name: "p.rego", Text: text}}, short)
		if problems := policies[0].Problems(); len(problems) > 0 {
			t.Fatal(problems)
		}
		found := Check(t.Context(), policies)
		if len(found) != 1 || !strings.Contains(found[0].What, "did not come to an end within 50ms") {
			t.Errorf("%s: found %v", name, found)
		}
	}
	tests := []File{{Name: "p_test.rego", Text: "package hallmark.p_test\n\nimport data.hallmark.p\n\ntest_it if count(p.deny) == 0 with input as {\"scan\": {}}\n"}}
	suite, err := RunTests(t.Context(), []File{{Name: "p.rego", Text: own}}, tests, short)
	if err != nil {
		t.Fatal(err)
	}
	if len(suite.Tests) != 1 || suite.Tests[0].Why == "" {
		t.Errorf("the test came to %+v", suite.Tests)
	}
}
