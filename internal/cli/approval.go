package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/evidence"
	"github.com/hallmark-ci/hallmark/internal/forge"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
)

// approvals reads the input approval and asks the job's host. What the host does
// not tell is missing, and no reason to end the job: a policy says whether it is
// needed.
func (a *app) approvals(ctx context.Context, v values, job *pipeline.Job) error {
	wanted, err := v.boolean("approval")
	if err != nil || !wanted && !v.asksFor(evidenceApproval) {
		return err
	}
	review, err := a.review(ctx, v)
	if err != nil {
		job.Notes = append(job.Notes, fmt.Sprintf("no approval is attested: %v", err))
		return ctx.Err()
	}
	if review.TeamsUnknown != "" {
		job.Notes = append(job.Notes, "the teams of those who approved are not known: "+review.TeamsUnknown)
	}
	p, err := evidence.Approval(review, a.builtCommit())
	if err != nil {
		return err
	}
	job.Made = append(job.Made, p)
	return nil
}

// builtCommit returns the commit that was built: the job's own, or that of the
// change where the host runs the job for a request or after another run.
func (a *app) builtCommit() string {
	if a.host.IsRequest() || a.host.Head.Commit == "" {
		return a.host.Commit
	}
	return a.host.Head.Commit
}

// review asks the host who approved the change that is built. Approvals of another
// commit than the one that the job builds are none.
func (a *app) review(ctx context.Context, v values) (forge.Review, error) {
	if a.host.Host != ci.GitHub && a.host.Host != ci.GitLab {
		return forge.Review{}, errors.New("the job is not one of GitHub's or GitLab's")
	}
	if why := a.host.Head.Unknown; why != "" {
		return forge.Review{}, fmt.Errorf("it is not known whose change the job builds: %s", why)
	}
	if at := a.elsewhere(); at != "" {
		return forge.Review{}, fmt.Errorf("the workspace is at the commit %s, and the job is for %s", at, a.host.Commit)
	}
	review, err := a.ask(ctx, v)
	if err == nil && a.host.IsRequest() && review.Head != a.host.Head.Commit {
		return forge.Review{}, fmt.Errorf("the request has the last commit %s now, and the job builds %s",
			review.Head, a.host.Head.Commit)
	}
	return review, err
}

// ask asks the host for the review of the change.
func (a *app) ask(ctx context.Context, v values) (forge.Review, error) {
	q := forge.Question{
		API: a.host.APIURL, Repository: a.host.Repository, Number: a.host.RequestNumber,
		Commit: a.builtCommit(),
	}
	if a.host.Host == ci.GitHub {
		q.Token = a.firstOf(v.text("github-token"), "GITHUB_TOKEN")
		return forge.GitHub(ctx, q)
	}
	if q.Token = a.firstOf(v.text("gitlab-token"), "GITLAB_TOKEN"); q.Token == "" {
		q.Token, q.JobToken = a.firstOf("", "CI_JOB_TOKEN"), true
	}
	return forge.GitLab(ctx, q)
}
