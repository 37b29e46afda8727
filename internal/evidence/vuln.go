package evidence

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
)

// Vuln returns the scan as the vulnerability predicate of cosign, with the
// summary as its free-form result.
func Vuln(scan finding.Scan) (attest.Predicate, error) {
	scan.Database.Built = scan.Database.Built.UTC() // the same bytes in every time zone
	scan.Database.Source = published(scan.Database.Source)
	result, err := json.Marshal(scan.Summary())
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the scan summary: %w", err)
	}
	var p finding.Predicate
	p.Scanner.URI = scan.Scanner.URI
	p.Scanner.Version = scan.Scanner.Version
	p.Scanner.DB.URI = scan.Database.Source
	p.Scanner.DB.Version = scan.Database.Schema
	p.Scanner.DB.LastUpdate = scan.Database.Built
	p.Scanner.Result = result
	p.Metadata.ScanStartedOn = scan.Started.UTC()
	p.Metadata.ScanFinishedOn = scan.Finished.UTC()

	body, err := json.Marshal(p)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the scan predicate: %w", err)
	}
	return attest.Predicate{Type: attest.TypeVuln, Body: body}, nil
}

// published returns a database's source as it may be read by everybody: of a
// path on the machine that scanned, the last element only.
func published(source string) string {
	if strings.Contains(source, "://") {
		return source
	}
	return filepath.Base(source)
}
