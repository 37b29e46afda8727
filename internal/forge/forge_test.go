package forge_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/forge"
)

// host is a server that answers as GitHub's or GitLab's documentation says.
type host struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string][]answer // by path and query; the last is repeated
	asked   []*http.Request
}

type answer struct {
	status  int // 0: 200
	headers map[string]string
	body    string
}

func newHost(t *testing.T, answers map[string][]answer) *host {
	t.Helper()
	h := &host{answers: answers}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	return h
}

func (h *host) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, r)
	list := h.answers[strings.TrimSuffix(r.URL.RequestURI(), "?per_page=100")]
	if len(list) == 0 {
		http.NotFound(w, r)
		return
	}
	if len(list) > 1 {
		h.answers[strings.TrimSuffix(r.URL.RequestURI(), "?per_page=100")] = list[1:]
	}
	for name, value := range list[0].headers {
		w.Header().Set(name, strings.ReplaceAll(value, "HOST", h.URL))
	}
	if list[0].status != 0 {
		w.WriteHeader(list[0].status)
	}
	_, _ = fmt.Fprint(w, list[0].body)
}

const (
	pull    = `{"number":7,"html_url":"https://github.com/team/shop/pull/7","user":{"login":"ada"},"head":{"sha":"2b"},"base":{"ref":"main"},"merge_commit_sha":"3c","merged_at":"2026-11-22T12:00:00Z"}`
	reviews = "/repos/team/shop/pulls/7/reviews"
)

func pulls(answers ...answer) map[string][]answer {
	return map[string][]answer{
		"/repos/team/shop/pulls/7":             {{body: pull}},
		"/repos/team/shop/commits/3c/pulls":    {{body: `[{"number":5,"head":{"sha":"3c"}},` + pull + `]`}},
		"/repos/team/shop/rules/branches/main": {{body: `[{"type":"deletion"},{"type":"pull_request","parameters":{"required_approving_review_count":2}}]`}},
		reviews:                                answers,
	}
}

