package ci

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Head is whose change a job builds: the repository and the commit that it comes
// from. Of a pull or merge request that is where the request comes from, which may
// be a fork, and of a job that another run started, what that one ran for. Where
// the host does not tell, Unknown says why, and the other fields mean nothing.
type Head struct {
	Repository    string `json:"repository,omitempty"` // owner/name, or a project's path
	RepositoryURL string `json:"repositoryUrl,omitempty"`
	Ref           string `json:"ref,omitempty"` // refs/heads/…, in that repository
	Commit        string `json:"commit,omitempty"`
	Unknown       string `json:"unknown,omitempty"` // why nothing is known of it; empty: it is known
}

// ownHead is the head of a job for a branch or a tag of the repository itself.
func ownHead(c Context) Head {
	if !strings.HasPrefix(c.Ref, "refs/heads/") && !strings.HasPrefix(c.Ref, "refs/tags/") || c.Commit == "" {
		return Head{Unknown: "the host names no branch and no tag with a commit that the job is for"}
	}
	return Head{Repository: c.Repository, RepositoryURL: c.RepositoryURL, Ref: c.Ref, Commit: c.Commit}
}

// ofBranch is the head of a request that comes from a branch of the repository
// itself.
func (c Context) ofBranch() Head {
	if c.SourceBranch == "" || c.Commit == "" {
		return Head{Unknown: "the host does not say which branch the request comes from"}
	}
	return Head{
		Repository: c.Repository, RepositoryURL: c.RepositoryURL, Ref: "refs/heads/" + c.SourceBranch,
		Commit: c.Commit,
	}
}

// errNoEvent says why nothing is known of GitHub's event.
var errNoEvent = errors.New("the event file (GITHUB_EVENT_PATH) is missing or cannot be read")

// maxEvent bounds GitHub's event file, in bytes.
const maxEvent = 32 << 20

// readEvent reads GitHub's event file. Only a regular file is one: a pipe could
// make the job wait for ever.
func readEvent(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, errNoEvent
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, errNoEvent
	}
	defer file.Close() //nolint:errcheck // only read from
	payload, err := io.ReadAll(io.LimitReader(file, maxEvent+1))
	switch {
	case err != nil:
		return nil, errNoEvent
	case len(payload) > maxEvent:
		return nil, errors.New("the event file (GITHUB_EVENT_PATH) is over the limit of 32 MiB")
	}
	return payload, nil
}

// gitHubOwnEvents are the events for which GitHub runs a workflow on a branch or a
// tag of the repository itself, whose commit is GITHUB_SHA
// (https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows).
// Others, such as check_suite and status, can be about the commit of a fork without
// saying so; and of an event that is not listed nobody knows.
func gitHubOwnEvents() []string {
	return []string{
		"push", "create", "delete", "schedule", "workflow_dispatch", "repository_dispatch", "release", "merge_group",
		"deployment", "deployment_status", "issues", "label", "milestone", "discussion", "discussion_comment",
		"fork", "watch", "public", "gollum", "page_build", "registry_package", "branch_protection_rule",
		"image_version",
	}
}

// gitHubHead returns the head as far as GitHub's variables tell it.
func gitHubHead(c Context) Head {
	if slices.Contains(gitHubOwnEvents(), c.EventName) {
		return ownHead(c)
	}
	return Head{Unknown: "the event " + strconv.Quote(c.EventName) + " does not say whose commit it is about"}
}

// event is the payload of GitHub's event, of which keys are compared letter by
// letter.
type event json.RawMessage

// at returns what is below some keys, or nothing.
func (e event) at(keys ...string) event {
	for _, key := range keys {
		var object map[string]json.RawMessage
		if json.Unmarshal(e, &object) != nil {
			return nil
		}
		e = event(object[key])
	}
	if string(e) == "null" {
		return nil
	}
	return e
}

// text returns a text below some keys, or nothing.
func (e event) text(keys ...string) string {
	var s string
	if value := e.at(keys...); value == nil || json.Unmarshal(value, &s) != nil || len(s) > maxFact {
		return ""
	}
	return s
}

