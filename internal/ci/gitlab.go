package ci

// gitLabContext reads what GitLab tells a job
// (https://docs.gitlab.com/ci/variables/predefined_variables/).
func gitLabContext(f facts) Context {
	c := Context{
		Host:          GitLab,
		ServerURL:     f.address("CI_SERVER_URL"),
		APIURL:        f.text("CI_API_V4_URL"),
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
	case tag != "":
		c.RefType, c.Tag, c.Ref = RefTag, tag, "refs/tags/"+tag
	case branch != "":
		c.RefType, c.Branch, c.Ref = RefBranch, branch, "refs/heads/"+branch
	}
	return c
}

// ofMergeRequest completes the context of a pipeline for a merge request.
func ofMergeRequest(c Context, f facts) Context {
	c.Event, c.RefType = EventMergeRequest, RefMergeRequest
	c.Ref = f.text("CI_MERGE_REQUEST_REF_PATH")
	c.RequestNumber = f.text("CI_MERGE_REQUEST_IID")
	c.SourceBranch = f.text("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME")
	c.TargetBranch = f.text("CI_MERGE_REQUEST_TARGET_BRANCH_NAME")
	source, target := f.text("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"), f.text("CI_MERGE_REQUEST_PROJECT_ID")
	if source != "" && target != "" {
		c.Fork = new(source != target)
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