func TestGitHubThatDoesNotTell(t *testing.T) {
	elsewhere := newHost(t, map[string][]answer{})
	for says, answers := range map[string][]answer{
		"it answers 403 Forbidden; the token may not be allowed to read it": {{status: 403}},
		"it answers 404 Not Found":         {{status: 404}},
		"it answers 429 Too Many Requests": {{status: 429, headers: map[string]string{"Retry-After": "3600"}}},
		"it answers 403":                   {{status: 403, headers: map[string]string{"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "99999999999"}}},
		"it answers 502 Bad Gateway":       {{status: 502}},
		"its answer cannot be read":        {{body: "<html>"}},
		"over the limit of 8388608 bytes":  {{body: strings.Repeat(" ", 8<<20+1)}},
		"a list has more than 30 pages":    {{headers: map[string]string{"Link": `<HOST` + reviews + `>; rel="next"`}, body: "[]"}},
		"it leads elsewhere":               {{headers: map[string]string{"Link": `<` + elsewhere.URL + `/x>; rel="next"`}, body: "[]"}},
		"leads elsewhere":                  {{status: 302, headers: map[string]string{"Location": elsewhere.URL + "/x"}}},
	} {
		h := newHost(t, pulls(answers...))
		_, err := forge.GitHub(t.Context(), forge.Question{API: h.URL, Repository: "team/shop", Number: "7", Token: "t"})
		if err == nil || !strings.Contains(err.Error(), "asking GitHub who approved the change: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, have %v", says, err)
		}
	}
	if len(elsewhere.asked) > 0 {
		t.Error("another host was asked, and told the token")
	}
	down := newHost(t, nil)
	down.Close()
	if _, err := forge.GitHub(t.Context(), forge.Question{API: down.URL, Number: "7"}); err == nil {
		t.Error("a host that is down answered")
	}
	for _, api := range []string{"", "http://example.com", "ftp://example.com", "%"} {
		if _, err := forge.GitHub(t.Context(), forge.Question{API: api}); err == nil || !strings.Contains(err.Error(), "is no https address") {
			t.Errorf("%q: %v", api, err)
		}
	}
	h := newHost(t, map[string][]answer{"/repos/team/shop/commits/3c/pulls": {{body: "[]"}}})
	if _, err := forge.GitHub(t.Context(), forge.Question{API: h.URL, Repository: "team/shop", Commit: "3c"}); err == nil || !strings.Contains(err.Error(), "no merged pull request has the commit") {
		t.Errorf("a commit without a request: %v", err)
	}
}

// A job that ends does not wait for a host.
func TestTheEndOfTheJob(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := newHost(t, pulls(answer{status: 503, headers: map[string]string{"Retry-After": "20"}}))
	go func() {
		for ctx.Err() == nil {
			h.mu.Lock()
			if len(h.asked) > 1 {
				cancel()
			}
			h.mu.Unlock()
		}
	}()
	if _, err := forge.GitHub(ctx, forge.Question{API: h.URL, Repository: "team/shop", Number: "7"}); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("got %v", err)
	}
}

// Of each reviewer the last opinion counts; a comment is none. Lists have pages,
// and a host that wants to be left alone for a moment is.
func TestGitHub(t *testing.T) {
	h := newHost(t, pulls(
		answer{status: 429, headers: map[string]string{"Retry-After": "1"}},
		answer{headers: map[string]string{"Link": `<HOST` + reviews + `?page=2>; rel="next", <HOST` + reviews + `?page=2>; rel="last"`}, body: `[
			{"node_id":"R1","user":{"login":"bob"},"state":"APPROVED","commit_id":"1a","submitted_at":"2026-11-22T10:00:00Z"},
			{"user":{"login":"cyd"},"state":"APPROVED","commit_id":"2b","submitted_at":"2026-11-22T10:01:00Z"},
			{"user":{"login":"dan"},"state":"APPROVED","commit_id":"2b","submitted_at":"2026-11-22T10:02:00Z"}]`},
	))
	h.answers[reviews+"?page=2"] = []answer{{body: `[
		{"user":{"login":"cyd"},"state":"CHANGES_REQUESTED","commit_id":"2b","submitted_at":"2026-11-22T10:03:00Z"},
		{"user":{"login":"dan"},"state":"DISMISSED","commit_id":"2b","submitted_at":"2026-11-22T10:02:00Z"},
		{"node_id":"R6","user":{"login":"ada"},"state":"APPROVED","commit_id":"2b","submitted_at":"2026-11-22T10:04:00Z"},
		{"user":{"login":"bob"},"state":"COMMENTED","commit_id":"2b","submitted_at":"2026-11-22T10:05:00Z"}]`}}
	h.answers["/graphql"] = []answer{
		{headers: map[string]string{"Retry-After": "1"}, body: `{"errors":[{"type":"RATE_LIMITED","message":"API rate limit exceeded"}]}`},
		{body: `{"data":{"repository":` + organization + `,"nodes":[` + onBehalfOf("R1", "security", "backend") + `,` + onBehalfOf("R6") + `]}}`},
	}
	r, err := forge.GitHub(t.Context(), forge.Question{API: h.URL, Repository: "team/shop", Commit: "3c", Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	want := forge.Review{
		URL: "https://github.com/team/shop/pull/7", Number: "7", Author: "ada", Head: "2b", Required: new(2),
		Approvals: []forge.Approval{
			{By: "bob", At: at("10:00"), Commit: "1a", Teams: []string{"team/backend", "team/security"}},
			{By: "ada", At: at("10:04"), Commit: "2b", Teams: []string{}},
		},
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("have %+v\nwant %+v", r, want)
	}
	if got := h.asked[0].Header.Get("Authorization"); got != "Bearer t" {
		t.Errorf("asked with %q", got)
	}
}

func TestGitLab(t *testing.T) {
	const request = `{"iid":7,"web_url":"https://gitlab.com/team/shop/-/merge_requests/7","author":{"username":"ada"},"sha":"2b","state":"merged","merge_commit_sha":"3c"}`
	const project = "/projects/team%2Fshop"
	answers := map[string][]answer{
		project + "/repository/commits/3c/merge_requests": {{body: `[{"iid":1,"state":"closed","sha":"3c"},` + request + `]`}},
		project + "/merge_requests/7":                     {{body: request}},
		project + "/merge_requests/7/approvals": {{body: `{"approvals_required":1,"approved_by":[
			{"user":{"username":"bob"},"approved_at":"2026-11-22T10:00:00Z"},{"user":{"username":"cyd"},"approved_at":"2026-11-22T10:02:00Z"}]}`}},
		project + "/merge_requests/7/versions":       {{body: `[{"created_at":"2026-11-22T10:01:00Z"},{"created_at":"2026-11-22T09:00:00Z"}]`}},
		project + "/merge_requests/7/approval_state": {{body: `{"rules":[{"name":"security","rule_type":"regular","approved_by":[{"username":"cyd"}]},{"name":"All","rule_type":"any_approver","approved_by":[{"username":"cyd"}]}]}`}},
	}
	want := forge.Review{
		URL: "https://gitlab.com/team/shop/-/merge_requests/7", Number: "7", Author: "ada", Head: "2b", Required: new(1),
		Approvals: []forge.Approval{{By: "bob", At: at("10:00")}, {By: "cyd", At: at("10:02"), Commit: "2b", Teams: []string{"security"}}},
	}
	for name, c := range map[string]struct {
		q      forge.Question
		header string
	}{
		"by commit with a token": {forge.Question{Commit: "3c", Token: "t"}, "PRIVATE-TOKEN"},
		"by number with the job": {forge.Question{Number: "7", Token: "t", JobToken: true}, "JOB-TOKEN"},
	} {
		h := newHost(t, answers)
		c.q.API, c.q.Repository = h.URL, "team/shop"
		r, err := forge.GitLab(t.Context(), c.q)
		if err != nil || !reflect.DeepEqual(r, want) {
			t.Errorf("%s: %v\nhave %+v\nwant %+v", name, err, r, want)
		}
		if h.asked[0].Header.Get(c.header) != "t" {
			t.Errorf("%s: asked with %v", name, h.asked[0].Header)
		}
	}
	delete(answers, project+"/merge_requests/7/approvals")
	h := newHost(t, answers)
	if _, err := forge.GitLab(t.Context(), forge.Question{API: h.URL, Repository: "team/shop", Number: "7"}); err == nil || !strings.Contains(err.Error(), "asking GitLab who approved the change: it answers 404") {
		t.Errorf("got %v", err)
	}
	// An edition without rules, and a host that does not tell of versions.
	answers[project+"/merge_requests/7/approvals"] = []answer{{body: `{"approved_by":[{"user":{"username":"bob"}}]}`}}
	delete(answers, project+"/merge_requests/7/versions")
	delete(answers, project+"/merge_requests/7/approval_state")
	h = newHost(t, answers)
	r, err := forge.GitLab(t.Context(), forge.Question{API: h.URL, Repository: "team/shop", Number: "7"})
	if err != nil || r.Required != nil || len(r.Approvals) != 1 || r.Approvals[0].Commit != "" {
		t.Errorf("%+v, %v", r, err)
	}
}

func at(clock string) time.Time {
	parsed, err := time.Parse(time.RFC3339, "2026-11-22T"+clock+":00Z")
	if err != nil {
		panic(err)
	}
	return parsed
}
