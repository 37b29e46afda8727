package ci

import "strings"

// noDesk is where no host takes anything.
type noDesk struct{}

// Mask implements Desk.
func (noDesk) Mask(string) {}

// Section implements Desk.
func (noDesk) Section(string) func() { return func() {} }

// Annotate implements Desk.
func (noDesk) Annotate([]Annotation) {}

// Clear implements Desk.
func (noDesk) Clear(string) error { return nil }

// Output implements Desk.
func (noDesk) Output(string, []Output) error { return nil }

// Summary implements Desk.
func (noDesk) Summary([]byte, string) error { return nil }

// jenkinsContext reads what Jenkins, its git plugin and its multibranch projects
// tell a job
// (https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables).
func jenkinsContext(f facts) Context {
	c := Context{
		Host:          Jenkins,
		ServerURL:     f.address("JENKINS_URL"),
		RepositoryURL: f.address("GIT_URL"),
		Commit:        f.text("GIT_COMMIT"),
		RunID:         f.text("BUILD_NUMBER"),
		RunURL:        f.address("BUILD_URL"),
		JobID:         f.text("BUILD_TAG"),
		JobName:       f.text("JOB_NAME"),
		JobURL:        f.address("JOB_URL"),
		Runner:        f.text("NODE_NAME"),
		Actor:         f.text("CHANGE_AUTHOR"),
		Workspace:     f.text("WORKSPACE"),
	}
	tag, branch := f.text("TAG_NAME"), either(f.text("BRANCH_NAME"), strings.TrimPrefix(f.text("GIT_BRANCH"), "origin/"))
	switch {
	case f.text("CHANGE_ID") != "":
		c.Event, c.RefType = EventPullRequest, RefPullRequest
		c.RequestNumber = f.text("CHANGE_ID")
		c.SourceBranch, c.TargetBranch = f.text("CHANGE_BRANCH"), f.text("CHANGE_TARGET")
		c.Fork = new(f.text("CHANGE_FORK") != "")
		c.Head = c.headOfRequest()
		return c
	case tag != "":
		c.RefType, c.Tag, c.Ref = RefTag, tag, "refs/tags/"+tag
	case branch != "":
		c.RefType, c.Branch, c.Ref = RefBranch, branch, "refs/heads/"+branch
	}
	c.Head = ownHead(c)
	return c
}

// headOfRequest returns the head of a request on a host that says no more of a fork
// than that it is one.
func (c Context) headOfRequest() Head {
	if c.Fork == nil || *c.Fork {
		return Head{Unknown: "the request comes from a fork, of which the host does not say where it is"}
	}
	return c.ofBranch()
}

// circleCIContext reads what CircleCI tells a job
// (https://circleci.com/docs/reference/variables/).
func circleCIContext(f facts) Context {
	c := Context{
		Host:          CircleCI,
		RepositoryURL: f.address("CIRCLE_REPOSITORY_URL"),
		Commit:        f.text("CIRCLE_SHA1"),
		RunID:         f.text("CIRCLE_WORKFLOW_ID"),
		JobID:         f.text("CIRCLE_BUILD_NUM"),
		JobName:       f.text("CIRCLE_JOB"),
		JobURL:        f.address("CIRCLE_BUILD_URL"),
		RunURL:        f.address("CIRCLE_BUILD_URL"),
		Actor:         f.text("CIRCLE_USERNAME"),
		Workspace:     f.text("CIRCLE_WORKING_DIRECTORY"),
	}
	if owner, name := f.text("CIRCLE_PROJECT_USERNAME"), f.text("CIRCLE_PROJECT_REPONAME"); owner != "" && name != "" {
		c.Repository = owner + "/" + name
	}
	tag, branch := f.text("CIRCLE_TAG"), f.text("CIRCLE_BRANCH")
	fork := f.text("CIRCLE_PR_NUMBER") != "" || f.text("CIRCLE_PR_REPONAME") != "" // set for forks only
	switch request := f.text("CIRCLE_PULL_REQUEST"); {
	case request != "" || fork:
		c.Event, c.RefType, c.SourceBranch = EventPullRequest, RefPullRequest, branch
		c.RequestNumber = either(request[strings.LastIndex(request, "/")+1:], f.text("CIRCLE_PR_NUMBER"))
		c.Fork = new(fork)
		c.Head = c.headOfRequest()
		return c
	case tag != "":
		c.Event, c.RefType, c.Tag, c.Ref = EventTag, RefTag, tag, "refs/tags/"+tag
	case branch != "":
		c.RefType, c.Branch, c.Ref = RefBranch, branch, "refs/heads/"+branch
	}
	c.Head = ownHead(c)
	return c
}
