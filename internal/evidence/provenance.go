package evidence

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/git"
)

// BuildType says how the parameters of a build are to be read. docs/evidence/provenance.md
// is its documentation.
const BuildType = "https://hallmark-ci.github.io/build/ci-job/v1"

// Build is what was gathered about how an image came to be.
type Build struct {
	Job      ci.Context
	Source   git.Workspace
	Version  string        // of Hallmark
	Created  time.Time     // of the image, as its configuration says; zero: not told
	At       time.Time     // of this run: the build had finished by then
	Base     Base          // that the image says it is built on
	BuildKit []BuildRecord // what BuildKit left in the index about this image
}

// Base is the image that another is built on.
type Base struct {
	Name, Digest string // as the labels org.opencontainers.image.base.* say
}

// BuildRecord is provenance that BuildKit left, unsigned, beside an image.
type BuildRecord struct {
	URI       string // of the layer that holds it
	Digest    string // sha256:…
	Type      string // of its predicate
	Materials []Material
}

// Material is what BuildKit says that it built from.
type Material struct {
	URI    string
	Digest map[string]string
}

// Provenance returns how an image came to be as a predicate. Everything in it is on
// a list of documented facts: nothing else of a job's environment gets there.
func Provenance(b Build) (attest.Predicate, error) {
	p := provenance{
		BuildDefinition: buildDefinition{
			BuildType: BuildType, ExternalParameters: b.external(), InternalParameters: b.internal(), ResolvedDependencies: b.dependencies(),
		},
		RunDetails: runDetails{Builder: b.builder(), Metadata: b.metadata(), Byproducts: b.byproducts()},
	}
	body, err := json.Marshal(p)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the provenance: %w", err)
	}
	return attest.Predicate{Type: attest.TypeSLSA1, Body: body}, nil
}

func (b Build) external() externalParameters {
	e := externalParameters{
		Repository: b.Job.RepositoryURL, Workflow: b.Job.Workflow, Ref: b.Job.Ref, Branch: b.Job.Branch, Tag: b.Job.Tag,
		CommitHash: b.commit(), JobImage: b.Job.JobImage, Variables: map[string]string{},
	}
	if b.Job.Host == ci.None {
		e.Branch = b.Source.Branch
	}
	if c := b.Source.Commit; c != nil {
		e.CommitMessage, e.Author, e.AuthorEmail = c.Message, c.Author, c.AuthorEmail
		e.Committer, e.CommitterEmail, e.Signature = c.Committer, c.CommitterEmail, c.Signature
	}
	h := b.Job.Head
	e.Head = head{Repository: h.RepositoryURL, Ref: h.Ref, Commit: h.Commit, Unknown: h.Unknown}
	if h == (ci.Head{}) {
		e.Head.Unknown = "the host does not say it"
	}
	if b.Job.IsRequest() {
		e.Request = &request{
			Number: b.Job.RequestNumber, SourceBranch: b.Job.SourceBranch, TargetBranch: b.Job.TargetBranch, Fork: b.Job.Fork,
		}
	}
	if b.Job.JobImage != "" {
		e.Variables["CI_JOB_IMAGE"] = b.Job.JobImage
	}
	if b.Job.Host == ci.GitHub && b.Job.Runner != "" {
		e.Variables["RUNNER_ENVIRONMENT"] = b.Job.Runner
	}
	return e
}

func (b Build) internal() internalParameters {
	j, s := b.Job, b.Source
	return internalParameters{
		Host: j.Host, Event: j.Event, EventName: j.EventName, RefType: j.RefType, Protected: j.Protected,
		RunID: j.RunID, RunAttempt: j.RunAttempt, JobID: j.JobID, JobName: j.JobName, Runner: j.Runner, Actor: j.Actor,
		Workspace: workspace{
			Git: s.Found, Head: s.Head, Branch: s.Branch, Detached: s.Detached, Dirty: s.Dirty,
			AtCommit: b.AtCommit(),
		},
	}
}

// Known is an answer that may not be known.
type Known string

// The answers.
const (
	Yes     Known = "yes"
	No      Known = "no"
	Unknown Known = "unknown"
)

// AtCommit reports whether the commit that is checked out in the workspace is one
// that the provenance names: the job's, or the head's. A job that checks out
// something else builds that, whatever its host says.
func (b Build) AtCommit() Known {
	named := slices.DeleteFunc([]string{b.commit(), b.Job.Head.Commit},
		func(commit string) bool { return commit == "" })
	switch {
	case !b.Source.Found || b.Source.Head == "" || len(named) == 0:
		return Unknown
	case slices.Contains(named, b.Source.Head):
		return Yes
	}
	return No
}

