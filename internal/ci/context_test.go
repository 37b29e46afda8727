package ci_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/ci"
)

// vars is a job's environment.
type vars map[string]string

func (v vars) lookup(name string) (string, bool) {
	value, ok := v[name]
	return value, ok
}

// with returns the environment with more in it; an empty value unsets.
func (v vars) with(more vars) vars {
	out := vars{}
	for _, m := range []vars{v, more} {
		for name, value := range m {
			if out[name] = value; value == "" {
				delete(out, name)
			}
		}
	}
	return out
}

var gitHub = vars{
	"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "team/shop",
	"GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch", "GITHUB_REF_PROTECTED": "true",
	"GITHUB_SHA": "1f0c", "GITHUB_EVENT_NAME": "push", "GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "build",
	"GITHUB_WORKFLOW_REF": "team/shop/.github/workflows/ci.yml@refs/heads/main", "RUNNER_ENVIRONMENT": "github-hosted",
	"GITHUB_ACTOR": "ada", "GITHUB_WORKSPACE": "/github/workspace",
}

var gitLab = vars{
	"GITLAB_CI": "true", "CI_SERVER_URL": "https://gitlab.com", "CI_PROJECT_PATH": "team/shop", "CI_PROJECT_URL": "https://gitlab.com/team/shop",
	"CI_COMMIT_SHA": "1f0c", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_REF_NAME": "main", "CI_COMMIT_REF_PROTECTED": "false",
	"CI_PIPELINE_SOURCE": "push", "CI_PIPELINE_ID": "9", "CI_PIPELINE_URL": "https://gitlab.com/team/shop/-/pipelines/9",
	"CI_JOB_ID": "12", "CI_JOB_NAME": "mark", "CI_JOB_URL": "https://gitlab.com/team/shop/-/jobs/12", "CI_CONFIG_PATH": ".gitlab-ci.yml",
	"CI_RUNNER_ID": "3", "GITLAB_USER_LOGIN": "ada", "CI_PROJECT_DIR": "/builds/team/shop",
}

func TestEachHostSaysWhatTheJobIs(t *testing.T) {
	for name, c := range map[string]struct {
		env  vars
		want ci.Context
	}{
		"none": {vars{"GITHUB_SHA": "1f0c", "CI": "true"}, ci.Context{Host: ci.None, Head: ci.Head{Unknown: "this is no CI job"}}},
		"github": {gitHub, ci.Context{
			Host: ci.GitHub, ServerURL: "https://github.com", Repository: "team/shop", RepositoryURL: "https://github.com/team/shop",
			Ref: "refs/heads/main", RefType: ci.RefBranch, Branch: "main", Protected: new(true), Commit: "1f0c",
			Event: ci.EventPush, EventName: "push", Workflow: "team/shop/.github/workflows/ci.yml@refs/heads/main",
			RunID: "77", RunAttempt: "2", RunURL: "https://github.com/team/shop/actions/runs/77", JobID: "build", JobName: "build",
			Runner: "github-hosted", Actor: "ada", Workspace: "/github/workspace",
			Head: ci.Head{Repository: "team/shop", RepositoryURL: "https://github.com/team/shop", Ref: "refs/heads/main", Commit: "1f0c"},
		}},
		"gitlab": {gitLab, ci.Context{
			Host: ci.GitLab, ServerURL: "https://gitlab.com", Repository: "team/shop", RepositoryURL: "https://gitlab.com/team/shop",
			Ref: "refs/heads/main", RefType: ci.RefBranch, Branch: "main", Protected: new(false), Commit: "1f0c",
			Event: ci.EventPush, EventName: "push", Workflow: ".gitlab-ci.yml",
			RunID: "9", RunURL: "https://gitlab.com/team/shop/-/pipelines/9", JobID: "12", JobName: "mark",
			JobURL: "https://gitlab.com/team/shop/-/jobs/12", Runner: "3", Actor: "ada", Workspace: "/builds/team/shop",
			Head: ci.Head{Repository: "team/shop", RepositoryURL: "https://gitlab.com/team/shop", Ref: "refs/heads/main", Commit: "1f0c"},
		}},
		"jenkins": {vars{
			"JENKINS_URL": "https://ci.example.com/", "GIT_URL": "https://bot:secret@git.example.com/team/shop.git", "GIT_BRANCH": "origin/main",
			"GIT_COMMIT": "1f0c", "BUILD_NUMBER": "4", "BUILD_URL": "https://ci.example.com/job/shop/4/", "JOB_NAME": "shop", "WORKSPACE": "/ws",
		}, ci.Context{
			Host: ci.Jenkins, ServerURL: "https://ci.example.com/", RepositoryURL: "https://git.example.com/team/shop.git",
			Ref: "refs/heads/main", RefType: ci.RefBranch, Branch: "main", Commit: "1f0c",
			RunID: "4", RunURL: "https://ci.example.com/job/shop/4/", JobName: "shop", Workspace: "/ws",
			Head: ci.Head{RepositoryURL: "https://git.example.com/team/shop.git", Ref: "refs/heads/main", Commit: "1f0c"},
		}},
		"circleci": {vars{
			"CIRCLECI": "true", "CIRCLE_REPOSITORY_URL": "git@github.com:team/shop.git", "CIRCLE_PROJECT_USERNAME": "team",
			"CIRCLE_PROJECT_REPONAME": "shop", "CIRCLE_SHA1": "1f0c", "CIRCLE_TAG": "v1", "CIRCLE_JOB": "mark",
		}, ci.Context{
			Host: ci.CircleCI, Repository: "team/shop", RepositoryURL: "git@github.com:team/shop.git",
			Ref: "refs/tags/v1", RefType: ci.RefTag, Tag: "v1", Commit: "1f0c", Event: ci.EventTag, JobName: "mark",
			Head: ci.Head{Repository: "team/shop", RepositoryURL: "git@github.com:team/shop.git", Ref: "refs/tags/v1", Commit: "1f0c"},
		}},
	} {
		if got := ci.Detect(c.env.lookup); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %s, want %s", name, shown(t, got), shown(t, c.want))
		}
	}
}

