package attest

import (
	"encoding/json"
	"time"
)

// ClaimedTime returns the time at which the statement says that it, or what it
// reports, was made; the zero time where its predicate type says none. It is
// the signer's claim: no clock but the signer's vouches for it.
func (st Statement) ClaimedTime() time.Time {
	var p struct {
		Timestamp string `json:"Timestamp"` // custom
		Metadata  struct {
			ScanFinishedOn string `json:"scanFinishedOn"` // vuln
		} `json:"metadata"`
		RunDetails struct {
			Metadata struct {
				FinishedOn string `json:"finishedOn"` // SLSA provenance v1
			} `json:"metadata"`
		} `json:"runDetails"`
		TimeVerified string `json:"timeVerified"` // verification summary
	}
	claims := map[string]*string{
		TypeCustom: &p.Timestamp, TypeVuln: &p.Metadata.ScanFinishedOn,
		TypeSLSA1: &p.RunDetails.Metadata.FinishedOn, TypeVSA: &p.TimeVerified,
	}
	claim, known := claims[st.PredicateType]
	if !known || json.Unmarshal(st.Predicate, &p) != nil {
		return time.Time{}
	}
	claimed, err := time.Parse(time.RFC3339Nano, *claim)
	if err != nil {
		return time.Time{}
	}
	return claimed
}
