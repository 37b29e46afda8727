package report

import (
	"fmt"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Row is one line of what inspect shows.
type Row struct {
	Type   string `json:"predicateType"` // as its statement or, failing that, its annotation says
	Signer string `json:"signer"`        // where it verified; otherwise why nobody vouches for it
	Size   int64  `json:"size"`          // bytes
	Digest string `json:"digest"`
}

// ListingJSON returns what is attached as one JSON array, whatever its length.
func ListingJSON(rows []Row) ([]byte, error) {
	return indented("what is attached", append([]Row{}, rows...))
}

// Listing returns what is attached as a table.
func Listing(rows []Row, style Style) []byte {
	t := &text{style: style}
	cells := make([][]string, len(rows))
	for i, r := range rows {
		cells[i] = []string{attest.ShortType(r.Type), humanSize(r.Size), shortDigest(r.Digest), shortDigest(r.Signer)}
	}
	t.table([]string{"TYPE", "SIZE", "DIGEST", "SIGNED BY"}, cells)
	return t.out.Bytes()
}

// VerifiedTable returns verified attestations, and what was rejected with its
// reason, as a table.
func VerifiedTable(verified []verify.Verified, rejected []pipeline.Rejection, style Style) []byte {
	rows := make([]Row, 0, len(verified)+len(rejected))
	for _, v := range verified {
		rows = append(rows, Row{
			Type: v.PredicateType(), Signer: v.Signer(),
			Size: int64(len(v.Envelope().Raw())), Digest: v.Envelope().Digest(),
		})
	}
	t := &text{style: style}
	t.out.Write(Listing(rows, style))
	for _, r := range rejected {
		t.line(fmt.Sprintf("  %s %s is not believed: %s", plain.Line(attest.ShortType(r.ClaimedType), 60),
			plain.Line(shortDigest(r.Digest), 60), plain.Line(r.Reason.Error(), textLimit)))
	}
	return t.out.Bytes()
}

func humanSize(bytes int64) string {
	switch {
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	case bytes >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%d B", bytes)
}