// commit is the commit that the host says it built, or that of the workspace
// where there is no host.
func (b Build) commit() string {
	if b.Job.Host == ci.None {
		return b.Source.Head
	}
	return b.Job.Commit
}

func (b Build) builder() builder {
	version := map[string]string{"hallmark": b.Version}
	if b.Version == "" {
		version = nil
	}
	return builder{ID: b.builderID(), Version: version}
}

// builderID names who ran the build: of GitHub the kind of runner, of GitLab the
// runner itself.
func (b Build) builderID() string {
	j := b.Job
	switch {
	case j.Host == ci.GitHub && j.Runner != "":
		return "https://github.com/actions/runner/" + j.Runner
	case j.Host == ci.GitLab && j.ServerURL != "" && j.Runner != "":
		return j.ServerURL + "/-/runners/" + j.Runner
	}
	return "https://hallmark-ci.github.io/builder/" + string(j.Host)
}

func (b Build) metadata() metadata {
	j := b.Job
	m := metadata{InvocationID: j.JobURL}
	if m.InvocationID == "" {
		m.InvocationID = j.RunURL
		if j.Host == ci.GitHub && j.RunURL != "" && j.RunAttempt != "" {
			m.InvocationID += "/attempts/" + j.RunAttempt
		}
	}
	started, err := time.Parse(time.RFC3339, j.RunStarted)
	if err == nil {
		m.StartedOn = started.UTC().Format(time.RFC3339)
	}
	m.FinishedOn = b.finished(started).UTC().Format(time.RFC3339)
	return m
}

// finished returns when the build had finished: when the image was made, or this run
// where the image does not say or cannot be right. An image that is made the same
// every time often says 1970, and one that this job did not build says a time before
// it started.
func (b Build) finished(started time.Time) time.Time {
	if b.Created.Unix() <= 0 || b.Created.Before(started) || b.Created.After(b.At) {
		return b.At
	}
	return b.Created
}

// digestForm is what a digest looks like that is worth naming.
var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (b Build) dependencies() []descriptor {
	all := b.sources()
	if digestForm.MatchString(b.Base.Digest) {
		all = append(all, descriptor{
			Name: "base image", URI: imageURI(b.Base.Name), Digest: sha256Of(b.Base.Digest), Annotations: map[string]string{"toldBy": "the image's labels"},
		})
	}
	if b.Job.JobImage != "" {
		d := descriptor{Name: "image of the job", URI: imageURI(b.Job.JobImage)}
		if at := len(b.Job.JobImage) - len("sha256:") - 64; at > 0 && digestForm.MatchString(b.Job.JobImage[at:]) {
			d.Digest = sha256Of(b.Job.JobImage[at:])
		}
		all = append(all, d)
	}
	for _, record := range b.BuildKit {
		for _, m := range record.Materials {
			all = append(all, descriptor{URI: m.URI, Digest: m.Digest, Annotations: map[string]string{"toldBy": "BuildKit"}})
		}
	}
	return all
}

// sources returns the source code that the image is made from: the job's, that of the
// head where it is another, and what was checked out where it is neither.
func (b Build) sources() []descriptor {
	var all []descriptor
	if commit := b.commit(); commit != "" || b.Job.RepositoryURL != "" {
		all = append(all, source("source", b.Job.RepositoryURL, b.Job.Ref, commit))
	}
	h := b.Job.Head
	if h != (ci.Head{}) && h.Unknown == "" && (h.Commit != b.Job.Commit || h.RepositoryURL != b.Job.RepositoryURL ||
		h.Ref != b.Job.Ref) {
		all = append(all, source("head", h.RepositoryURL, h.Ref, h.Commit))
	}
	if b.AtCommit() == No {
		all = append(all, source("workspace", "", "", b.Source.Head))
	}
	return all
}

// source returns source code as a dependency, as far as it is known.
func source(name, repository, ref, commit string) descriptor {
	d := descriptor{Name: name}
	if repository != "" {
		d.URI = "git+" + repository
		if ref != "" {
			d.URI += "@" + ref
		}
	}
	if regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`).MatchString(commit) {
		d.Digest = map[string]string{"gitCommit": commit}
	}
	return d
}

func imageURI(name string) string {
	if name == "" {
		return ""
	}
	return "oci://" + name
}

func (b Build) byproducts() []descriptor {
	var all []descriptor
	for _, record := range b.BuildKit {
		all = append(all, descriptor{
			Name: "provenance of BuildKit, not signed", URI: record.URI, Digest: sha256Of(record.Digest), MediaType: "application/vnd.in-toto+json",
			Annotations: map[string]string{"predicateType": record.Type},
		})
	}
	return all
}
