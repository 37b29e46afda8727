package report_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/report"
)

func TestAFolderThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	occupied := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(occupied, "verdict.json", "something"), 0o750))

	for _, path := range []string{file, filepath.Join(file, "below"), occupied} {
		_, err := report.Prepare(path)
		if err == nil || !strings.Contains(err.Error(), "writing reports to "+path) || !strings.Contains(fault.HintOf(err), "output-dir") {
			t.Errorf("%s: error %v, hint %q", path, err, fault.HintOf(err))
		}
	}
	err := report.Extract(filepath.Join(file, "below"), "vuln", denied(t).Attached[0].Envelope())
	if err == nil || !strings.Contains(err.Error(), filepath.Join(file, "below")) {
		t.Errorf("error %v", err)
	}
}

// A file is there whole or not at all, and no part of it stays behind.
func TestAFileThatCannotBeWritten(t *testing.T) {
	for _, name := range []string{"sbom.cdx.json", "scan.json", "junit.xml", "gl-sbom.cdx.json", "gl-container-scanning-report.json", "gl-code-quality-report.json", "results.sarif", "summary.md", "verdict.json", "attestations"} {
		t.Run(name, func(t *testing.T) {
			folder, err := report.Prepare(t.TempDir())
			must(t, err)
			in := filepath.Join(folder.Path(), name)
			if name == "attestations" {
				must(t, os.WriteFile(in, nil, 0o600)) // a file where a folder should be
			} else {
				must(t, os.MkdirAll(filepath.Join(in, "occupied"), 0o750))
			}
			err = folder.Write(denied(t))
			if err == nil || !strings.Contains(err.Error(), "writing reports to "+folder.Path()) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v", err)
			}
			for _, path := range filesIn(t, folder.Path()) {
				if strings.Contains(path, ".hallmark-") {
					t.Errorf("%s stayed behind", path)
				}
			}
		})
	}
}

// Nobody shall read an old verdict for a new one.
func TestPrepareRemovesOldReportsOnly(t *testing.T) {
	folder, err := report.Prepare(filepath.Join(t.TempDir(), "new", "folder"))
	must(t, err)
	must(t, folder.Write(denied(t)))
	for _, own := range []string{"notes.txt", "sbom.json"} {
		must(t, os.WriteFile(filepath.Join(folder.Path(), own), []byte("mine"), 0o600))
	}
	_, err = report.Prepare(folder.Path())
	must(t, err)
	if left := filesIn(t, folder.Path()); !slices.Equal(left, []string{"notes.txt", "sbom.json"}) {
		t.Errorf("left: %v", left)
	}
}

// A run that ended in an error says so in every report; none of them is a pass.
func TestAfterAnErrorThereIsNoPass(t *testing.T) {
	folder, err := report.Prepare(t.TempDir())
	must(t, err)
	r := denied(t)
	r.Attached, r.ScanBody, r.Scan = nil, nil, nil
	r.Verdict = policy.Verdict{Outcome: policy.Pass} // came to, and then something failed
	r.Failure = errors.New("attaching to registry.example/team/app: the registry is full")
	must(t, folder.Write(r))
	if got := filesIn(t, folder.Path()); !slices.Equal(got, []string{"gl-code-quality-report.json", "gl-sbom.cdx.json", "junit.xml", "report.html", "results.sarif", "sbom.cdx.json", "sbom.spdx.json", "summary.md", "verdict.json"}) {
		t.Errorf("files %v", got)
	}
	verdict, err := os.ReadFile(filepath.Join(folder.Path(), "verdict.json"))
	must(t, err)
	if s := string(verdict); !strings.Contains(s, `"verdict": "undecided"`) || !strings.Contains(s, "the registry is full") {
		t.Errorf("verdict.json: %s", s)
	}
}

// What failed before the image was known is reported by what was asked for.
func TestAnImageThatIsNotThere(t *testing.T) {
	folder, err := report.Prepare(t.TempDir())
	must(t, err)
	must(t, folder.Write(pipeline.Result{Reference: "registry.example/absent:v1", Failure: errors.New("no such image")}))
	for _, name := range filesIn(t, folder.Path()) {
		content, err := os.ReadFile(filepath.Join(folder.Path(), name))
		must(t, err)
		if s := string(content); !strings.Contains(s, "registry.example/absent") || !strings.Contains(s, "no such image") || strings.Contains(s, "docker.io") {
			t.Errorf("%s: %s", name, s)
		}
	}
}

func TestWrite(t *testing.T) {
	folder, err := report.Prepare(t.TempDir())
	must(t, err)
	r := denied(t)
	must(t, folder.Write(r))

	var names []string
	for _, v := range r.Attached {
		digest := v.Envelope().Digest()[len("sha256:"):][:12]
		kind := map[string]string{"https://cyclonedx.org/bom": "cyclonedx", "https://example.com/review/v1": "https---example.com-review-v1"}[v.PredicateType()]
		if kind == "" {
			kind = "vuln"
		}
		names = append(names, "attestations/"+kind+"-"+digest+".envelope.json", "attestations/"+kind+"-"+digest+".statement.json")
		content, err := os.ReadFile(filepath.Join(folder.Path(), names[len(names)-1]))
		must(t, err)
		if string(content) != string(v.Payload()) {
			t.Errorf("%s: %s", names[len(names)-1], content)
		}
	}
	names = append(names, "gl-code-quality-report.json", "gl-container-scanning-report.json", "gl-sbom.cdx.json", "junit.xml", "report.html", "results.sarif", "sbom.cdx.json", "sbom.spdx.json", "scan.json", "summary.md", "verdict.json")
	slices.Sort(names)
	if got := filesIn(t, folder.Path()); !slices.Equal(got, names) {
		t.Errorf("files %v, want %v", got, names)
	}
	scan, err := os.ReadFile(filepath.Join(folder.Path(), "scan.json"))
	must(t, err)
	if string(scan) != string(r.ScanBody)+"\n" {
		t.Errorf("scan.json: %q", scan)
	}
	info, err := os.Stat(filepath.Join(folder.Path(), "verdict.json"))
	must(t, err)
	if info.Mode().Perm() != 0o644 { // whoever runs the next job may read it
		t.Errorf("verdict.json has mode %v", info.Mode())
	}
}

func TestExtract(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "statements")
	e := denied(t).Attached[0].Envelope()
	for _, predicateType := range []string{"https://cyclonedx.org/bom", "../../out"} {
		must(t, report.Extract(dir, predicateType, e))
	}
	digest := e.Digest()[len("sha256:"):][:12]
	want := []string{"..-..-out-" + digest + ".statement.json", "cyclonedx-" + digest + ".statement.json"}
	if got := filesIn(t, dir); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}

// filesIn returns the files below a folder, with slashes, in order.
func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	}))
	slices.Sort(names)
	return names
}
