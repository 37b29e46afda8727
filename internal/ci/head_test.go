package ci_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/ci"
)

const (
	ours   = `"repo": {"full_name": "Team/shop"}`
	theirs = `"repo": {"full_name": "eve/shop"}`
	mine   = `"repository": {"full_name": "team/shop"}`
)

func pull(head string) string {
	return `{"pull_request": {"number": 3, "head": {` + head + `}, "base": {` + ours + `}}}`
}

func run(by, repository string) string {
	return `{` + mine + `, "workflow_run": {"event": "` + by + `", "head_sha": "2b", "head_branch": "x", "head_repository": ` + repository + `}}`
}

// Whose change a job of GitHub's builds, by its event. What nobody tells is unknown,
// with the reason, and never the repository itself.
func TestHeadOfAGitHubJob(t *testing.T) {
	own := ci.Head{Repository: "team/shop", RepositoryURL: "https://github.com/team/shop", Ref: "refs/heads/main", Commit: "1f0c"}
	branch := ci.Head{Repository: "team/shop", RepositoryURL: "https://github.com/team/shop", Ref: "refs/heads/x", Commit: "2b"}
	fork := ci.Head{Repository: "eve/shop", RepositoryURL: "https://github.com/eve/shop", Ref: "refs/heads/x", Commit: "2b"}
	unknown := func(why string) ci.Head { return ci.Head{Unknown: why} }
	for _, c := range []struct {
		name, event, ref, payload string
		want                      ci.Head
		fork                      *bool
	}{
		{"a push", "push", "", `{`, own, nil},
		{"a tag", "push", "refs/tags/v1", ``, ci.Head{Repository: "team/shop", RepositoryURL: own.RepositoryURL, Ref: "refs/tags/v1", Commit: "1f0c"}, nil},
		{"a merge queue", "merge_group", "refs/heads/gh-readonly-queue/main/pr-7-2b", ``, ci.Head{Repository: "team/shop", RepositoryURL: own.RepositoryURL, Ref: "refs/heads/gh-readonly-queue/main/pr-7-2b", Commit: "1f0c"}, nil},
		{"a deployment of a commit alone", "deployment", "2b", ``, unknown("names no branch"), nil},
		{"a pull request of a fork", "pull_request", "refs/pull/3/merge", pull(`"ref": "x", "sha": "2b", ` + theirs), fork, new(true)},
		{"a pull request of a fork on its target", "pull_request_target", "", pull(`"ref": "x", "sha": "2b", ` + theirs), fork, new(true)},
		{"a review of a fork's", "pull_request_review", "refs/pull/3/merge", pull(`"ref": "x", "sha": "2b", ` + theirs), fork, new(true)},
		{"a pull request of a branch", "pull_request", "refs/pull/3/merge", pull(`"ref": "x", "sha": "2b", ` + ours), branch, new(false)},
		{"a fork that is gone", "pull_request_target", "", pull(`"ref": "x", "sha": "2b", "repo": null`), unknown("a fork may be gone"), new(true)},
		{"no commit", "pull_request_target", "", pull(`"ref": "x", ` + theirs), unknown("names no commit"), new(true)},
		{"a commit that is none", "pull_request_target", "", pull(`"sha": "main", ` + theirs), unknown("names no commit"), new(true)},
		{"a repository that is none", "pull_request_target", "", pull(`"sha": "2b", "repo": {"full_name": "team/shop@refs/heads/main"}`), unknown("names no repository"), new(true)},
		{"in other letters", "pull_request_target", "", strings.Replace(pull(`"sha": "2b", `+ours), "pull_request", "Pull_Request", 1), unknown("does not say which repository"), nil},
		{"no base", "pull_request", "", `{"pull_request": {"head": {"sha": "2b", ` + theirs + `}}}`, unknown("does not say which repository"), nil},
		{"another's event", "pull_request", "", `{"pull_request": {"head": {"sha": "2b", ` + theirs + `}, "base": {` + theirs + `}}}`, unknown("about another repository"), nil},
		{"no event", "pull_request", "", ``, unknown("is no JSON"), nil},
		{"half an event", "pull_request", "", `{"pull_request": `, unknown("is no JSON"), nil},
		{"an event that is a list", "pull_request", "", `[]`, unknown("does not say which repository"), nil},
		{"a run for a fork's pull request", "workflow_run", "", run("pull_request", `{"full_name": "eve/shop"}`), fork, nil},
		{"a run for a branch", "workflow_run", "", run("push", `{"full_name": "team/shop"}`), branch, nil},
		{"a run for a run", "workflow_run", "", run("workflow_run", `{"full_name": "team/shop"}`), unknown(`ran for "workflow_run"`), nil},
		{"a run of nobody", "workflow_run", "", run("push", `null`), unknown("names no repository"), nil},
		{"a run that another repository's event names", "workflow_run", "", strings.Replace(run("push", `{"full_name": "team/shop"}`), "team", "eve", 1), unknown("about another repository"), nil},
		{"a comment on an issue", "issue_comment", "", `{` + mine + `, "issue": {"number": 3}}`, own, nil},
		{"a comment on a pull request", "issue_comment", "", `{` + mine + `, "issue": {"pull_request": {"url": "x"}}}`, unknown("a comment on a pull request"), nil},
		{"a comment on nothing", "issue_comment", "", `{` + mine + `}`, unknown("a comment on a pull request"), nil},
		{"a check of whatever commit", "check_suite", "", `{` + mine + `, "check_suite": {"head_sha": "2b"}}`, unknown(`the event "check_suite"`), nil},
		{"the state of whatever commit", "status", "", `{` + mine + `, "sha": "2b"}`, unknown(`the event "status"`), nil},
		{"an event of tomorrow", "teleport", "", `{` + mine + `}`, unknown(`the event "teleport"`), nil},
		{"no event's name", "", "", `{` + mine + `}`, unknown(`the event ""`), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "event.json")
			if err := os.WriteFile(path, []byte(c.payload), 0o600); err != nil {
				t.Fatal(err)
			}
			env := gitHub.with(vars{"GITHUB_EVENT_NAME": c.event, "GITHUB_EVENT_PATH": path})
			if c.ref != "" {
				env["GITHUB_REF"] = c.ref
			}
			got := ci.Discover(env.lookup)
			if c.want.Unknown != "" && strings.Contains(got.Head.Unknown, c.want.Unknown) {
				c.want.Unknown = got.Head.Unknown
			}
			if got.Head != c.want || !reflect.DeepEqual(got.Fork, c.fork) {
				t.Errorf("%s, want %+v", shown(t, got), c.want)
			}
			if got.Fork != nil && strings.Contains(c.payload, `"number": 3`) && got.RequestNumber != "3" {
				t.Errorf("the number is %q", got.RequestNumber)
			}
		})
	}
}

