package forge_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/forge"
)

// What GitHub's GraphQL says of the owner of a repository to who may see its teams.
const organization = `{"owner":{"__typename":"Organization","teams":{"totalCount":3}}}`

// onBehalfOf is a review as GitHub's GraphQL tells it, in the name of teams.
func onBehalfOf(id string, slugs ...string) string {
	var teams []string
	for _, slug := range slugs {
		teams = append(teams, fmt.Sprintf(`{"slug":%q,"organization":{"login":"team"}}`, slug))
	}
	return fmt.Sprintf(`{"id":%q,"onBehalfOf":{"pageInfo":{"hasNextPage":false},"nodes":[%s]}}`, id, strings.Join(teams, ","))
}

const approvedOnce = `[{"node_id":"R1","user":{"login":"bob"},"state":"APPROVED","commit_id":"2b","submitted_at":"2026-11-22T10:00:00Z"}]`

// Who approved is told without the teams, and why they are missing, whatever
// is wrong with the other interface: none that is not told is taken for none.
func TestTeamsThatAreNotTold(t *testing.T) {
	body := func(repository string, nodes ...string) []answer {
		return []answer{{body: `{"data":{"repository":` + repository + `,"nodes":[` + strings.Join(nodes, ",") + `]}}`}}
	}
	full := onBehalfOf("R1", "security")
	elsewhere := newHost(t, map[string][]answer{})
	for name, c := range map[string]struct {
		answers []answer
		says    string
	}{
		"no such interface":       {nil, "it answers 404 Not Found"},
		"no permission":           {[]answer{{status: 403}}, "it answers 403 Forbidden; the token may not be allowed to read it"},
		"not of the token":        {[]answer{{body: `{"data":{"repository":null,"nodes":[` + full + `]},"errors":[{"type":"FORBIDDEN","message":"Resource not accessible by integration"}]}`}}, "it answers FORBIDDEN: Resource not accessible by integration"},
		"not of its scopes":       {[]answer{{body: `{"data":null,"errors":[{"type":"INSUFFICIENT_SCOPES","message":"needs read:org"}]}`}}, "it answers INSUFFICIENT_SCOPES: needs read:org"},
		"an older server":         {[]answer{{body: `{"errors":[{"message":"Field 'onBehalfOf' doesn't exist"}]}`}}, "Field 'onBehalfOf' doesn't exist"},
		"a limit for an hour":     {[]answer{{headers: map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "99999999999"}, body: `{"errors":[{"type":"RATE_LIMIT"}]}`}}, "it answers 429 Too Many Requests"},
		"nothing":                 {[]answer{{body: `{}`}}, "it does not tell of the repository"},
		"teams it may not see":    {body(`{"owner":{"__typename":"Organization"}}`, full), "it does not tell which teams there are"},
		"not a single team":       {body(`{"owner":{"__typename":"Organization","teams":{"totalCount":0}}}`, full), "it does not tell which teams there are"},
		"an owner of no kind":     {body(`{"owner":{}}`, full), "it does not tell which teams there are"},
		"not the review":          {body(organization), "it does not tell the teams of every review"},
		"another review":          {body(organization, onBehalfOf("R2", "security")), "it does not tell the teams of every review"},
		"a review that is nobody": {body(organization, "null"), "it does not tell all teams of a review"},
		"a review without teams":  {body(organization, `{"id":"R1"}`), "it does not tell all teams of a review"},
		"more teams":              {body(organization, strings.Replace(full, "false", "true", 1)), "it does not tell all teams of a review"},
		"a team without a name":   {body(organization, onBehalfOf("R1", "")), "it does not tell all teams of a review"},
		"no JSON":                 {[]answer{{body: "<html>"}}, "its answer cannot be read"},
		"too long":                {[]answer{{body: strings.Repeat(" ", 8<<20+1)}}, "over the limit of 8388608 bytes"},
		"another host":            {[]answer{{status: 307, headers: map[string]string{"Location": elsewhere.URL + "/x"}}}, "leads elsewhere"},
		"hostile words":           {[]answer{{body: `{"errors":[{"type":"A","message":"\u001b[31m` + strings.Repeat("x", 10_000) + `"}]}`}}, "it answers A: "},
	} {
		h := newHost(t, pulls(answer{body: approvedOnce}))
		h.answers["/graphql"] = c.answers
		r, err := forge.GitHub(t.Context(), forge.Question{API: h.URL, Repository: "team/shop", Number: "7", Token: "t"})
		if err != nil || len(r.Approvals) != 1 || r.Approvals[0].Teams != nil {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if !strings.Contains(r.TeamsUnknown, c.says) || !strings.Contains(r.TeamsUnknown, "an app with Members: read, or one with read:org") {
			t.Errorf("%s: want %q, have %q", name, c.says, r.TeamsUnknown)
		}
		if len(r.TeamsUnknown) > 700 || strings.Contains(r.TeamsUnknown, "\x1b") {
			t.Errorf("%s: %q", name, r.TeamsUnknown)
		}
	}
	if len(elsewhere.asked) > 0 {
		t.Error("another host was asked, and told the token")
	}
}

