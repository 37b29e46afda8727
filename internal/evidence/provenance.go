package evidence

import (
	"encoding/json"
	"fmt"
	"regexp"
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

// The predicate of SLSA's provenance (https://slsa.dev/spec/v1.0/provenance).
type (
	provenance struct {
		BuildDefinition buildDefinition `json:"buildDefinition"`
		RunDetails      runDetails      `json:"runDetails"`
	}
	buildDefinition struct {
		BuildType            string             `json:"buildType"`
		ExternalParameters   externalParameters `json:"externalParameters"`
		InternalParameters   internalParameters `json:"internalParameters"`
		ResolvedDependencies []descriptor       `json:"resolvedDependencies,omitempty"`
	}
	// externalParameters is under the names that policies of DevGuard read. What
	// is not known is absent, so that asking for it fails.
	externalParameters struct {
		Repository     string            `json:"repository,omitempty"`
		Workflow       string            `json:"workflow,omitempty"`
		Ref            string            `json:"ref,omitempty"`
		Branch         string            `json:"branch,omitempty"`
		Tag            string            `json:"tag,omitempty"`
		CommitHash     string            `json:"commithash,omitempty"`
		CommitMessage  string            `json:"commitmessage,omitempty"`
		Author         string            `json:"author,omitempty"`
		AuthorEmail    string            `json:"authoremail,omitempty"`
		Committer      string            `json:"committer,omitempty"`
		CommitterEmail string            `json:"committeremail,omitempty"`
		Signature      string            `json:"signature,omitempty"`
		JobImage       string            `json:"jobimage,omitempty"`
		Request        *request          `json:"request,omitempty"`
		Variables      map[string]string `json:"variables"`
	}
	request struct {
		Number       string `json:"number,omitempty"`
		SourceBranch string `json:"sourceBranch,omitempty"`
		TargetBranch string `json:"targetBranch,omitempty"`
		Fork         *bool  `json:"fork,omitempty"`
	}
	internalParameters struct {
		Host       ci.Host    `json:"host"`
		Event      ci.Event   `json:"event,omitempty"`
		EventName  string     `json:"eventName,omitempty"`
		RefType    ci.RefType `json:"refType,omitempty"`
		Protected  *bool      `json:"protected,omitempty"`
		RunID      string     `json:"runId,omitempty"`
		RunAttempt string     `json:"runAttempt,omitempty"`
		JobID      string     `json:"jobId,omitempty"`
		JobName    string     `json:"jobName,omitempty"`
		Runner     string     `json:"runner,omitempty"`
		Actor      string     `json:"actor,omitempty"`
		Workspace  workspace  `json:"workspace"`
	}
	workspace struct {
		Git      bool   `json:"git"`
		Head     string `json:"head,omitempty"`
		Branch   string `json:"branch,omitempty"`
		Detached bool   `json:"detached,omitempty"`
		Dirty    *bool  `json:"dirty,omitempty"`
	}
	runDetails struct {
		Builder    builder      `json:"builder"`
		Metadata   metadata     `json:"metadata"`
		Byproducts []descriptor `json:"byproducts,omitempty"`
	}
	builder struct {
		ID      string            `json:"id"`
		Version map[string]string `json:"version,omitempty"`
	}
	metadata struct {
		InvocationID string `json:"invocationId,omitempty"`
		StartedOn    string `json:"startedOn,omitempty"`
		FinishedOn   string `json:"finishedOn,omitempty"`
	}
	// descriptor is in-toto's ResourceDescriptor.
	descriptor struct {
		Name        string            `json:"name,omitempty"`
		URI         string            `json:"uri,omitempty"`
		Digest      map[string]string `json:"digest,omitempty"`
		MediaType   string            `json:"mediaType,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}
)

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
		Workspace: workspace{Git: s.Found, Head: s.Head, Branch: s.Branch, Detached: s.Detached, Dirty: s.Dirty},
	}
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
	// An image that is made the same every time often says 1970, and one that was
	// not built by this run says a time before it.
	if b.Created.Unix() > 0 && !b.Created.Before(started) && b.Created.Year() <= 9999 {
		m.FinishedOn = b.Created.UTC().Format(time.RFC3339)
	}
	return m
}

// digestForm is what a digest looks like that is worth naming.
var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

func (b Build) dependencies() []descriptor {
	var all []descriptor
	if commit := b.commit(); commit != "" || b.Job.RepositoryURL != "" {
		all = append(all, b.source(commit))
	}
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

func (b Build) source(commit string) descriptor {
	d := descriptor{Name: "source"}
	if b.Job.RepositoryURL != "" {
		d.URI = "git+" + b.Job.RepositoryURL
		if b.Job.Ref != "" {
			d.URI += "@" + b.Job.Ref
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
