// Package forge asks the host of the sources who reviewed a change: GitHub or
// GitLab, by the interfaces that they document, with the token of the job.
//
// It only reads. What it is told is bounded, and a host that is slow, refuses or is
// down costs the evidence and not the job: whoever asks is given an error to tell.
package forge

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// Question is which change is meant, and whom to ask.
type Question struct {
	API        string // https://api.github.com, https://gitlab.com/api/v4
	Repository string // owner/name, or a project's path
	Number     string // of the request; empty: that of the commit
	Commit     string
	Token      string
	JobToken   bool // the token is that of GitLab's job
}

// Review is what is known of the review of a change.
type Review struct {
	URL, Number, Author string
	Head                string // the last commit of the request
	Approvals           []Approval
	TeamsUnknown        string // why nothing is known of the approvals' teams; empty: they are known
	Required            *int   // approvals that the host demands; nil: not told
}

// Approval is one approval that stands.
type Approval struct {
	By     string
	Teams  []string // in the name of which it was given, unless they are not known
	At     time.Time
	Commit string // that was approved; empty: an earlier one than the last, or not told
}

const maxText = 300 // bytes of a name

// GitHub asks GitHub.
func GitHub(ctx context.Context, q Question) (Review, error) {
	c, err := newClient(q.API)
	if err != nil {
		return Review{}, err
	}
	c.header("Accept", "application/vnd.github+json")
	c.header("X-GitHub-Api-Version", "2022-11-28")
	if q.Token != "" {
		c.header("Authorization", "Bearer "+q.Token)
	}
	r, err := gitHub{c, "/repos/" + q.Repository}.review(ctx, q)
	if err != nil {
		return Review{}, fmt.Errorf("asking GitHub who approved the change: %w", err)
	}
	return r, nil
}

// GitLab asks GitLab.
func GitLab(ctx context.Context, q Question) (Review, error) {
	c, err := newClient(q.API)
	if err != nil {
		return Review{}, err
	}
	switch {
	case q.JobToken:
		c.header("JOB-TOKEN", q.Token)
	case q.Token != "":
		c.header("PRIVATE-TOKEN", q.Token)
	}
	r, err := gitLab{c, "/projects/" + url.PathEscape(q.Repository)}.review(ctx, q)
	if err != nil {
		return Review{}, fmt.Errorf("asking GitLab who approved the change: %w", err)
	}
	return r, nil
}

// short makes a name from elsewhere harmless.
func short(s string) string { return plain.Line(s, maxText) }
