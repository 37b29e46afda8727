package ci

import (
	"net/url"
	"strconv"
	"strings"
)

// gitLabContext reads what GitLab tells a job
// (https://docs.gitlab.com/ci/variables/predefined_variables/).
func gitLabContext(f facts) Context {
	c := Context{
		Host:          GitLab,
		ServerURL:     f.address("CI_SERVER_URL"),
		APIURL:        ofServer(f.text("CI_API_V4_URL"), f.text("CI_SERVER_URL")),
		Repository:    f.text("CI_PROJECT_PATH"),
		RepositoryURL: f.address("CI_PROJECT_URL"),
		Protected:     f.flag("CI_COMMIT_REF_PROTECTED"),
		Commit:        f.text("CI_COMMIT_SHA"),
		EventName:     f.text("CI_PIPELINE_SOURCE"),
		RunID:         f.text("CI_PIPELINE_ID"),
		RunURL:        f.address("CI_PIPELINE_URL"),
		JobID:         f.text("CI_JOB_ID"),
		JobName:       f.text("CI_JOB_NAME"),
		JobURL:        f.address("CI_JOB_URL"),
		Workflow:      f.text("CI_CONFIG_PATH"),
		Runner:        f.text("CI_RUNNER_ID"),
		RunStarted:    f.text("CI_PIPELINE_CREATED_AT"),
		JobImage:      f.text("CI_JOB_IMAGE"),
		Actor:         f.text("GITLAB_USER_LOGIN"),
		Workspace:     f.text("CI_PROJECT_DIR"),
	}
	tag := f.text("CI_COMMIT_TAG")
	c.Event = gitLabEvent(c.EventName, tag)
	switch branch := f.text("CI_COMMIT_BRANCH"); {
	case f.text("CI_MERGE_REQUEST_IID") != "":
		return ofMergeRequest(c, f)
	case f.text("CI_EXTERNAL_PULL_REQUEST_IID") != "" || c.EventName == "external_pull_request_event":
		return ofExternalRequest(c, f)
	case tag != "":
		c.RefType, c.Tag, c.Ref = RefTag, tag, "refs/tags/"+tag
	case branch != "":
		c.RefType, c.Branch, c.Ref = RefBranch, branch, "refs/heads/"+branch
	}
	c.Head = ownHead(c)
	return c
}

// ofServer returns the address of an API if it is one of the server that it should be
// of, or of this machine. Both are variables, which an earlier job can set; a token is
// sent to the API.
func ofServer(api, server string) string {
	a, apiErr := url.Parse(api)
	b, serverErr := url.Parse(server)
	if server != "" && (apiErr != nil || serverErr != nil || a.Host != b.Host && !loopback(a.Hostname())) {
		return ""
	}
	return api
}

// ofMergeRequest completes the context of a pipeline for a merge request.
func ofMergeRequest(c Context, f facts) Context {
	c.Event, c.RefType = EventMergeRequest, RefMergeRequest
	c.Ref = f.text("CI_MERGE_REQUEST_REF_PATH")
	c.RequestNumber = f.text("CI_MERGE_REQUEST_IID")
	c.SourceBranch = f.text("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME")
	c.TargetBranch = f.text("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
	c.Fork = isFork(f)
	c.Head = headOfMergeRequest(c, f)
	return c
}

// isFork reports whether a merge request comes from another project; nil: GitLab does
// not say, or says both.
func isFork(f facts) *bool {
	source, target := f.text("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"), f.text("CI_MERGE_REQUEST_PROJECT_ID")
	from := f.text("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH")
	into := either(f.text("CI_MERGE_REQUEST_PROJECT_PATH"), f.text("CI_PROJECT_PATH"))
	byID, byPath := source != target, !strings.EqualFold(from, into)
	haveID, havePath := source != "" && target != "", from != "" && into != ""
	switch {
	case haveID && havePath && byID != byPath, !haveID && !havePath:
		return nil
	case haveID:
		return new(byID)
	}
	return new(byPath)
}

// headOfMergeRequest returns where a merge request comes from. A pipeline of merged
// results builds another commit than the request's last one.
func headOfMergeRequest(c Context, f facts) Head {
	h := Head{
		Repository:    f.text("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"),
		RepositoryURL: f.address("CI_MERGE_REQUEST_SOURCE_PROJECT_URL"),
		Ref:           "refs/heads/" + c.SourceBranch, Commit: either(f.text("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"), c.Commit),
	}
	if h.RepositoryURL == "" && h.Repository != "" && c.ServerURL != "" {
		h.RepositoryURL = c.ServerURL + "/" + h.Repository
	}
	if c.Fork == nil || h.RepositoryURL == "" || c.SourceBranch == "" || h.Commit == "" {
		return Head{Unknown: "GitLab's variables do not say, or contradict each other about, which project, branch and commit the merge request comes from"}
	}
	return h
}

// ofExternalRequest completes the context of a pipeline for a pull request of
// another host. Its number means nothing to GitLab.
func ofExternalRequest(c Context, f facts) Context {
	c.Event, c.RefType, c.Branch, c.Tag = EventPullRequest, RefPullRequest, "", ""
	c.Ref = f.text("CI_COMMIT_REF_NAME")
	c.SourceBranch = f.text("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME")
	c.TargetBranch = f.text("CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME")
	source, target := f.text("CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY"),
		f.text("CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY")
	if source == "" || target == "" {
		c.Head = Head{Unknown: "GitLab does not say which repository the pull request comes from"}
		return c
	}
	c.Fork = new(!strings.EqualFold(source, target))
	if *c.Fork {
		c.Head = Head{Unknown: "the pull request comes from a fork, " + strconv.Quote(source) + ", on another host"}
		return c
	}
	c.Head = c.ofBranch()
	if c.Head.Unknown == "" {
		c.Head.Commit = either(f.text("CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA"), c.Commit)
	}
	return c
}

func gitLabEvent(source, tag string) Event {
	switch source {
	case "":
		return EventUnknown
	case "push":
		if tag != "" {
			return EventTag
		}
		return EventPush
	case "merge_request_event":
		return EventMergeRequest
	case "schedule":
		return EventSchedule
	case "web":
		return EventManual
	}
	return EventOther
}
