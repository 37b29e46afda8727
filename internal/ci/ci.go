// Package ci is Hallmark at home on a CI host: what the host says about the job,
// and what it takes from it.
//
// A host tells a job who it is in environment variables. Context is what they
// say, as plain facts, from an explicit list of documented variables: never
// from all of the environment, in which there are secrets. Facts are kept
// letter by letter. Who made the branch also chose its name, and a cleaned
// name could equal that of another branch; so what shows a fact escapes it. A
// variable that no host would set so, too long or no text, counts as unset.
//
// What a host takes, its outputs, its summary, its annotations and its log, is
// written by the types of github.go and gitlab.go. Outside of a host, shell.go
// writes nothing.
package ci

import (
	"strings"
	"unicode/utf8"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Lookup looks up an environment variable, as os.LookupEnv does.
type Lookup func(name string) (string, bool)

// Host is a CI host.
type Host string

// Hosts that say who they are. Tekton does not: it sets no variables.
const (
	None     Host = "none"
	GitHub   Host = "github"
	GitLab   Host = "gitlab"
	Jenkins  Host = "jenkins"
	CircleCI Host = "circleci"
)

// Event is what started a job, in words that are the same for all hosts.
type Event string

// Events. One that none of the words fits is EventOther; one that the host does
// not tell is EventUnknown.
const (
	EventPush         Event = "push"
	EventTag          Event = "tag"
	EventPullRequest  Event = "pull_request"
	EventMergeRequest Event = "merge_request"
	EventSchedule     Event = "schedule"
	EventManual       Event = "manual"
	EventOther        Event = "other"
	EventUnknown      Event = ""
)

// RefType is what a job's ref is.
type RefType string

// Types of refs.
const (
	RefBranch       RefType = "branch"
	RefTag          RefType = "tag"
	RefPullRequest  RefType = "pull_request"
	RefMergeRequest RefType = "merge_request"
)

// Context is what the host of a job says about it. What it does not say is
// empty, and nil where no is an answer.
type Context struct {
	Host          Host    `json:"host"`
	ServerURL     string  `json:"serverUrl,omitempty"`     // https://github.com
	APIURL        string  `json:"-"`                       // where the host answers questions
	Repository    string  `json:"repository,omitempty"`    // owner/name, or a project's path
	RepositoryURL string  `json:"repositoryUrl,omitempty"` // without a login
	Ref           string  `json:"ref,omitempty"`           // refs/heads/main
	RefType       RefType `json:"refType,omitempty"`
	Branch        string  `json:"branch,omitempty"`    // never that of a pull or merge request
	Tag           string  `json:"tag,omitempty"`       // of a job for a tag
	Protected     *bool   `json:"protected,omitempty"` // whether the ref is a protected one
	Commit        string  `json:"commit,omitempty"`
	Event         Event   `json:"event,omitempty"`
	EventName     string  `json:"eventName,omitempty"` // in the host's own words

	Head Head `json:"head"` // whose change is built

	// Of a pull or merge request.
	RequestNumber string `json:"requestNumber,omitempty"`
	SourceBranch  string `json:"sourceBranch,omitempty"`
	TargetBranch  string `json:"targetBranch,omitempty"`
	Fork          *bool  `json:"fork,omitempty"` // whether it comes from another repository; absent: not told

	Workflow   string `json:"workflow,omitempty"`   // the file that describes the job, and its ref
	RunID      string `json:"runId,omitempty"`      // of the workflow run or the pipeline
	RunAttempt string `json:"runAttempt,omitempty"` // 1 for the first
	RunURL     string `json:"runUrl,omitempty"`
	JobID      string `json:"jobId,omitempty"`
	JobName    string `json:"jobName,omitempty"`
	JobURL     string `json:"jobUrl,omitempty"`
	Runner     string `json:"runner,omitempty"`     // github-hosted, self-hosted, or the runner's number
	RunStarted string `json:"runStarted,omitempty"` // RFC 3339
	JobImage   string `json:"jobImage,omitempty"`   // that the job runs in
	Actor      string `json:"actor,omitempty"`
	Workspace  string `json:"workspace,omitempty"` // where the sources are
}

// Detect returns the job's context from its environment variables alone.
func Detect(env Lookup) Context {
	f := facts{env}
	switch {
	case f.is("GITHUB_ACTIONS", "true"):
		return gitHubContext(f)
	case f.is("GITLAB_CI", "true"):
		return gitLabContext(f)
	case f.is("CIRCLECI", "true"):
		return circleCIContext(f)
	case f.text("JENKINS_URL") != "":
		return jenkinsContext(f)
	}
	return Context{Host: None, Head: Head{Unknown: "this is no CI job"}}
}

// Discover is Detect, completed by GitHub's event file. One that cannot be read
// tells nothing.
func Discover(env Lookup) Context {
	c := Detect(env)
	if c.Host != GitHub || c.Head.Unknown == "" {
		return c
	}
	payload, err := readEvent(facts{env}.text("GITHUB_EVENT_PATH"))
	if err != nil {
		c.Head = Head{Unknown: err.Error()}
		return c
	}
	return c.WithEvent(payload)
}

// IsRequest reports whether the job is for a pull or merge request.
func (c Context) IsRequest() bool {
	return c.Event == EventPullRequest || c.Event == EventMergeRequest
}

// maxFact bounds a variable, in bytes.
const maxFact = 4096

// facts reads single variables.
type facts struct{ env Lookup }

// text returns a variable as it is, or nothing if it is too long or no text.
func (f facts) text(name string) string {
	value, _ := f.env(name)
	if len(value) > maxFact || !utf8.ValidString(value) {
		return ""
	}
	return value
}

func (f facts) is(name, value string) bool { return f.text(name) == value }

// flag returns a variable that is true or false, and nil for everything else.
func (f facts) flag(name string) *bool {
	switch f.text(name) {
	case "true":
		return new(true)
	case "false":
		return new(false)
	}
	return nil
}

// address returns a URL without the login and the query that a host may put into
// it: facts are attested.
func (f facts) address(name string) string {
	address := plain.Address(f.text(name))
	if strings.HasSuffix(address, "://…") {
		return "" // a login in it could not be found
	}
	return address
}

// either returns the first value that there is.
func either(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