// A person has no teams, and where nobody approved none are asked for.
func TestWithoutTeams(t *testing.T) {
	h := newHost(t, pulls(answer{body: approvedOnce}))
	h.answers["/graphql"] = []answer{{body: `{"data":{"repository":{"owner":{"__typename":"User"}},"nodes":[` + onBehalfOf("R1") + `]}}`}}
	r, err := forge.GitHub(t.Context(), forge.Question{API: h.URL, Repository: "team/shop", Number: "7", Token: "t"})
	if err != nil || r.TeamsUnknown != "" || r.Approvals[0].Teams == nil || len(r.Approvals[0].Teams) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	h = newHost(t, pulls(answer{body: "[]"}))
	r, err = forge.GitHub(t.Context(), forge.Question{API: h.URL, Repository: "team/shop", Number: "7", Token: "t"})
	if err != nil || r.TeamsUnknown != "" || h.asked[len(h.asked)-1].URL.Path == "/graphql" {
		t.Errorf("%+v, %v", r, err)
	}
}

// Each question is about a hundred reviews; a server of one's own has the other
// interface beside the first.
func TestTeamsOfManyReviews(t *testing.T) {
	var reviews []string
	for i := range 230 {
		reviews = append(reviews, fmt.Sprintf(`{"node_id":"R%d","user":{"login":"u%d"},"state":"APPROVED","commit_id":"2b","submitted_at":"2026-11-22T10:00:00Z"}`, i, i))
	}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v3/repos/team/shop/pulls/7":
			_, _ = io.WriteString(w, pull)
		case "/api/v3/repos/team/shop/pulls/7/reviews":
			_, _ = io.WriteString(w, "["+strings.Join(reviews, ",")+"]")
		case "/api/graphql":
			asked++
			_, _ = io.WriteString(w, tellTeams(t, r))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	r, err := forge.GitHub(t.Context(), forge.Question{API: server.URL + "/api/v3", Repository: "team/shop", Number: "7", Token: "t"})
	if err != nil || r.TeamsUnknown != "" || len(r.Approvals) != 230 || asked != 3 {
		t.Fatalf("%d questions: %v, %q, %d approvals", asked, err, r.TeamsUnknown, len(r.Approvals))
	}
	for _, a := range r.Approvals {
		if want := []string{"team/of-" + strings.Replace(a.By, "u", "R", 1)}; !reflect.DeepEqual(a.Teams, want) {
			t.Errorf("%s: have %v, want %v", a.By, a.Teams, want)
		}
	}
}

// tellTeams answers a question about reviews, each in the name of a team of its own.
func tellTeams(t *testing.T, r *http.Request) string {
	t.Helper()
	var question struct {
		Query     string
		Variables struct {
			Owner, Name string
			IDs         []string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
		t.Error(err)
	}
	v := question.Variables
	if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer t" || v.Owner != "team" || v.Name != "shop" || len(v.IDs) > 100 {
		t.Errorf("asked %s with %+v", r.Method, v)
	}
	for i, id := range v.IDs {
		v.IDs[i] = onBehalfOf(id, "of-"+id)
	}
	return `{"data":{"repository":` + organization + `,"nodes":[` + strings.Join(v.IDs, ",") + `]}}`
}

// Where GitLab does not tell of rules, nobody knows whose approval satisfies which.
func TestRulesThatAreNotTold(t *testing.T) {
	const path = "/projects/team%2Fshop/merge_requests/7"
	for _, status := range []int{403, 404, 500} {
		h := newHost(t, map[string][]answer{
			path:                     {{body: `{"iid":7,"sha":"2b"}`}},
			path + "/approvals":      {{body: `{"approved_by":[{"user":{"username":"bob"}}]}`}},
			path + "/approval_state": {{status: status}},
		})
		r, err := forge.GitLab(t.Context(), forge.Question{API: h.URL, Repository: "team/shop", Number: "7", Token: "t"})
		if err != nil || !strings.Contains(r.TeamsUnknown, strconv.Itoa(status)) || !strings.Contains(r.TeamsUnknown, "read_api") {
			t.Errorf("%d: %+v, %v", status, r, err)
		}
	}
}
