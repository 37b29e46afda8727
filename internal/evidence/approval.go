package evidence

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/forge"
)

// The predicate of an approval, docs/schema/approval.json.
type (
	approvalPredicate struct {
		Request      approvalRequest `json:"request"`
		Commit       string          `json:"commit"`
		Built        string          `json:"built"`
		Approvals    []approval      `json:"approvals"`
		TeamsUnknown string          `json:"teamsUnknown,omitempty"`
		Required     *int            `json:"required,omitempty"`
	}
	approvalRequest struct {
		URL    string `json:"url"`
		Number string `json:"number"`
		Author string `json:"author"`
	}
	approval struct {
		By     string   `json:"by"`
		Teams  []string `json:"teams,omitzero"` // empty: none; absent: not known
		At     string   `json:"at,omitempty"`
		Commit string   `json:"commit,omitempty"`
		Self   bool     `json:"self"`
	}
)

// Approval returns who approved the change that an image was built from. built is
// the commit that was built, which is not always the last one of the request.
func Approval(r forge.Review, built string) (attest.Predicate, error) {
	p := approvalPredicate{
		Request: approvalRequest{URL: r.URL, Number: r.Number, Author: r.Author},
		Commit:  r.Head, Built: built, Approvals: []approval{}, TeamsUnknown: r.TeamsUnknown, Required: r.Required,
	}
	for _, a := range r.Approvals {
		one := approval{By: a.By, Commit: a.Commit, Self: strings.EqualFold(a.By, r.Author)}
		if r.TeamsUnknown == "" {
			one.Teams = append([]string{}, a.Teams...)
		}
		if !a.At.IsZero() {
			one.At = a.At.UTC().Format(time.RFC3339)
		}
		p.Approvals = append(p.Approvals, one)
	}
	body, err := json.Marshal(p)
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the approval: %w", err)
	}
	return attest.Predicate{Type: attest.TypeApproval, Body: body}, nil
}
