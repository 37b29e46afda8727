package ci

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Bounds of what is read and written for a comment.
const (
	maxComment      = 60_000  // bytes; GitHub takes 65,536 characters
	maxAnswer       = 8 << 20 // bytes of one answer
	maxPages        = 20      // of comments that are looked through
	commentsPerPage = 100
	commentTimeout  = 30 * time.Second
)

// thread is the comments of one pull or merge request, in the API of its host.
type thread struct {
	api      string // of the host
	comments string // path of the list, below it
	single   string // path of one, before its number
	update   string // HTTP method
	header   string // that authenticates
	token    string
	bot      string // whom a token without a user of its own writes as
	need     string // what the token must be allowed
}

// comment is one comment, as either host describes it.
type comment struct {
	ID     int64
	Body   string
	User   struct{ Login string }    // GitHub
	Author struct{ Username string } // GitLab
}

func (c comment) author() string { return either(c.User.Login, c.Author.Username) }

// Comment shows Markdown as a comment on the job's pull or merge request. About
// names what it is about; the comment of an earlier run about the same is
// replaced. Outside of a request there is nothing to do.
func (c Context) Comment(ctx context.Context, env Lookup, token, about string, markdown []byte) error {
	if !c.IsRequest() || c.RequestNumber == "" {
		return nil
	}
	t, err := c.thread(facts{env}, token)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, commentTimeout)
	defer cancel()
	marker := fmt.Sprintf("<!-- hallmark:%x -->", sha256.Sum256([]byte(about)))
	body := commentBody(marker, markdown)
	id, err := t.find(ctx, marker)
	if err != nil {
		return t.failed(err)
	}
	if id == 0 {
		return t.failed(t.call(ctx, http.MethodPost, t.comments, body, nil))
	}
	return t.failed(t.call(ctx, t.update, t.single+strconv.FormatInt(id, 10), body, nil))
}

// thread returns where the request's comments are.
func (c Context) thread(f facts, token string) (thread, error) {
	number := url.PathEscape(c.RequestNumber)
	t := thread{token: token}
	switch c.Host {
	case GitHub:
		t.api, t.header, t.update, t.bot = c.APIURL, "Authorization", http.MethodPatch, "github-actions[bot]"
		t.comments = "/repos/" + c.Repository + "/issues/" + number + "/comments"
		t.single = "/repos/" + c.Repository + "/issues/comments/"
		t.need = "github-token needs the permission pull-requests: write; jobs for pull requests of forks do not get it"
		t.token = "Bearer " + token
	case GitLab:
		t.api, t.header, t.update = c.APIURL, "PRIVATE-TOKEN", http.MethodPut
		t.comments = "/projects/" + url.PathEscape(f.text("CI_MERGE_REQUEST_PROJECT_ID")) + "/merge_requests/" + number + "/notes"
		t.single = t.comments + "/"
		t.need = "gitlab-token must be a project's access token with the scope api and the role Reporter; a job's own token may not comment"
	case None, Jenkins, CircleCI:
		return thread{}, fmt.Errorf("commenting: %s has no comments", c.Host)
	}
	if api, err := url.Parse(t.api); t.api != "" && (err != nil || !confidential(api)) {
		return thread{}, errors.New("commenting on the request: the host's API is not at an https address, and the token would travel in the clear")
	}
	if c.APIURL == "" && token != "" {
		return thread{}, errors.New("commenting on the request: the job's variables name no API of its own server")
	}
	if token == "" || t.api == "" {
		return thread{}, fault.WithHint(errors.New("commenting on the request: there is no token for it"), "%s", t.need)
	}
	return t, nil
}

// confidential reports whether what is sent to an address can be read by nobody on
// the way.
func confidential(address *url.URL) bool {
	return address.Scheme == "https" || address.Scheme == "http" && loopback(address.Hostname())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (t thread) failed(err error) error {
	if err == nil {
		return nil
	}
	return fault.WithHint(fmt.Errorf("commenting on the request: %w", err), "%s", t.need)
}

// find returns the number of the comment with the marker that is our own, or 0:
// anybody can write the marker, and could change such a comment later.
func (t thread) find(ctx context.Context, marker string) (int64, error) {
	own, err := t.self(ctx)
	if err != nil {
		return 0, err
	}
	for page := 1; page <= maxPages; page++ {
		var comments []comment
		path := fmt.Sprintf("%s?per_page=%d&page=%d", t.comments, commentsPerPage, page)
		if err := t.call(ctx, http.MethodGet, path, nil, &comments); err != nil {
			return 0, err
		}
		for _, c := range comments {
			if c.author() == own && strings.HasPrefix(c.Body, marker) {
				return c.ID, nil
			}
		}
		if len(comments) < commentsPerPage {
			return 0, nil
		}
	}
	return 0, fmt.Errorf("the request has more than %d comments", maxPages*commentsPerPage)
}

// self returns who the token writes as.
func (t thread) self(ctx context.Context) (string, error) {
	var user struct{ Login, Username string }
	err := t.call(ctx, http.MethodGet, "/user", nil, &user)
	var status statusError
	if errors.As(err, &status) && status == http.StatusForbidden && t.bot != "" {
		return t.bot, nil // a job's token is nobody's
	}
	if err == nil && either(user.Login, user.Username) == "" {
		err = errors.New("the host does not say who the token belongs to")
	}
	return either(user.Login, user.Username), err
}

// statusError is an answer that is no success.
type statusError int

// Error implements error.
func (e statusError) Error() string {
	return fmt.Sprintf("the host answered %d %s", int(e), http.StatusText(int(e)))
}

// call makes one request. The token goes to the host and nowhere else: no
// redirect is followed.
func (t thread) call(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(t.api, "/")+path, bytes.NewReader(body))
	if err != nil {
		return errors.New("the host's address of its API is no URL")
	}
	request.Header.Set(t.header, t.token)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusCreated {
		return statusError(answer.StatusCode)
	}
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(into); err != nil {
		return errors.New("the host's answer is not what it documents")
	}
	return nil
}

// commentBody returns the request's body: the marker, and Markdown that calls
// nobody and commands nothing. @name would tell a person, and GitLab obeys lines
// that begin with a slash.
func commentBody(marker string, markdown []byte) []byte {
	const apart = "\u200b" // cannot be seen
	text := string(cutMarkdown(markdown, maxComment, "\n\n**This comment was cut here. All of it is in the job.**\n"))
	text = strings.ReplaceAll(text, "@", "@"+apart)
	text = strings.ReplaceAll("\n"+text, "\n/", "\n"+apart+"/")
	body, err := json.Marshal(map[string]string{"body": marker + text})
	if err != nil {
		return nil // strings always encode
	}
	return body
}
