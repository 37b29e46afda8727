package attest_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

func TestClaimedTime(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)
	for _, test := range []struct {
		uri, predicate string
		want           time.Time
	}{
		{attest.TypeCycloneDX, `{"metadata": {"timestamp": "2026-11-22T12:30:00Z"}}`, time.Time{}}, // the image's, not the SBOM's
		{attest.TypeCustom, `{"Data": "x"}`, time.Time{}},
		{attest.TypeCustom, `{"Timestamp": "yesterday"}`, time.Time{}},
		{attest.TypeCustom, `{"Timestamp": 1}`, time.Time{}},
		{attest.TypeCustom, `null`, time.Time{}},
		{attest.TypeCustom, ``, time.Time{}},
		{attest.TypeCustom, `{"Timestamp": "2026-11-22T12:30:00Z"}`, at},
		{attest.TypeVuln, `{"metadata": {"scanFinishedOn": "2026-11-22T13:30:00+01:00"}}`, at},
		{attest.TypeSLSA1, `{"runDetails": {"metadata": {"finishedOn": "2026-11-22T12:30:00Z"}}}`, at},
		{attest.TypeVSA, `{"timeVerified": "2026-11-22T12:30:00Z"}`, at},
	} {
		st := attest.Statement{PredicateType: test.uri, Predicate: json.RawMessage(test.predicate)}
		if got := st.ClaimedTime(); !got.Equal(test.want) {
			t.Errorf("%s %s: %v, want %v", test.uri, test.predicate, got, test.want)
		}
	}
}
