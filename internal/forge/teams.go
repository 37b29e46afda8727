package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The teams in whose name a review was given are told by GitHub's other interface
// alone (https://docs.github.com/graphql). It leaves out teams that the token may not
// see, without a word. So it is asked, too, how many the organisation has: a token
// that is told this sees them.
const (
	teamsQuery = `query($owner: String!, $name: String!, $ids: [ID!]!) {
  repository(owner: $owner, name: $name) { owner { __typename ... on Organization { teams(first: 1) { totalCount } } } }
  nodes(ids: $ids) { ... on PullRequestReview { id onBehalfOf(first: 100) { pageInfo { hasNextPage } nodes { slug organization { login } } } } }
}`
	maxNodes   = 100 // that one question may be about
	tellsTeams = "a token that may read the organisation's members is told, which the job's own token never may: give one of an app with Members: read, or one with read:org, as github-token"
)

// unknownTeams says why nothing is known of the approvals' teams, and what to do.
func unknownTeams(err error, hint string) string {
	return fmt.Sprintf("%s; %s", short(err.Error()), hint)
}

// graphAnswer is what GitHub's GraphQL answers to teamsQuery.
type graphAnswer struct {
	Data struct {
		Repository *struct {
			Owner struct {
				Kind  string `json:"__typename"`
				Teams *struct {
					Total int `json:"totalCount"`
				}
			}
		}
		Nodes []*reviewNode
	}
	Errors []struct{ Type, Message string }
}

type reviewNode struct {
	ID       string
	OnBehalf *struct {
		Page struct {
			More bool `json:"hasNextPage"`
		} `json:"pageInfo"`
		Nodes []*struct {
			Slug         string
			Organization struct{ Login string }
		}
	} `json:"onBehalfOf"`
}

// addTeams adds the teams to approvals, which are in the order of the reviews.
func (g gitHub) addTeams(ctx context.Context, q Question, reviews []pullReview, approvals []Approval) error {
	teams := map[string][]string{} // by the review
	for some := range slices.Chunk(reviews, maxNodes) {
		answer, err := g.askTeams(ctx, q, some)
		if err != nil {
			return err
		}
		for _, node := range answer.Data.Nodes {
			names, err := node.teams()
			if err != nil {
				return err
			}
			teams[node.ID] = names
		}
	}
	for _, r := range reviews {
		if _, told := teams[r.ID]; !told {
			return errors.New("it does not tell the teams of every review")
		}
	}
	for i, r := range reviews {
		approvals[i].Teams = teams[r.ID]
	}
	return nil
}

func (g gitHub) askTeams(ctx context.Context, q Question, reviews []pullReview) (graphAnswer, error) {
	owner, name, _ := strings.Cut(q.Repository, "/")
	ids := make([]string, len(reviews))
	for i, r := range reviews {
		ids[i] = r.ID
	}
	body, err := json.Marshal(map[string]any{"query": teamsQuery, "variables": map[string]any{"owner": owner, "name": name, "ids": ids}})
	if err != nil {
		return graphAnswer{}, err
	}
	var answer graphAnswer
	_, err = g.fetch(ctx, call{address: g.graphQL(), body: body, refused: func(h http.Header) error { return answer.refused(h) }}, &answer)
	if err != nil {
		return graphAnswer{}, err
	}
	return answer, answer.seesTeams()
}

// graphQL returns the address of the other interface: beside that of a server of
// one's own, else below that of GitHub.
func (c *client) graphQL() string {
	address := *c.base
	address.Path = strings.TrimSuffix(strings.TrimSuffix(address.Path, "/"), "/v3") + "/graphql"
	return address.String()
}

// refused returns the errors of an answer, of which some may go away by waiting.
func (a *graphAnswer) refused(header http.Header) error {
	if len(a.Errors) == 0 {
		return nil
	}
	first := a.Errors[0]
	*a = graphAnswer{} // the next one is read into it
	if strings.HasPrefix(first.Type, "RATE_LIMIT") {
		return &statusError{code: http.StatusTooManyRequests, wait: retryAfter(header)}
	}
	return fmt.Errorf("it answers %s: %s", short(first.Type), short(first.Message))
}

// seesTeams makes sure that a token sees teams: where it does not, none are told.
func (a *graphAnswer) seesTeams() error {
	switch r := a.Data.Repository; {
	case r == nil:
		return errors.New("it does not tell of the repository")
	case r.Owner.Kind == "User": // who has no teams
	case r.Owner.Teams == nil || r.Owner.Teams.Total == 0:
		return errors.New("it does not tell which teams there are")
	}
	return nil
}

// teams returns the names of teams as GitHub writes them, without the @.
func (n *reviewNode) teams() ([]string, error) {
	if n == nil || n.OnBehalf == nil || n.OnBehalf.Page.More {
		return nil, errors.New("it does not tell all teams of a review")
	}
	names := []string{}
	for _, team := range n.OnBehalf.Nodes {
		if team == nil || team.Slug == "" {
			return nil, errors.New("it does not tell all teams of a review")
		}
		names = append(names, short(team.Organization.Login+"/"+team.Slug))
	}
	slices.Sort(names)
	return names, nil
}
