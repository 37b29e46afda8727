package forge

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// gitHub speaks https://docs.github.com/en/rest/pulls.
type gitHub struct {
	*client
	repository string
}

type pull struct {
	Number int
	URL    string `json:"html_url"`
	User   struct{ Login string }
	Head   struct{ SHA string }
	Base   struct{ Ref string }
	Merge  string     `json:"merge_commit_sha"`
	Merged *time.Time `json:"merged_at"`
}

type pullReview struct {
	ID     string `json:"node_id"`
	User   struct{ Login string }
	State  string
	Commit string    `json:"commit_id"`
	At     time.Time `json:"submitted_at"`
}

func (g gitHub) review(ctx context.Context, q Question) (Review, error) {
	p, err := g.pull(ctx, q)
	if err != nil {
		return Review{}, err
	}
	number := strconv.Itoa(p.Number)
	reviews, err := all[pullReview](ctx, g.client, g.repository+"/pulls/"+number+"/reviews")
	if err != nil {
		return Review{}, err
	}
	approved := standing(reviews)
	r := Review{
		URL: short(p.URL), Number: number, Author: short(p.User.Login), Head: short(p.Head.SHA),
		Approvals: approvalsOf(approved), Required: g.required(ctx, p.Base.Ref),
	}
	if err := g.addTeams(ctx, q, approved, r.Approvals); err != nil {
		r.TeamsUnknown = unknownTeams(err, tellsTeams)
	}
	return r, ctx.Err()
}

// pull returns the request that the job is for, or the one by which the commit
// came to its branch.
func (g gitHub) pull(ctx context.Context, q Question) (pull, error) {
	if q.Number != "" {
		var p pull
		err := g.get(ctx, g.repository+"/pulls/"+url.PathEscape(q.Number), &p)
		return p, err
	}
	pulls, err := all[pull](ctx, g.client, g.repository+"/commits/"+url.PathEscape(q.Commit)+"/pulls")
	if err != nil {
		return pull{}, err
	}
	for _, of := range []func(pull) bool{
		func(p pull) bool { return p.Merged != nil && p.Merge == q.Commit },
		func(p pull) bool { return p.Merged != nil && p.Head.SHA == q.Commit },
		func(p pull) bool { return p.Merged != nil },
	} {
		if i := slices.IndexFunc(pulls, of); i >= 0 {
			return pulls[i], nil
		}
	}
	return pull{}, errors.New("no merged pull request has the commit")
}

// standing returns the approvals that stand, by their time: of each reviewer the
// last opinion counts, and a comment is none.
func standing(reviews []pullReview) []pullReview {
	last := map[string]pullReview{}
	for _, r := range reviews {
		if r.State != "COMMENTED" && r.State != "PENDING" && !r.At.Before(last[r.User.Login].At) {
			last[r.User.Login] = r
		}
	}
	var out []pullReview
	for by, r := range last {
		if r.State == "APPROVED" && by != "" {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b pullReview) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.User.Login, b.User.Login))
	})
	return out
}

func approvalsOf(reviews []pullReview) []Approval {
	var out []Approval
	for _, r := range reviews {
		out = append(out, Approval{By: short(r.User.Login), At: r.At, Commit: short(r.Commit)})
	}
	return out
}

// required returns how many approvals the rules of a branch demand. Rules of the
// older kind are told to administrators only.
func (g gitHub) required(ctx context.Context, branch string) *int {
	rules, err := all[struct {
		Type       string
		Parameters struct {
			Count int `json:"required_approving_review_count"`
		}
	}](ctx, g.client, g.repository+"/rules/branches/"+url.PathEscape(branch))
	if err != nil {
		return nil
	}
	var most *int
	for _, r := range rules {
		if r.Type == "pull_request" && (most == nil || r.Parameters.Count > *most) {
			most = &r.Parameters.Count
		}
	}
	return most
}
