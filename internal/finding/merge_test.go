package finding_test

import (
	"slices"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/finding"
)

func TestMerge(t *testing.T) {
	at := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	shared := finding.Finding{ID: "CVE-1", Severity: finding.High, Package: finding.Package{Name: "a", Version: "1"}}
	own := finding.Finding{ID: "CVE-2", Severity: finding.Critical, Package: finding.Package{Name: "b", Version: "1"}}
	suppressed := shared
	suppressed.SuppressedBy = &finding.Suppression{Source: "vex", Reason: "not affected"}

	merged := finding.Merge([]finding.PlatformScan{
		{Platform: "linux/amd64", Digest: "sha256:a", Scan: finding.Scan{Findings: []finding.Finding{shared, shared}, Started: at, Finished: at.Add(time.Minute)}},
		{Platform: "linux/arm64", Digest: "sha256:b", Scan: finding.Scan{Findings: []finding.Finding{shared, own}, Started: at.Add(-time.Minute), Finished: at}},
		{Platform: "linux/s390x", Digest: "sha256:c", Scan: finding.Scan{Findings: []finding.Finding{suppressed}, Started: at, Finished: at, Distribution: &finding.Distribution{Name: "debian"}}},
	})
	if len(merged.Findings) != 3 {
		t.Fatalf("findings %+v", merged.Findings)
	}
	if f := merged.Findings[0]; f.ID != "CVE-2" || !slices.Equal(f.Platforms, []string{"linux/arm64"}) {
		t.Errorf("the worst is %+v", f)
	}
	for _, f := range merged.Findings[1:] { // suppressed on one platform only, so it counts
		want := []string{"linux/amd64", "linux/arm64"}
		if !f.Effective() {
			want = []string{"linux/s390x"}
		}
		if !slices.Equal(f.Platforms, want) {
			t.Errorf("%+v is of %v, want %v", f, f.Platforms, want)
		}
	}
	sumsUp(t, merged, at)
	if shared.Platforms != nil {
		t.Error("what was merged has changed")
	}
}

// sumsUp checks what is counted and when it was.
func sumsUp(t *testing.T, merged finding.Scan, at time.Time) {
	t.Helper()
	_, effective := finding.Count(merged.Findings)
	if effective.High != 1 || effective.Critical != 1 {
		t.Errorf("effective counts %+v", effective)
	}
	if !merged.Started.Equal(at.Add(-time.Minute)) || !merged.Finished.Equal(at.Add(time.Minute)) {
		t.Errorf("from %v to %v", merged.Started, merged.Finished)
	}
	if p := merged.Platforms[2]; p.Digest != "sha256:c" || p.Distribution.Name != "debian" || p.Counts.Raw.High != 1 || p.Counts.Effective.High != 0 {
		t.Errorf("the third platform: %+v", p)
	}
}
