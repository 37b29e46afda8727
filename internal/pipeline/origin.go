package pipeline

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/catalog"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// The commands that make scans, as origins name them.
const (
	byRun    = "run"
	byRescan = "rescan"
)

// originOf returns how the SBOM of this run came to be, with when the layers were read
// for it. One that was brought was not read from any layers here.
func (r *run) originOf(bom catalog.SBOM) attest.Origin {
	o := bom.Origin()
	if o.Kind == attest.Made {
		o.Tools, o.ReadAt = r.withUs(o.Tools), r.readAt.UTC().Truncate(time.Second)
	}
	return o
}

// withUs returns the tools of an SBOM with this program as the first, unless it is there.
func (r *run) withUs(tools []attest.Tool) []attest.Tool {
	if len(tools) > 0 && tools[0].Name == self {
		return tools
	}
	return append([]attest.Tool{{Name: self, Version: r.job.Version}}, tools...)
}

// self is this program's name as a tool.
const self = "hallmark"

// scanPredicate returns the scan of this run as a predicate that says how it came to be:
// by which command, of which SBOM and with which database. One that was brought says so
// itself. Without a scan there is none.
func (r *run) scanPredicate(by, sbom string) ([]attest.Predicate, error) {
	scan := r.result.Scan
	if scan == nil {
		return nil, nil
	}
	if scan.Origin.Kind == "" {
		scan.Origin = r.scanOrigin(*scan, by, sbom)
	}
	p, err := evidence.Vuln(*scan)
	if err != nil {
		return nil, err
	}
	r.result.ScanBody = p.Body
	return []attest.Predicate{p}, nil
}

func (r *run) scanOrigin(scan finding.Scan, by, sbom string) attest.Origin {
	input := attest.Input{Name: attest.InputSBOM, Digest: sbom}
	if r.result.Origin.Kind != "" {
		of := r.result.Origin
		input.Origin = &of
	}
	o := attest.Origin{Kind: attest.Made, By: by, Tools: r.withUs(nil), Inputs: []attest.Input{input}}
	if tool, ok := attest.ToolNamed(scan.Scanner.URI, scan.Scanner.Version); ok {
		o.Tools = append(o.Tools, tool)
	}
	if scan.Database.SHA256 != "" {
		o.Inputs = append(o.Inputs, attest.Input{Name: attest.InputDatabase, Digest: "sha256:" + scan.Database.SHA256})
	}
	return o
}

// documentDigest returns the digest of the SBOM that was scanned: in CycloneDX if it is
// written in that, else in the first of its formats; empty where none is attested.
func (r *run) documentDigest() string {
	if len(r.result.SBOMs) == 0 {
		return ""
	}
	i := slices.IndexFunc(r.result.SBOMs, func(d Document) bool { return d.Format == catalog.CycloneDX })
	return attest.DocumentDigest(r.result.SBOMs[max(i, 0)].Content)
}

// lastRead returns when a signer's scans say that the layers were last read for its SBOM
// with a digest; the zero time where none does. The SBOM itself says no time: it is the
// same as long as the image is.
func lastRead(all []verify.Verified, signer, digest string) time.Time {
	var last time.Time
	for _, v := range all {
		if v.Signer() != signer || !attest.SameType(v.PredicateType(), attest.TypeVuln) {
			continue
		}
		if at := readAt(v, digest); at.After(last) {
			last = at
		}
	}
	return last
}

// readAt returns when a scan says that the layers were read for the SBOM with a digest.
func readAt(v verify.Verified, digest string) time.Time {
	var p finding.Predicate
	var result struct {
		Origin attest.Origin `json:"origin"`
	}
	if json.Unmarshal(v.Statement().Predicate, &p) != nil || json.Unmarshal(p.Scanner.Result, &result) != nil {
		return time.Time{}
	}
	sbom, ok := result.Origin.Input(attest.InputSBOM)
	madeHere := result.Origin.Kind == attest.Made && sbom.Origin != nil && sbom.Origin.Kind == attest.Made
	if !ok || !madeHere || sbom.Digest != digest {
		return time.Time{}
	}
	return sbom.Origin.ReadAt
}