func shown(t *testing.T, c ci.Context) string {
	t.Helper()
	content, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// What a job runs for decides whether it may release. A request must never look
// like its target branch, on whose ref GitHub runs some of them.
func TestEventsAndRefs(t *testing.T) {
	request := vars{"CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_BRANCH": "", "CI_MERGE_REQUEST_IID": "5", "CI_MERGE_REQUEST_PROJECT_ID": "1"}
	for _, c := range []struct {
		name string
		env  vars
		want ci.Context // of it: event, ref type, branch, tag, number, fork
	}{
		{"github tag", gitHub.with(vars{"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v1"}), ci.Context{Event: ci.EventTag, RefType: ci.RefTag, Tag: "v1"}},
		{"github schedule", gitHub.with(vars{"GITHUB_EVENT_NAME": "schedule"}), ci.Context{Event: ci.EventSchedule, RefType: ci.RefBranch, Branch: "main"}},
		{"github manual", gitHub.with(vars{"GITHUB_EVENT_NAME": "workflow_dispatch"}), ci.Context{Event: ci.EventManual, RefType: ci.RefBranch, Branch: "main"}},
		{"github other", gitHub.with(vars{"GITHUB_EVENT_NAME": "workflow_run"}), ci.Context{Event: ci.EventOther, RefType: ci.RefBranch, Branch: "main"}},
		{"github untold", gitHub.with(vars{"GITHUB_EVENT_NAME": ""}), ci.Context{RefType: ci.RefBranch, Branch: "main"}},
		{"github pull request", gitHub.with(vars{"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/3/merge", "GITHUB_REF_NAME": "3/merge"}), ci.Context{Event: ci.EventPullRequest, RefType: ci.RefPullRequest, RequestNumber: "3"}},
		{"github pull request on its target", gitHub.with(vars{"GITHUB_EVENT_NAME": "pull_request_target"}), ci.Context{Event: ci.EventPullRequest, RefType: ci.RefPullRequest}},
		{"gitlab tag", gitLab.with(vars{"CI_COMMIT_BRANCH": "", "CI_COMMIT_TAG": "v1"}), ci.Context{Event: ci.EventTag, RefType: ci.RefTag, Tag: "v1"}},
		{"gitlab schedule", gitLab.with(vars{"CI_PIPELINE_SOURCE": "schedule"}), ci.Context{Event: ci.EventSchedule, RefType: ci.RefBranch, Branch: "main"}},
		{"gitlab manual", gitLab.with(vars{"CI_PIPELINE_SOURCE": "web"}), ci.Context{Event: ci.EventManual, RefType: ci.RefBranch, Branch: "main"}},
		{"gitlab trigger", gitLab.with(vars{"CI_PIPELINE_SOURCE": "trigger"}), ci.Context{Event: ci.EventOther, RefType: ci.RefBranch, Branch: "main"}},
		{"gitlab merge request", gitLab.with(request).with(vars{"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1"}), ci.Context{Event: ci.EventMergeRequest, RefType: ci.RefMergeRequest, RequestNumber: "5", Fork: new(false)}},
		{"gitlab merge request of a fork", gitLab.with(request).with(vars{"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2"}), ci.Context{Event: ci.EventMergeRequest, RefType: ci.RefMergeRequest, RequestNumber: "5", Fork: new(true)}},
		{"gitlab merge request of nobody knows where", gitLab.with(request), ci.Context{Event: ci.EventMergeRequest, RefType: ci.RefMergeRequest, RequestNumber: "5"}},
		{"jenkins pull request of a fork", vars{"JENKINS_URL": "x", "CHANGE_ID": "7", "BRANCH_NAME": "PR-7", "CHANGE_FORK": "eve"}, ci.Context{Event: ci.EventPullRequest, RefType: ci.RefPullRequest, RequestNumber: "7", Fork: new(true)}},
		{"circleci pull request of a fork", vars{"CIRCLECI": "true", "CIRCLE_PULL_REQUEST": "https://github.com/team/shop/pull/7", "CIRCLE_PR_NUMBER": "7", "CIRCLE_BRANCH": "pull/7"}, ci.Context{Event: ci.EventPullRequest, RefType: ci.RefPullRequest, RequestNumber: "7", Fork: new(true)}},
		{"circleci fork without a pull request", vars{"CIRCLECI": "true", "CIRCLE_PR_NUMBER": "7", "CIRCLE_BRANCH": "pull/7"}, ci.Context{Event: ci.EventPullRequest, RefType: ci.RefPullRequest, RequestNumber: "7", Fork: new(true)}},
		{"gitlab pull request of a fork elsewhere", gitLab.with(vars{"CI_PIPELINE_SOURCE": "external_pull_request_event", "CI_EXTERNAL_PULL_REQUEST_IID": "7", "CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "eve/shop", "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "team/shop"}), ci.Context{Event: ci.EventPullRequest, RefType: ci.RefPullRequest, Fork: new(true)}},
	} {
		all := ci.Detect(c.env.lookup)
		got := ci.Context{Event: all.Event, RefType: all.RefType, Branch: all.Branch, Tag: all.Tag, RequestNumber: all.RequestNumber, Fork: all.Fork}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, shown(t, got), shown(t, c.want))
		}
	}
}