// saysRepository reports whether there is a repository's full name below some keys.
func (e event) saysRepository(keys ...string) bool { return e.text(append(keys, "full_name")...) != "" }

// head returns the head that an event names: a repository, a branch in it, and a
// commit.
func (e event) head(c Context, repository event, branch, commit string) Head {
	h := Head{Repository: repository.text("full_name"), Commit: commit}
	switch {
	case !regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`).MatchString(h.Repository):
		return Head{Unknown: "the event names no repository that the change comes from; a fork may be gone"}
	case !regexp.MustCompile(`^[0-9a-f]{1,64}$`).MatchString(commit):
		return Head{Unknown: "the event names no commit that the change consists of"}
	}
	if strings.EqualFold(h.Repository, c.Repository) {
		h.Repository, h.RepositoryURL = c.Repository, c.RepositoryURL
	} else {
		h.RepositoryURL = c.ServerURL + "/" + h.Repository
	}
	if branch != "" {
		h.Ref = "refs/heads/" + branch
	}
	return h
}

// WithEvent returns the context with what GitHub's event file says beyond the
// variables: a pull request's number, whether it comes from a fork, and whose head
// is built. A payload that cannot be read, or that does not say, leaves them
// unknown.
func (c Context) WithEvent(payload []byte) Context {
	e := event(payload)
	switch {
	case c.Host != GitHub || slices.Contains(gitHubOwnEvents(), c.EventName):
		return c
	case !json.Valid(payload):
		c.Head = Head{Unknown: "the event file (GITHUB_EVENT_PATH) is no JSON"}
	case c.Event == EventPullRequest:
		return c.withPullRequest(e.at("pull_request"))
	case !strings.EqualFold(e.text("repository", "full_name"), c.Repository):
		c.Head = Head{Unknown: "the event file (GITHUB_EVENT_PATH) is about another repository"}
	case c.EventName == "workflow_run":
		c.Head = c.headOfRun(e.at("workflow_run"))
	case c.EventName == "issue_comment" && e.at("issue") != nil && e.at("issue", "pull_request") == nil:
		c.Head = ownHead(c)
	case c.EventName == "issue_comment":
		c.Head = Head{Unknown: "a comment on a pull request does not say whose commit that is about"}
	}
	return c
}

// withPullRequest takes what the event of a pull request says.
func (c Context) withPullRequest(request event) Context {
	var number int64
	if json.Unmarshal(request.at("number"), &number) == nil && number > 0 {
		c.RequestNumber = strconv.FormatInt(number, 10)
	}
	base := request.text("base", "repo", "full_name")
	switch {
	case base == "":
		c.Head = Head{Unknown: "the event file (GITHUB_EVENT_PATH) does not say which repository the pull request is for"}
		return c
	case !strings.EqualFold(base, c.Repository):
		c.Head = Head{Unknown: "the event file (GITHUB_EVENT_PATH) is about another repository"}
		return c
	case request.at("head") != nil && request.at("head", "repo") == nil: // a fork that is gone
		c.Fork = new(true)
	case request.saysRepository("head", "repo"):
		c.Fork = new(!strings.EqualFold(request.text("head", "repo", "full_name"), base))
	}
	c.Head = request.head(c, request.at("head", "repo"), request.text("head", "ref"), request.text("head", "sha"))
	return c
}

// headOfRun returns the head of the run that started this one. What that one was
// started by may itself have been about somebody else's commit.
func (c Context) headOfRun(run event) Head {
	by := run.text("event")
	if !slices.Contains(gitHubOwnEvents(), by) && !strings.HasPrefix(by, "pull_request") {
		return Head{Unknown: "the run that started this one ran for " + strconv.Quote(by) + ", which does not say whose commit it is about"}
	}
	return run.head(c, run.at("head_repository"), run.text("head_branch"), run.text("head_sha"))
}
