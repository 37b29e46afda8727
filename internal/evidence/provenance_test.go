package evidence_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	provenancev1 "github.com/in-toto/attestation/go/predicates/provenance/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/git"
)

// Each recorded environment of a job gives the statement beside it. None gives away
// a secret, and all have the published form.
func TestProvenanceOfEachKindOfJob(t *testing.T) {
	for _, path := range environments(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".env")
		t.Run(name, func(t *testing.T) {
			job := ci.Detect(environment(t, path))
			if strings.HasSuffix(name, "-fork") && job.Host == ci.GitHub {
				job = job.WithEvent([]byte(`{"pull_request":{"number":7,"head":{"sha":"` + strings.Repeat("2b", 20) + `","ref":"main",` +
					`"repo":{"full_name":"eve/shop"}},"base":{"repo":{"full_name":"team/shop"}}}}`))
			}
			p, err := evidence.Provenance(evidence.Build{Job: job, Source: workspace(job.Commit), Version: "v1.0.0", Created: noon().Add(time.Minute), At: noon().Add(time.Hour)})
			must(t, err)
			indented, err := json.MarshalIndent(p.Body, "", "  ")
			must(t, err)
			golden(t, filepath.Join("provenance", name+".json"), append(indented, '\n'))
			if bytes.Contains(p.Body, []byte("SECRET")) {
				t.Error("there is a secret in it")
			}
			published(t, p)
			if of := job.RefType == ci.RefBranch; of != bytes.Contains(p.Body, []byte(`"branch":"main","`)) {
				t.Errorf("a branch is told that is none of the repository's own, or is not told: %s", p.Body)
			}
		})
	}
}

// A field that policies ask for is absent if nobody knows it: an empty one would
// satisfy who asks only whether it is there.
func TestProvenanceSaysNothingThatNobodyKnows(t *testing.T) {
	for name, b := range map[string]evidence.Build{
		"nothing":         {},
		"no git":          {Job: ci.Context{Host: ci.GitHub, Commit: "1f0c"}},
		"an unsigned one": {Source: git.Workspace{Found: true, Commit: &git.Commit{Author: "ada"}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := evidence.Provenance(b)
			must(t, err)
			for _, field := range []string{"signature", "authoremail", "jobimage", "startedOn", "digest"} {
				if bytes.Contains(p.Body, []byte(`"`+field+`"`)) {
					t.Errorf("it has a field %s: %s", field, p.Body)
				}
			}
			published(t, p)
		})
	}
}

func TestProvenanceOfAnImageBuiltByBuildKit(t *testing.T) {
	b := evidence.Build{Job: ci.Context{Host: ci.GitLab, RunStarted: "2026-11-22T12:00:00Z"}, At: noon().Add(time.Hour)}
	sum := "sha256:" + strings.Repeat("cd", 32)
	b, err := b.Of([]byte(`{"created":"2026-11-22T12:01:00Z","config":{"Labels":{"org.opencontainers.image.base.name":"alpine:3","org.opencontainers.image.base.digest":"` + sum + `"}}}`))
	must(t, err)
	record, err := evidence.Record(buildKit(sum, `{"buildDefinition":{"resolvedDependencies":[{"uri":"pkg:docker/golang@1","digest":{"sha256":"`+strings.Repeat("ef", 32)+`"}}]}}`))
	must(t, err)
	b.BuildKit = append(b.BuildKit, record)
	p, err := evidence.Provenance(b)
	must(t, err)
	published(t, p)
	for _, want := range []string{
		`{"name":"base image","uri":"oci://alpine:3","digest":{"sha256":"` + sum[7:] + `"},"annotations":{"toldBy":"the image's labels"}}`,
		`{"uri":"pkg:docker/golang@1","digest":{"sha256":"` + strings.Repeat("ef", 32) + `"},"annotations":{"toldBy":"BuildKit"}}`,
		`"finishedOn":"2026-11-22T12:01:00Z"`, `"byproducts":[{"name":"provenance of BuildKit, not signed","uri":"repo@sha256:1"`,
	} {
		if !strings.Contains(string(p.Body), want) {
			t.Errorf("it does not say %s:\n%s", want, p.Body)
		}
	}
	if _, err := b.Of([]byte("{")); err == nil {
		t.Error("a configuration that cannot be read is taken")
	}
	b, err = b.Of([]byte(`{"created":"2020-01-01T00:00:00Z","config":{"Labels":{"org.opencontainers.image.base.digest":"sha256:0"}}}`))
	must(t, err)
	p, err = evidence.Provenance(b)
	must(t, err)
	if !strings.Contains(string(p.Body), `"finishedOn":"2026-11-22T13:00:00Z"`) || strings.Contains(string(p.Body), "base image") {
		t.Errorf("an image from before the run, on what is no digest: %s", p.Body)
	}
}