// A branch with a name that looks like another's is still another. What is no
// fact at all is left out.
func TestFactsAreKeptOrLeftOut(t *testing.T) {
	for name, want := range map[string]string{
		"main\u200b":              "main\u200b",
		"a\n::add-mask::b":        "a\n::add-mask::b",
		"\xff":                    "",
		strings.Repeat("x", 5000): "",
	} {
		if got := ci.Detect(gitHub.with(vars{"GITHUB_REF_NAME": name}).lookup).Branch; got != want {
			t.Errorf("branch %.20q became %.20q", name, got)
		}
	}
	for address, want := range map[string]string{
		"https://oauth2:secret@git.example.com/a.git": "https://git.example.com/a.git",
		"https://bot:se%cret@git.example.com/a.git":   "",
		"git@git.example.com:a.git":                   "git@git.example.com:a.git",
	} {
		if got := ci.Detect(vars{"JENKINS_URL": "x", "GIT_URL": address}.lookup).RepositoryURL; got != want {
			t.Errorf("%s became %q", address, got)
		}
	}
}

// Secrets lie in the same environment. Only what is on the list is looked at.
func TestOnlyDocumentedVariablesAreRead(t *testing.T) {
	for name, env := range map[string]vars{"github": gitHub, "gitlab": gitLab, "circleci": {"CIRCLECI": "true"}, "jenkins": {"JENKINS_URL": "x"}} {
		ci.Discover(func(variable string) (string, bool) {
			for _, secret := range []string{"TOKEN", "PASSWORD", "SECRET", "KEY"} {
				if strings.Contains(variable, secret) {
					t.Errorf("%s: %s was read", name, variable)
				}
			}
			return env.lookup(variable)
		})
	}
}

func FuzzEventFile(f *testing.F) {
	f.Add([]byte(`{"pull_request": {"number": 3, "head": {"repo": null}, "base": {"repo": {"full_name": "team/shop"}}}}`))
	c := ci.Detect(gitHub.with(vars{"GITHUB_EVENT_NAME": "pull_request"}).lookup)
	f.Fuzz(func(t *testing.T, payload []byte) {
		if got := c.WithEvent(payload); got.Commit != c.Commit || got.Event != c.Event {
			t.Errorf("the payload %q changed what the variables say", payload)
		}
	})
}
