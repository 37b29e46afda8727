package image_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/stream"

	"github.com/hallmark-ci/hallmark/internal/image"
)

// unsteady is a registry that fails its first requests of a kind.
type unsteady struct {
	kind  *regexp.Regexp // of "METHOD path"
	times int
	fail  func(w http.ResponseWriter, r *http.Request, next http.Handler)

	mu   sync.Mutex
	seen int // requests of the kind
}

func (u *unsteady) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.mu.Lock()
		hit := u.kind.MatchString(r.Method + " " + r.URL.Path)
		if hit {
			u.seen++
		}
		hit = hit && u.seen <= u.times
		u.mu.Unlock()
		if hit {
			u.fail(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func answers(status int, headers ...string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"errors":[{"code":"UNAVAILABLE","message":"not now"}]}`)
	}
}

// drops ends the connection before anything was read or said.
func drops(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// resets reads half of what comes and resets the connection.
func resets(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := connection.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // a reset, not an end
	}
	_ = connection.Close()
}

// forgets does what it is asked for, and ends the connection instead of saying so.
func forgets(_ http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// quick is the patience of tests.
func quick() image.Access {
	return image.Access{UserAgent: "hallmark/test", Backoff: image.Backoff{Attempts: 4, Delay: time.Millisecond}}
}

// pushes writes an image through the options that everybody pushes with.
func pushes(t *testing.T, access image.Access, host string) error {
	t.Helper()
	ref, err := name.NewDigest(host + "/app@" + digestOf(t, sample(t)))
	must(t, err)
	return remote.Write(ref, sample(t), append(access.Connect().RemoteOptions(), remote.WithContext(t.Context()))...)
}

func pulls(t *testing.T, access image.Access, host string) error {
	t.Helper()
	_, err := readLayer(t, image.NewRegistry(access.Connect(), image.DefaultLimits()), host+"/app:1")
	return err
}

var failures = []struct {
	name string
	fail func(http.ResponseWriter, *http.Request, http.Handler)
}{
	{"429", answers(429)},
	{"429, again at once", answers(429, "Retry-After", "0")},
	{"429, again before today", answers(429, "Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT")},
	{"429, again who knows when", answers(429, "Retry-After", "soon")},
	{"500", answers(500)},
	{"502", answers(502)},
	{"503", answers(503)},
	{"504", answers(504)},
	{"no answer", drops},
	{"reset half-way", resets},
	{"done, but no answer", forgets},
}

func TestAPullSurvivesARegistryThatFails(t *testing.T) {
	for _, request := range []string{"GET /v2/$", "GET .*/manifests/", "GET .*/blobs/"} {
		for _, failure := range failures {
			t.Run(request+failure.name, func(t *testing.T) {
				t.Parallel()
				u := &unsteady{kind: regexp.MustCompile(request), fail: failure.fail}
				host := serve(t, u.before)
				push(t, host+"/app:1", sample(t))
				u.times, u.seen = 3, 0
				if err := pulls(t, quick(), host); err != nil {
					t.Fatal(err)
				}
				if u.seen < 4 {
					t.Errorf("%d requests came, so none failed three times", u.seen)
				}
			})
		}
	}
}

// Whatever fails, what is there in the end is what was pushed.
func TestAPushSurvivesARegistryThatFails(t *testing.T) {
	for _, request := range []string{"GET /v2/$", "HEAD .*/manifests/", "HEAD .*/blobs/", "POST .*/uploads/", "PATCH .*", "PUT .*/uploads/", "PUT .*/manifests/sha256:"} {
		for _, failure := range failures {
			t.Run(request+failure.name, func(t *testing.T) {
				t.Parallel()
				u := &unsteady{kind: regexp.MustCompile(request), fail: failure.fail, times: 2}
				host := serve(t, u.before)
				if err := pushes(t, quick(), host); err != nil {
					t.Fatal(err)
				}
				if u.seen < 2 {
					t.Errorf("%d requests came, so none came again", u.seen)
				}
				reference := host + "/app@" + digestOf(t, sample(t))
				if _, err := readLayer(t, anonymous(), reference); err != nil {
					t.Errorf("what was pushed: %v", err)
				}
			})
		}
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	for _, test := range []struct {
		request string
		do      func(*testing.T, image.Access, string) error
	}{
		{"GET .*/manifests/1$", func(t *testing.T, a image.Access, host string) error {
			_, err := open(t.Context(), image.NewRegistry(a.Connect(), image.DefaultLimits()), host+"/app:1")
			return err
		}},
		{"POST .*/uploads/", pushesOneLayer},
		{"PATCH ", pushesOneLayer},
		{"PUT .*/uploads/", pushesOneLayer},
		{"PUT .*/manifests/", pushes},
	} {
		for _, attempts := range []int{1, 4} {
			t.Run(fmt.Sprint(test.request, attempts), func(t *testing.T) {
				u := &unsteady{kind: regexp.MustCompile(test.request), fail: answers(503), times: 1 << 20}
				access := quick()
				access.Backoff.Attempts = attempts
				err := test.do(t, access, serve(t, u.before))
				refused(t, err, "not now")
				if u.seen != attempts {
					t.Errorf("%d requests came, want %d", u.seen, attempts)
				}
			})
		}
	}
}

func pushesOneLayer(t *testing.T, access image.Access, host string) error {
	t.Helper()
	repo, err := name.NewRepository(host + "/app")
	must(t, err)
	return remote.WriteLayer(repo, honest(t, archive(t, "hello")), access.Connect().RemoteOptions()...)
}

// What will be the same next time is asked once.
func TestAnAnswerThatWillStayIsTaken(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 418, 501} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			u := &unsteady{kind: regexp.MustCompile("GET .*/manifests/"), fail: answers(status), times: 1 << 20}
			_, err := open(t.Context(), image.NewRegistry(quick().Connect(), image.DefaultLimits()), serve(t, u.before)+"/app:1")
			if err == nil || u.seen != 1 {
				t.Errorf("%d requests came, want 1; error %v", u.seen, err)
			}
		})
	}
}

// A body that is gone when it was sent cannot be sent again.
func TestABodyThatCannotBeReadAgainIsSentOnce(t *testing.T) {
	u := &unsteady{kind: regexp.MustCompile("PATCH "), fail: answers(503), times: 1}
	repo, err := name.NewRepository(serve(t, u.before) + "/app")
	must(t, err)
	layer := stream.NewLayer(io.NopCloser(bytes.NewReader(make([]byte, 1<<10))))
	refused(t, remote.WriteLayer(repo, layer, quick().Connect().RemoteOptions()...), "not now")
	if u.seen != 1 {
		t.Errorf("%d requests came, want 1", u.seen)
	}
}

// Another writer may have written the tag during the pause: who writes a tag
// has to look at it again first.
func TestATagIsWrittenOnce(t *testing.T) {
	u := &unsteady{kind: regexp.MustCompile("PUT .*/manifests/1"), fail: answers(503), times: 1}
	ref, err := name.NewTag(serve(t, u.before) + "/app:1")
	must(t, err)
	refused(t, remote.Write(ref, sample(t), quick().Connect().RemoteOptions()...), "not now")
	if u.seen != 1 {
		t.Errorf("%d requests came, want 1", u.seen)
	}
}

func TestAStreamOfHTTP2ThatIsReset(t *testing.T) {
	u := &unsteady{kind: regexp.MustCompile("GET .*/manifests/1"), fail: drops, times: 2}
	server := httptest.NewUnstartedServer(u.before(registry.New(registry.Logger(log.New(io.Discard, "", 0)))))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	access := quick()
	access.Insecure = true
	_, err := open(t.Context(), image.NewRegistry(access.Connect(), image.DefaultLimits()), strings.TrimPrefix(server.URL, "https://")+"/app:1")
	refused(t, err, "no such image")
	if u.seen != 3 {
		t.Errorf("%d requests came, want 3", u.seen)
	}
}

// inside is a registry that needs no network, so that its clock can be that of
// the test.
type inside struct{ handler http.Handler }

func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	recorded := httptest.NewRecorder()
	i.handler.ServeHTTP(recorded, r)
	answer := recorded.Result()
	answer.Request = r
	return answer, nil
}

// waited asks a registry that fails as u does for an image that it does not
// have, and returns the time that it took by the test's own clock.
func waited(ctx context.Context, u *unsteady) (time.Duration, error) {
	u.kind = regexp.MustCompile("GET .*/manifests/")
	start := time.Now()
	_, err := open(ctx, image.NewRegistry(u.inside().Connect(), image.DefaultLimits()), "localhost/app:1")
	return time.Since(start), err
}

// inside returns the way to the registry that needs no network.
func (u *unsteady) inside() image.Access {
	return image.Access{Transport: inside{u.before(registry.New(registry.Logger(log.New(io.Discard, "", 0))))}}
}

func TestHowLongARegistryIsWaitedFor(t *testing.T) {
	in := func(d time.Duration) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			answers(429, "Retry-After", time.Now().Add(d).UTC().Format(http.TimeFormat))(w, r, next)
		}
	}
	tests := []struct {
		name        string
		u           *unsteady
		least, most time.Duration
		says        string
		requests    int
	}{
		{"all attempts", &unsteady{times: 1 << 20, fail: answers(503)}, 1875 * time.Millisecond, 3750*time.Millisecond + 4, "503", 5},
		{"all but one", &unsteady{times: 4, fail: answers(503)}, 1875 * time.Millisecond, 3750*time.Millisecond + 4, "no such image", 5},
		{"seconds", &unsteady{times: 1, fail: answers(429, "Retry-After", "7")}, 7 * time.Second, 7 * time.Second, "no such image", 2},
		{"a date", &unsteady{times: 1, fail: in(9 * time.Second)}, 9 * time.Second, 9 * time.Second, "no such image", 2},
		{"at once is not at once", &unsteady{times: 1, fail: answers(503, "Retry-After", "0")}, 125 * time.Millisecond, 250*time.Millisecond + 1, "no such image", 2},
		{"as long as is borne", &unsteady{times: 1, fail: answers(503, "Retry-After", "30")}, 30 * time.Second, 30 * time.Second, "no such image", 2},
		{"longer", &unsteady{times: 1, fail: answers(429, "Retry-After", "31")}, 0, 0, "429", 1},
		{"an hour", &unsteady{times: 1, fail: in(time.Hour)}, 0, 0, "429", 1},
		{"longer than time", &unsteady{times: 1, fail: answers(429, "Retry-After", "9223372036854775807")}, 0, 0, "429", 1},
		{"less than nothing", &unsteady{times: 1, fail: answers(429, "Retry-After", "-9223372036854775808")}, 0, 250*time.Millisecond + 1, "no such image", 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				took, err := waited(t.Context(), test.u)
				refused(t, err, test.says)
				if took < test.least || took > test.most {
					t.Errorf("it took %s, want %s to %s", took, test.least, test.most)
				}
				if test.u.seen != test.requests {
					t.Errorf("%d requests came, want %d", test.u.seen, test.requests)
				}
			})
		})
	}
}

func TestAPauseEndsWithTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		u := &unsteady{times: 1 << 20, fail: answers(429, "Retry-After", "30")}
		time.AfterFunc(10*time.Second, func() { stop(errors.New("the timeout of 10s has passed")) })
		took, err := waited(ctx, u)
		refused(t, err, "resolving localhost/app:1: the timeout of 10s has passed")
		if took != 10*time.Second || u.seen != 1 {
			t.Errorf("it ended after %s and %d requests, want 10s and 1", took, u.seen)
		}
	})
}

// In an upload it is the registry client that begins anew.
func TestAnUploadIsNotBegunAnew(t *testing.T) {
	tests := []struct {
		name, after string
		took        time.Duration
	}{
		{"when the job has ended", "30", 10 * time.Second},
		{"when the registry wants to be left alone for an hour", "3600", 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				u := &unsteady{kind: regexp.MustCompile("PATCH "), fail: answers(429, "Retry-After", test.after), times: 1 << 20}
				defer time.AfterFunc(10*time.Second, func() { stop(errors.New("the job was stopped")) }).Stop()

				start := time.Now()
				repo, err := name.NewRepository("localhost/app")
				must(t, err)
				err = remote.WriteLayer(repo, honest(t, archive(t, "hello")), append(u.inside().Connect().RemoteOptions(), remote.WithContext(ctx))...)
				if took := time.Since(start); err == nil || took != test.took || u.seen != 1 {
					t.Errorf("it took %s and %d requests, want %s and 1; error %v", took, u.seen, test.took, err)
				}
			})
		})
	}
}
