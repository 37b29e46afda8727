package evidence

import (
	"encoding/json"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// CycloneDX returns a CycloneDX document as a predicate.
func CycloneDX(document []byte) attest.Predicate {
	return attest.Predicate{Type: attest.TypeCycloneDX, Body: json.RawMessage(document)}
}

// SPDX returns an SPDX JSON document as a predicate, under the type without a
// version, as cosign writes it.
func SPDX(document []byte) attest.Predicate {
	return attest.Predicate{Type: attest.TypeSPDX, Body: json.RawMessage(document)}
}
