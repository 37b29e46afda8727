package evidence

import "github.com/hallmark-ci/hallmark/internal/ci"

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
		Head           head              `json:"head"`
		Variables      map[string]string `json:"variables"`
	}
	request struct {
		Number       string `json:"number,omitempty"`
		SourceBranch string `json:"sourceBranch,omitempty"`
		TargetBranch string `json:"targetBranch,omitempty"`
		Fork         *bool  `json:"fork,omitempty"`
	}
	// head is whose change was built; where that is not known, unknown says why.
	head struct {
		Repository string `json:"repository,omitempty"`
		Ref        string `json:"ref,omitempty"`
		Commit     string `json:"commit,omitempty"`
		Unknown    string `json:"unknown,omitempty"`
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
		AtCommit Known  `json:"atCommit"`
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
