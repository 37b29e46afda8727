package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Row is one line of what is attached.
type Row struct {
	Format   string    `json:"format,omitempty"` // att or bundle
	Type     string    `json:"predicateType"`    // as its statement or, failing that, its annotation says
	Time     time.Time `json:"time,omitzero"`    // when it was made, as its statement says
	Size     int64     `json:"size"`             // bytes
	Digest   string    `json:"digest"`           // of the envelope
	Verified bool      `json:"verified"`
	Signer   string    `json:"signer,omitempty"` // where it is verified
	Reason   string    `json:"reason,omitempty"` // where it is not
}

// ListingJSON returns what is attached as one JSON array, whatever its length.
func ListingJSON(rows []Row) ([]byte, error) {
	bounded := make([]Row, len(rows))
	for i, r := range rows {
		r.Type, r.Reason = plain.Line(r.Type, textLimit), plain.Line(r.Reason, textLimit)
		bounded[i] = r
	}
	return indented("what is attached", bounded)
}

// Listing returns what is attached as a table. The column of formats is there
// where rows have one.
func Listing(rows []Row, style Style) []byte {
	t := &text{style: style}
	formats := slices.ContainsFunc(rows, func(r Row) bool { return r.Format != "" })
	headings := []string{"TYPE", "TIME", "SIZE", "AS", "ATTESTATION", "SIGNED BY"}
	cells := make([][]string, len(rows))
	for i, r := range rows {
		signer := shortDigest(r.Signer)
		if !r.Verified {
			signer = "not verified: " + shortDigest(r.Reason)
		}
		cells[i] = []string{attest.ShortType(r.Type), shownTime(r.Time), humanSize(r.Size), r.Format, shortDigest(r.Digest), signer}
		if !formats {
			cells[i] = slices.Delete(cells[i], 3, 4)
		}
	}
	if !formats {
		headings = slices.Delete(headings, 3, 4)
	}
	t.table(headings, cells)
	return t.out.Bytes()
}

// shownTime returns a time to the minute, in UTC; a dash for none.
func shownTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// VerifiedTable returns verified attestations, and what was rejected with its
// reason, as a table.
func VerifiedTable(verified []verify.Verified, rejected []pipeline.Rejection, style Style) []byte {
	rows := make([]Row, 0, len(verified)+len(rejected))
	for _, v := range verified {
		rows = append(rows, Row{
			Type: v.PredicateType(), Time: v.Time(), Verified: true, Signer: v.Signer(),
			Size: int64(len(v.Envelope().Raw())), Digest: v.Envelope().Digest(),
		})
	}
	t := &text{style: style}
	t.out.Write(Listing(rows, style))
	for _, r := range rejected {
		name := strings.TrimSpace(plain.Line(attest.ShortType(r.ClaimedType), 60) + " " + plain.Line(shortDigest(r.Digest), 60))
		t.line(fmt.Sprintf("  %s is not believed: %s", cmp.Or(name, "what is attached besides"), plain.Line(r.Reason.Error(), textLimit)))
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