// An event file that is missing, a directory, a pipe, or huge says nothing, at once.
func TestEventFileThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	pipe, large := filepath.Join(dir, "pipe"), filepath.Join(dir, "large")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 33<<20); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{"": "is missing", filepath.Join(dir, "none"): "is missing", dir: "is missing", pipe: "is missing", large: "32 MiB"} {
		got := ci.Discover(gitHub.with(vars{"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_EVENT_PATH": path}).lookup)
		if !strings.Contains(got.Head.Unknown, says) || got.Fork != nil {
			t.Errorf("%s: %s", path, shown(t, got))
		}
	}
}

func TestHeadOfAJobElsewhere(t *testing.T) {
	request := gitLab.with(vars{
		"CI_PIPELINE_SOURCE": "merge_request_event", "CI_COMMIT_BRANCH": "", "CI_MERGE_REQUEST_IID": "5",
		"CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_MERGE_REQUEST_PROJECT_PATH": "team/shop",
		"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2", "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "eve/shop",
		"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "x",
	})
	external := gitLab.with(vars{
		"CI_PIPELINE_SOURCE": "external_pull_request_event", "CI_EXTERNAL_PULL_REQUEST_IID": "7", "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME": "x",
		"CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "team/shop", "CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY": "team/shop", "CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA": "2b",
	})
	fork := ci.Head{Repository: "eve/shop", RepositoryURL: "https://gitlab.com/eve/shop", Ref: "refs/heads/x", Commit: "1f0c"}
	merged := fork
	merged.Commit = "2b"
	for _, c := range []struct {
		name string
		env  vars
		want ci.Head
	}{
		{"gitlab fork", request, fork},
		{"gitlab fork, merged results", request.with(vars{"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "2b"}), merged},
		{"gitlab fork without numbers", request.with(vars{"CI_MERGE_REQUEST_PROJECT_ID": "", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": ""}), fork},
		{"gitlab branch", request.with(vars{"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1", "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "team/shop"}), ci.Head{Repository: "team/shop", RepositoryURL: "https://gitlab.com/team/shop", Ref: "refs/heads/x", Commit: "1f0c"}},
		{"gitlab fork that says it is the target", request.with(vars{"CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": "team/shop"}), ci.Head{Unknown: "contradict"}},
		{"gitlab request of nobody", request.with(vars{"CI_MERGE_REQUEST_SOURCE_PROJECT_PATH": ""}), ci.Head{Unknown: "do not say"}},
		{"gitlab request elsewhere", external, ci.Head{Repository: "team/shop", RepositoryURL: "https://gitlab.com/team/shop", Ref: "refs/heads/x", Commit: "2b"}},
		{"gitlab fork elsewhere", external.with(vars{"CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": "eve/shop"}), ci.Head{Unknown: "a fork"}},
		{"gitlab nobody elsewhere", external.with(vars{"CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY": ""}), ci.Head{Unknown: "does not say"}},
		{"gitlab neither branch nor tag", gitLab.with(vars{"CI_COMMIT_BRANCH": ""}), ci.Head{Unknown: "names no branch"}},
		{"jenkins fork", vars{"JENKINS_URL": "x", "CHANGE_ID": "7", "CHANGE_FORK": "eve", "GIT_COMMIT": "1f0c", "CHANGE_BRANCH": "x"}, ci.Head{Unknown: "a fork"}},
		{"jenkins branch", vars{"JENKINS_URL": "x", "CHANGE_ID": "7", "GIT_URL": "https://git.example.com/shop", "GIT_COMMIT": "1f0c", "CHANGE_BRANCH": "x"}, ci.Head{RepositoryURL: "https://git.example.com/shop", Ref: "refs/heads/x", Commit: "1f0c"}},
		{"circleci fork", vars{"CIRCLECI": "true", "CIRCLE_PR_NUMBER": "7", "CIRCLE_BRANCH": "pull/7", "CIRCLE_SHA1": "1f0c"}, ci.Head{Unknown: "a fork"}},
	} {
		got := ci.Discover(c.env.lookup).Head
		if c.want.Unknown != "" && strings.Contains(got.Unknown, c.want.Unknown) {
			c.want.Unknown = got.Unknown
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