// Without a time, nothing would tell which of two is the newer. An image that cannot
// be believed about its own has that of the run.
func TestProvenanceAlwaysSaysWhenTheBuildHadFinished(t *testing.T) {
	for created, want := range map[time.Time]string{
		{}:                         "2026-11-22T12:00:00Z",
		time.Unix(0, 0):            "2026-11-22T12:00:00Z",
		noon().Add(time.Second):    "2026-11-22T12:00:00Z", // the future
		noon().Add(-time.Hour):     "2026-11-22T12:00:00Z", // before the job began
		noon().Add(-time.Minute):   "2026-11-22T11:59:00Z",
		noon().AddDate(9000, 0, 0): "2026-11-22T12:00:00Z",
	} {
		b := evidence.Build{Job: ci.Context{RunStarted: "2026-11-22T11:30:00Z"}, Created: created, At: noon()}
		p, err := evidence.Provenance(b)
		must(t, err)
		if !bytes.Contains(p.Body, []byte(`"finishedOn":"`+want+`"`)) {
			t.Errorf("an image of %s: %s", created, p.Body)
		}
	}
}

func TestBuildKitsProvenanceIsChecked(t *testing.T) {
	sum := "sha256:" + strings.Repeat("cd", 32)
	for says, l := range map[string]evidence.Left{
		"decoding the statement":        {Of: sum, Content: []byte("{")},
		"is about another image":        {Of: "sha256:" + strings.Repeat("00", 32), Content: buildKit(sum, "{}").Content},
		"which is no provenance":        {Of: sum, Content: bytes.Replace(buildKit(sum, "{}").Content, []byte("slsa.dev/provenance"), []byte("example.com"), 1)},
		"it was built from cannot be":   buildKit(sum, `{"materials":[7]}`),
		"1001 things, the limit is 100": buildKit(sum, `{"materials":[{}`+strings.Repeat(",{}", 1000)+`]}`),
	} {
		_, err := evidence.Record(l)
		refused(t, err, says)
	}
}

func buildKit(of, predicate string) evidence.Left {
	return evidence.Left{URI: "repo@sha256:1", Digest: "sha256:" + strings.Repeat("12", 32), Of: of, Content: []byte(
		`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v1","subject":[{"name":"x","digest":{"sha256":"` + of[7:] + `"}}],"predicate":` + predicate + `}`)}
}

// published checks a provenance by in-toto's published form.
func published(t *testing.T, p attest.Predicate) {
	t.Helper()
	var message provenancev1.Provenance
	must(t, protojson.Unmarshal(p.Body, &message))
	must(t, message.Validate())
}

// What is checked out is told as it is: a change that is not committed, a branch in
// place of a commit, another commit than the job's, and that nothing can be told.
func TestProvenanceTellsTheWorkspace(t *testing.T) {
	commit, other := strings.Repeat("1f", 20), strings.Repeat("2b", 20)
	job := ci.Context{Host: ci.GitHub, Commit: commit}
	headed := ci.Context{Host: ci.GitHub, Commit: commit, Head: ci.Head{Repository: "eve/shop", RepositoryURL: "https://github.com/eve/shop", Commit: other}}
	for _, c := range []struct {
		job  ci.Context
		of   git.Workspace
		want string
	}{
		{job, git.Workspace{}, `{"git":false,"atCommit":"unknown"}`},
		{job, git.Workspace{Found: true}, `{"git":true,"atCommit":"unknown"}`},
		{job, git.Workspace{Found: true, Head: commit, Detached: true, Dirty: new(true)}, `{"git":true,"head":"` + commit + `","detached":true,"dirty":true,"atCommit":"yes"}`},
		{job, git.Workspace{Found: true, Head: commit, Branch: "main"}, `{"git":true,"head":"` + commit + `","branch":"main","atCommit":"yes"}`},
		{job, git.Workspace{Found: true, Head: other}, `{"git":true,"head":"` + other + `","atCommit":"no"}`},
		{headed, git.Workspace{Found: true, Head: other}, `{"git":true,"head":"` + other + `","atCommit":"yes"}`},
		{ci.Context{Host: ci.GitHub}, git.Workspace{Found: true, Head: other}, `{"git":true,"head":"` + other + `","atCommit":"unknown"}`},
		{ci.Context{Host: ci.None}, git.Workspace{Found: true, Head: other}, `{"git":true,"head":"` + other + `","atCommit":"yes"}`},
	} {
		p, err := evidence.Provenance(evidence.Build{Job: c.job, Source: c.of})
		must(t, err)
		var form struct {
			BuildDefinition struct {
				InternalParameters   struct{ Workspace json.RawMessage }
				ResolvedDependencies []struct{ Name string }
			}
		}
		must(t, json.Unmarshal(p.Body, &form))
		if got := string(form.BuildDefinition.InternalParameters.Workspace); got != c.want {
			t.Errorf("have %s, want %s", got, c.want)
		}
		var names []string
		for _, d := range form.BuildDefinition.ResolvedDependencies {
			names = append(names, d.Name)
		}
		if strings.Contains(c.want, `"no"`) != slices.Contains(names, "workspace") {
			t.Errorf("it was built from %q: %s", names, c.want)
		}
	}
}

func workspace(commit string) git.Workspace {
	return git.Workspace{Found: true, Head: commit, Detached: true, Dirty: new(false), Commit: &git.Commit{
		Hash: commit, Author: "Ada", AuthorEmail: "ada@example.com", Committer: "Bob", CommitterEmail: "bob@example.com",
		Message: "Cart: <b>prices</b>", Signature: "ssh",
	}}
}

func environments(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "environments", "*.env"))
	must(t, err)
	if len(paths) < 14 {
		t.Fatalf("only %d environments", len(paths))
	}
	return paths
}

// environment reads recorded variables.
func environment(t *testing.T, path string) ci.Lookup {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	values := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[name] = value
	}
	return func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}
}
