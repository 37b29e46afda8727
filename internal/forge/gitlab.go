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

// gitLab speaks https://docs.gitlab.com/api/merge_request_approvals/.
type gitLab struct {
	*client
	project string
}

type mergeRequest struct {
	IID    int
	URL    string `json:"web_url"`
	Author struct{ Username string }
	SHA    string // the last commit
	State  string
	Merge  string `json:"merge_commit_sha"`
	Squash string `json:"squash_commit_sha"`
}

type approvals struct {
	Required *int `json:"approvals_required"`
	By       []struct {
		User struct{ Username string }
		At   time.Time `json:"approved_at"`
	} `json:"approved_by"`
}

type rule struct {
	Name     string
	Type     string                      `json:"rule_type"`
	Approved []struct{ Username string } `json:"approved_by"`
}

func (g gitLab) review(ctx context.Context, q Question) (Review, error) {
	m, err := g.request(ctx, q)
	if err != nil {
		return Review{}, err
	}
	number := strconv.Itoa(m.IID)
	path := g.project + "/merge_requests/" + number
	var a approvals
	if err := g.get(ctx, path+"/approvals", &a); err != nil {
		return Review{}, err
	}
	r := Review{URL: short(m.URL), Number: number, Author: short(m.Author.Username), Head: short(m.SHA), Required: a.Required}
	since := g.lastPush(ctx, path)
	rules, err := g.rules(ctx, path)
	if err != nil && len(a.By) > 0 {
		r.TeamsUnknown = unknownTeams(err, "approval rules are there from the edition Premium on, and a token with read_api is told of them")
	}
	for _, by := range a.By {
		one := Approval{By: short(by.User.Username), At: by.At, Teams: teams(rules, by.User.Username)}
		if !since.IsZero() && by.At.After(since) {
			one.Commit = r.Head
		}
		r.Approvals = append(r.Approvals, one)
	}
	r.Approvals = byTime(r.Approvals)
	return r, ctx.Err()
}

func (g gitLab) request(ctx context.Context, q Question) (mergeRequest, error) {
	if q.Number != "" {
		var m mergeRequest
		err := g.get(ctx, g.project+"/merge_requests/"+url.PathEscape(q.Number), &m)
		return m, err
	}
	requests, err := all[mergeRequest](ctx, g.client, g.project+"/repository/commits/"+url.PathEscape(q.Commit)+"/merge_requests")
	if err != nil {
		return mergeRequest{}, err
	}
	for _, of := range []func(mergeRequest) bool{
		func(m mergeRequest) bool { return m.Merge == q.Commit || m.Squash == q.Commit },
		func(m mergeRequest) bool { return m.SHA == q.Commit },
		func(mergeRequest) bool { return true },
	} {
		i := slices.IndexFunc(requests, func(m mergeRequest) bool { return m.State == "merged" && of(m) })
		if i >= 0 {
			return requests[i], nil
		}
	}
	return mergeRequest{}, errors.New("no merged merge request has the commit")
}

// lastPush returns when the last commits came to a request, zero if it is not told:
// GitLab does not say which commit was approved, only when.
func (g gitLab) lastPush(ctx context.Context, path string) time.Time {
	var versions []struct {
		At time.Time `json:"created_at"`
	}
	if err := g.get(ctx, path+"/versions", &versions); err != nil || len(versions) == 0 {
		return time.Time{}
	}
	return versions[0].At // the newest
}

// rules returns the approval rules, which not every edition of GitLab has.
func (g gitLab) rules(ctx context.Context, path string) ([]rule, error) {
	var state struct{ Rules []rule }
	err := g.get(ctx, path+"/approval_state", &state)
	return state.Rules, err
}

// teams returns the rules that an approval satisfies, but for that which anybody
// does.
func teams(rules []rule, username string) []string {
	var names []string
	for _, r := range rules {
		approved := slices.ContainsFunc(r.Approved, func(u struct{ Username string }) bool { return u.Username == username })
		if approved && r.Type != "any_approver" {
			names = append(names, short(r.Name))
		}
	}
	slices.Sort(names)
	return names
}

// byTime orders approvals, so that the same review gives the same bytes.
func byTime(all []Approval) []Approval {
	slices.SortFunc(all, func(a, b Approval) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.By, b.By))
	})
	return all
}
