package report

import (
	"fmt"
	"os"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Extract writes the statement in an envelope to a folder, which is made if
// need be. The file is named by predicate type and envelope digest.
func Extract(dir, predicateType string, e attest.Envelope) error {
	if err := os.MkdirAll(dir, ownerAndSearches); err != nil {
		return fmt.Errorf("writing statements to %s: %w", dir, err)
	}
	name := attestationFile(predicateType, e.Digest()) + suffixStatement
	return Folder{path: dir}.file(name, e.Payload())
}
