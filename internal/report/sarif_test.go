package report_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/finding"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/report"
)

// sarif is as much of results.sarif as the tests look at.
type sarif struct {
	Runs []struct {
		AutomationDetails struct{ ID string }
		Tool              struct {
			Driver struct {
				Rules []struct {
					ID         string
					Help       struct{ Text string }
					Properties map[string]any
				}
			}
		}
		Invocations []struct {
			ExecutionSuccessful        bool
			ToolExecutionNotifications []struct{ Message struct{ Text string } }
		}
		Results []struct {
			RuleID              string
			RuleIndex           int
			Level               string
			PartialFingerprints map[string]string
			Locations           []struct {
				PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
			}
			Suppressions []struct {
				Justification string
				Properties    map[string]string
			}
		}
	}
}

func sarifOf(t *testing.T, r pipeline.Result) sarif {
	t.Helper()
	document, err := report.SARIF(r)
	must(t, err)
	var out sarif
	must(t, json.Unmarshal(document, &out))
	return out
}

func TestSARIF(t *testing.T) {
	published := sarifSchema(t)
	for name, r := range map[string]pipeline.Result{"denied.sarif": denied(t), "passed.sarif": passed(t)} {
		document, err := report.SARIF(r)
		must(t, err)
		golden(t, name, document)
		conforms(t, published, document)
	}
}

// Uploading a run without results closes every alert of its id: a job that did not
// scan must not have one.
func TestWithoutAScanNoAlertIsClosed(t *testing.T) {
	r := denied(t)
	r.Scan, r.Failure = nil, errors.New("the registry is full")
	for _, run := range sarifOf(t, r).Runs {
		if strings.Contains(run.AutomationDetails.ID, "vulnerabilities") {
			t.Errorf("there is a run %s", run.AutomationDetails.ID)
		}
		if run.Invocations[0].ExecutionSuccessful || !strings.Contains(run.Invocations[0].ToolExecutionNotifications[0].Message.Text, "the registry is full") {
			t.Errorf("invocation %+v", run.Invocations[0])
		}
	}
}

func TestSuppressedFindingsAreSuppressedResults(t *testing.T) {
	found := 0
	for _, res := range sarifOf(t, denied(t)).Runs[0].Results {
		if res.RuleID != "CVE-2026-0006" {
			continue
		}
		found++
		if len(res.Suppressions) != 1 || res.Suppressions[0].Justification != "the flag is never set" ||
			res.Suppressions[0].Properties["until"] != "2027-01-31T00:00:00Z" || res.Suppressions[0].Properties["by"] != "security@example.com" {
			t.Errorf("suppressions %+v", res.Suppressions)
		}
	}
	if found != 1 {
		t.Errorf("%d results", found)
	}
}

// Alerts are told apart by fingerprints: each has its own, and an image that is
// built anew has the same.
func TestFingerprintsOutliveTheDigest(t *testing.T) {
	first := denied(t)
	first.Scan.Findings = append(first.Scan.Findings, first.Scan.Findings[0]) // a package that is there twice
	second := first
	digest, err := name.NewDigest("registry.example/team/app@sha256:" + strings.Repeat("f", 64))
	must(t, err)
	second.Subject, err = attest.NewSubject(digest, "registry.example/team/app:1.5")
	must(t, err)

	prints := func(r pipeline.Result) map[string]bool {
		out := map[string]bool{}
		for _, run := range sarifOf(t, r).Runs {
			for _, res := range run.Results {
				mark := res.PartialFingerprints["primaryLocationLineHash"]
				if out[mark] {
					t.Errorf("%s is there twice", mark)
				}
				out[mark] = true
			}
		}
		return out
	}
	if a, b := fmt.Sprint(prints(first)), fmt.Sprint(prints(second)); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}

// Code scanning refuses absolute URIs of a scheme that is not the checkout's.
func TestLocationsAreRelative(t *testing.T) {
	for _, reference := range []string{"localhost:5000/team/app", "registry.example/team/app", "app"} {
		r := pipeline.Result{Reference: reference, Scan: &finding.Scan{Findings: findings()}}
		uri := sarifOf(t, r).Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI
		parsed, err := url.Parse(uri)
		must(t, err)
		if parsed.IsAbs() || parsed.Host != "" || strings.HasPrefix(uri, "/") || parsed.Path != reference {
			t.Errorf("%s: %q", reference, uri)
		}
	}
}

// GitHub takes so many results of a run and no more. The worst stay.
func TestSARIFIsBounded(t *testing.T) {
	r := passed(t)
	for i := range 6000 {
		r.Scan.Findings = append(r.Scan.Findings, finding.Finding{
			ID: fmt.Sprintf("CVE-2026-%05d", i), Severity: finding.Critical, Package: finding.Package{Name: "p", Version: "1"},
		})
	}
	run := sarifOf(t, r).Runs[0]
	if len(run.Results) != 5000 || len(run.Tool.Driver.Rules) != 5000 {
		t.Errorf("%d results of %d rules", len(run.Results), len(run.Tool.Driver.Rules))
	}
	if notes := run.Invocations[0].ToolExecutionNotifications; len(notes) != 1 || !strings.Contains(notes[0].Message.Text, "1000 more results are left out") {
		t.Errorf("notifications %+v", notes)
	}
}

func TestHostileNamesStayInTheirStringOfSARIF(t *testing.T) {
	published := sarifSchema(t)
	for name, s := range hostile() {
		t.Run(name, func(t *testing.T) {
			document, err := report.SARIF(spoiled(t, s))
			must(t, err)
			conforms(t, published, document)
			harmless(t, document)
			if len(document) > 256<<10 {
				t.Errorf("%d bytes", len(document))
			}
		})
	}
}
