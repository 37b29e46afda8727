package ci_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

// requests answers as the documented APIs do: GitHub's of issue comments, and
// GitLab's of notes on merge requests.
type requests struct {
	t        *testing.T
	self     string // whom the token belongs to; empty: a job's token
	refuse   bool   // writing is not allowed
	comments []posted
}

type posted struct {
	id           int
	author, body string
}

func (r *requests) serve() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /user", r.user)
	for _, list := range []string{"/repos/team/shop/issues/3/comments", "/projects/1/merge_requests/5/notes"} {
		mux.HandleFunc("GET "+list, r.list)
		mux.HandleFunc("POST "+list, r.create)
	}
	mux.HandleFunc("PATCH /repos/team/shop/issues/comments/{id}", r.change)
	mux.HandleFunc("PUT /projects/1/merge_requests/5/notes/{id}", r.change)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "Bearer secret" && q.Header.Get("PRIVATE-TOKEN") != "secret" {
			http.Error(w, `{"message": "Unauthorized"}`, http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, q)
	}))
	r.t.Cleanup(server.Close)
	return server
}

func (r *requests) user(w http.ResponseWriter, _ *http.Request) {
	if r.self == "" {
		http.Error(w, `{"message": "Resource not accessible by integration"}`, http.StatusForbidden)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"login": r.self, "username": r.self})
}

