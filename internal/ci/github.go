package ci

import (
	"strconv"
	"strings"
)

// gitHubContext reads what GitHub tells a job
// (https://docs.github.com/en/actions/reference/workflows-and-actions/variables).
func gitHubContext(f facts) Context {
	c := Context{
		Host:         GitHub,
		ServerURL:    f.address("GITHUB_SERVER_URL"),
		APIURL:       f.text("GITHUB_API_URL"),
		Repository:   f.text("GITHUB_REPOSITORY"),
		Ref:          f.text("GITHUB_REF"),
		Protected:    f.flag("GITHUB_REF_PROTECTED"),
		Commit:       f.text("GITHUB_SHA"),
		EventName:    f.text("GITHUB_EVENT_NAME"),
		SourceBranch: f.text("GITHUB_HEAD_REF"),
		TargetBranch: f.text("GITHUB_BASE_REF"),
		Workflow:     f.text("GITHUB_WORKFLOW_REF"),
		RunID:        f.text("GITHUB_RUN_ID"),
		RunAttempt:   f.text("GITHUB_RUN_ATTEMPT"),
		JobID:        f.text("GITHUB_JOB"),
		JobName:      f.text("GITHUB_JOB"),
		Runner:       f.text("RUNNER_ENVIRONMENT"),
		Actor:        f.text("GITHUB_ACTOR"),
		Workspace:    f.text("GITHUB_WORKSPACE"),
	}
	if c.ServerURL != "" && c.Repository != "" {
		c.RepositoryURL = c.ServerURL + "/" + c.Repository
		if c.RunID != "" {
			c.RunURL = c.RepositoryURL + "/actions/runs/" + c.RunID
		}
	}
	c.Event, c.Head = gitHubEvent(c.EventName, f.text("GITHUB_REF_TYPE")), gitHubHead(c)
	if c.Event == EventPullRequest {
		c.RefType = RefPullRequest
		c.RequestNumber = pullNumber(c.Ref)
		return c
	}
	switch name := f.text("GITHUB_REF_NAME"); f.text("GITHUB_REF_TYPE") {
	case "branch":
		c.RefType, c.Branch = RefBranch, name
	case "tag":
		c.RefType, c.Tag = RefTag, name
	}
	return c
}

// gitHubEvent returns the event of GitHub's name of it. What runs for a pull
// request is one even where GitHub runs it on the target's ref.
func gitHubEvent(name, refType string) Event {
	switch {
	case name == "":
		return EventUnknown
	case name == "push" && refType == "tag":
		return EventTag
	case name == "push":
		return EventPush
	case strings.HasPrefix(name, "pull_request"):
		return EventPullRequest
	case name == "schedule":
		return EventSchedule
	case name == "workflow_dispatch":
		return EventManual
	}
	return EventOther
}

// pullNumber returns N of refs/pull/N/merge.
func pullNumber(ref string) string {
	rest, ok := strings.CutPrefix(ref, "refs/pull/")
	number, _, slash := strings.Cut(rest, "/")
	if _, err := strconv.ParseUint(number, 10, 63); !ok || !slash || err != nil {
		return ""
	}
	return number
}
