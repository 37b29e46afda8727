package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// scanView is the scan: a chart and a table.
type scanView struct {
	Lead, Title string
	Height      int
	Bars        []barView
	Rows        []findingView
}

type barView struct {
	Name           string
	Count          int
	Y, Text, Width int
}

type findingView struct {
	Severity                              string
	Rank                                  int
	ID, URL, Also, Package, Type, Version string
	Fixed, Fixable, Status, Words, Why    string
}

// Of the chart, in units of its view box.
const (
	barWidth = 440
	barPitch = 24
)

func scanViewOf(r pipeline.Result) *scanView {
	if r.Scan == nil {
		return nil
	}
	counts := r.Scan.Summary().Counts
	v := &scanView{Title: "Findings that count, by severity: " + countLine(counts.Effective)}
	v.Lead = counted(counts.Effective.Total())
	if how := scannedWords(*r.Scan); how != "" {
		v.Lead += ", scanned" + how
	}
	v.Lead = strings.TrimSpace(v.Lead + ". " + suppressedWords(counts))
	most := 1
	for _, s := range finding.Severities() {
		most = max(most, counts.Effective.Of(s))
	}
	for i, s := range finding.Severities() {
		bar := barView{Name: s.String(), Count: counts.Effective.Of(s), Y: i*barPitch + 4, Text: i*barPitch + 16}
		if bar.Count > 0 {
			bar.Width = max(3, bar.Count*barWidth/most)
		}
		v.Bars = append(v.Bars, bar)
	}
	v.Height = len(v.Bars)*barPitch + 4
	for _, f := range worstFirst(r.Scan.Findings) {
		v.Rows = append(v.Rows, findingViewOf(f))
	}
	return v
}

func counted(n int) string {
	if n == 1 {
		return "1 finding that counts"
	}
	return fmt.Sprintf("%d findings that count", n)
}

func findingViewOf(f finding.Finding) findingView {
	v := findingView{
		Severity: f.Severity.String(), Rank: int(f.Severity), ID: f.ID, URL: advisoryOf(f), Also: strings.Join(f.Aliases, ", "),
		Package: f.Package.Name, Type: f.Package.Type, Version: f.Package.Version, Fixed: fixedIn(f), Fixable: "no", Status: "counts",
	}
	if f.Fixable() {
		v.Fixable = "yes"
	} else if f.FixState == "wont-fix" {
		v.Fixed = "will not be fixed"
	}
	var words []string
	if f.KEV != nil {
		words = append(words, "known to be exploited")
	}
	if f.EPSS != nil {
		words = append(words, fmt.Sprintf("EPSS %.1f %%", f.EPSS.Score*100))
	}
	if s := f.SuppressedBy; s != nil {
		v.Status = "suppressed"
		words = append([]string{"suppressed by " + cmp.Or(map[string]string{"waiver": "a waiver", "database": "the database", "vex": "VEX"}[s.Source], s.Source)}, words...)
		v.Why = suppressionWords(s)
	}
	if len(f.Platforms) > 0 {
		words = append(words, strings.Join(f.Platforms, ", "))
	}
	v.Words = strings.Join(words, "; ")
	return v
}

func suppressionWords(s *finding.Suppression) string {
	words := []string{cmp.Or(s.Reason, "no reason is given")}
	if s.By != "" {
		words = append(words, s.By)
	}
	if s.Until != nil {
		words = append(words, "until "+day(*s.Until))
	}
	return strings.Join(words, ", ")
}