func (r *requests) list(w http.ResponseWriter, q *http.Request) {
	page, err1 := strconv.Atoi(q.URL.Query().Get("page"))
	size, err2 := strconv.Atoi(q.URL.Query().Get("per_page"))
	if err1 != nil || err2 != nil {
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	begin := min((page-1)*size, len(r.comments))
	out := []map[string]any{}
	for _, c := range r.comments[begin:min(begin+size, len(r.comments))] {
		out = append(out, map[string]any{"id": c.id, "body": c.body, "user": map[string]any{"login": c.author}, "author": map[string]any{"username": c.author}})
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (r *requests) write(w http.ResponseWriter, q *http.Request) (body string, ok bool) {
	if r.refuse {
		http.Error(w, `{"message": "Resource not accessible by integration"}`, http.StatusForbidden)
		return "", false
	}
	var sent struct{ Body string }
	if err := json.NewDecoder(q.Body).Decode(&sent); err != nil || sent.Body == "" || len(sent.Body) > 65536 {
		http.Error(w, "bad", http.StatusUnprocessableEntity)
		return "", false
	}
	return sent.Body, true
}

func (r *requests) create(w http.ResponseWriter, q *http.Request) {
	if body, ok := r.write(w, q); ok {
		author := r.self
		if author == "" {
			author = "github-actions[bot]"
		}
		r.comments = append(r.comments, posted{len(r.comments) + 1, author, body})
		w.WriteHeader(http.StatusCreated)
	}
}

func (r *requests) change(w http.ResponseWriter, q *http.Request) {
	id, err := strconv.Atoi(q.PathValue("id"))
	if err != nil || id < 1 || id > len(r.comments) {
		http.NotFound(w, q)
		return
	}
	if body, ok := r.write(w, q); ok {
		r.comments[id-1].body = body
	}
}

func TestCommentIsUpdatedInPlace(t *testing.T) {
	for name, c := range map[string]struct {
		self string
		env  vars
	}{
		"github":      {"", gitHub.with(vars{"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/3/merge"})},
		"github user": {"ada", gitHub.with(vars{"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/3/merge"})},
		"gitlab":      {"project_1_bot", gitLab.with(vars{"CI_COMMIT_BRANCH": "", "CI_MERGE_REQUEST_IID": "5", "CI_MERGE_REQUEST_PROJECT_ID": "1"})},
	} {
		t.Run(name, func(t *testing.T) {
			host := &requests{t: t, self: c.self}
			server := host.serve()
			env := c.env.with(vars{"GITHUB_API_URL": server.URL, "CI_API_V4_URL": server.URL})
			comment := func(about, text string) error {
				return ci.Detect(env.lookup).Comment(t.Context(), env.lookup, "secret", about, []byte(text))
			}
			if err := comment("registry/shop", "first"); err != nil {
				t.Fatal(err)
			}
			marked := host.comments[0].body
			// Somebody copies the marker, and there are many comments before ours.
			for range 150 {
				host.comments = append(host.comments, posted{len(host.comments) + 1, "eve", marked})
			}
			host.comments[0].author, host.comments[120].author = host.comments[120].author, host.comments[0].author
			if err := comment("registry/shop", "second, of @team and\n/close"); err != nil {
				t.Fatal(err)
			}
			if got := host.comments[120].body; len(host.comments) != 151 || !strings.HasSuffix(got, "second, of @\u200bteam and\n\u200b/close") {
				t.Errorf("%d comments; ours is %q", len(host.comments), got)
			}
			if err := comment("registry/billing", strings.Repeat("a line\n", 20_000)); err != nil {
				t.Fatal(err)
			}
			if got := host.comments[151].body; !strings.HasSuffix(got, "a line\n\n\n**This comment was cut here. All of it is in the job.**\n") {
				t.Errorf("another image's comment ends with %.100q", got[len(got)-100:])
			}
		})
	}
}

// What is missing is named: which token, and which permission.
func TestCommentThatIsNotAllowed(t *testing.T) {
	host := &requests{t: t, refuse: true}
	server := host.serve()
	pull := gitHub.with(vars{"GITHUB_EVENT_NAME": "pull_request", "GITHUB_REF": "refs/pull/3/merge", "GITHUB_API_URL": server.URL})
	merge := gitLab.with(vars{"CI_COMMIT_BRANCH": "", "CI_MERGE_REQUEST_IID": "5", "CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_API_V4_URL": server.URL})
	for _, c := range []struct {
		env               vars
		token, want, hint string
	}{
		{pull, "secret", "403 Forbidden", "github-token needs the permission pull-requests: write"},
		{pull, "wrong", "401 Unauthorized", "github-token"},
		{pull, "", "no token", "pull-requests: write"},
		{merge, "", "no token", "gitlab-token must be a project's access token with the scope api"},
		{merge, "secret", "403 Forbidden", "scope api"},
	} {
		err := ci.Detect(c.env.lookup).Comment(t.Context(), c.env.lookup, c.token, "x", []byte("text"))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%v, hint %q; want %s, %s", err, fault.HintOf(err), c.want, c.hint)
		}
		if strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("the token is in %v", err)
		}
	}
	if err := ci.Detect(gitHub.lookup).Comment(t.Context(), gitHub.lookup, "", "x", nil); err != nil {
		t.Errorf("outside of a request: %v", err)
	}
}

// A host's answer must not lead the token elsewhere.
func TestCommentFollowsNoRedirect(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer server.Close()
	env := gitLab.with(vars{"CI_COMMIT_BRANCH": "", "CI_MERGE_REQUEST_IID": "5", "CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_API_V4_URL": server.URL})
	if err := ci.Detect(env.lookup).Comment(t.Context(), env.lookup, "secret", "x", []byte("text")); err == nil {
		t.Error("no error")
	}
}

// A token goes to the API of the job's own server, and not where a variable leads that
// an earlier job has set, nor over plain HTTP.
func TestCommentGoesToTheJobsOwnServer(t *testing.T) {
	for api, want := range map[string]string{
		"https://gitlab.example.com/api/v4": "no API of its own server",
		"http://gitlab.com/api/v4":          "in the clear",
	} {
		env := gitLab.with(vars{"CI_COMMIT_BRANCH": "", "CI_MERGE_REQUEST_IID": "5", "CI_MERGE_REQUEST_PROJECT_ID": "1", "CI_API_V4_URL": api})
		err := ci.Detect(env.lookup).Comment(t.Context(), env.lookup, "secret", "registry.example.com/team/shop", []byte("x"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", api, err)
		}
	}
}
