package store_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// failures are the clauses about registries and jobs that fail.
func failures() []clause {
	return []clause{
		{"a registry that fails is no empty list", failingRegistry},
		{"a push that is denied", deniedPush},
		{"a connection that drops half-way", droppedConnection},
		{"the end of the job", endOfJob},
		{"evidence that cannot be read", unreadableEvidence},
		{"evidence that breaks off", brokenEvidence},
	}
}

// lists reports whether a request asks for what is attached.
func lists(r *http.Request) bool {
	return strings.Contains(r.URL.Path, "/referrers/") || strings.Contains(r.URL.Path, "/manifests/sha256-")
}

func failingRegistry(t *testing.T, w world) {
	s := w.signer(t)
	first := s.signs(t, sbom, "1")
	w.attach(t, s.mine, first)
	for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusForbidden, http.StatusTeapot} {
		w.answer(func(answer http.ResponseWriter, r *http.Request) bool {
			if lists(r) {
				answer.WriteHeader(status)
			}
			return lists(r)
		})
		entries, err := w.store.List(t.Context(), w.subject)
		refused(t, err, "reading ", w.host+"/team/app", w.subject.Hex())
		if entries != nil {
			t.Errorf("%d: %d entries beside the error", status, len(entries))
		}
		_, err = w.store.Attach(t.Context(), w.subject, []store.Signed{s.signs(t, vuln, "1")}, s.mine)
		refused(t, err, "attaching to "+w.subject.String())
		if n := w.count(http.MethodPut, "/manifests/"); n != 0 {
			t.Errorf("%d: %d manifests were written over what could not be read", status, n)
		}
	}
	w.answer(nil)
	w.holds(t, first)
}

func deniedPush(t *testing.T, w world) {
	s := w.signer(t)
	first := s.signs(t, sbom, "1")
	w.attach(t, s.mine, first)
	for _, denied := range []string{"/blobs/uploads/", "/manifests/"} {
		w.answer(func(answer http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet || r.Method == http.MethodHead || !strings.Contains(r.URL.Path, denied) {
				return false
			}
			answer.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(answer, `{"errors":[{"code":"DENIED","message":"may not push"}]}`)
			return true
		})
		_, err := w.store.Attach(t.Context(), w.subject, []store.Signed{s.signs(t, sbom, "2")}, s.mine)
		refused(t, err, "attaching to "+w.subject.String(), "writing ", w.host+"/team/app", "the registry refuses access (403)")
		if hint := fault.HintOf(err); !strings.Contains(hint, "may pull but not push") {
			t.Errorf("hint %q", hint)
		}
	}
	w.answer(nil)
	w.holds(t, first)
}

func droppedConnection(t *testing.T, w world) {
	s := w.signer(t)
	first := s.signs(t, sbom, "1")
	w.attach(t, s.mine, first)
	w.answer(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch || r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/blobs/") {
			_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength/2)
			panic(http.ErrAbortHandler)
		}
		return false
	})
	signed := []store.Signed{s.signs(t, vuln, "2"), s.signs(t, sbom, strings.Repeat("large ", 200_000))}
	_, err := w.store.Attach(t.Context(), w.subject, signed, s.mine)
	refused(t, err, "attaching to "+w.subject.String(), "writing ", w.host+"/team/app")
	if n := w.count(http.MethodPut, "/manifests/"); n != 0 {
		t.Errorf("%d manifests were written", n)
	}
	w.answer(nil)
	w.holds(t, first)
}

func endOfJob(t *testing.T, w world) {
	s := w.signer(t)
	ends := map[string]func(*http.Request) bool{
		"at the list":   lists,
		"at the upload": func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/blobs/uploads/") },
	}
	for when, at := range ends {
		ctx, stop := context.WithCancelCause(t.Context())
		w.answer(func(_ http.ResponseWriter, r *http.Request) bool {
			if at(r) {
				stop(errors.New("interrupted by a signal"))
			}
			return false
		})
		_, err := w.store.Attach(ctx, w.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)
		refused(t, err, "attaching to "+w.subject.String(), "interrupted by a signal")
		if n := w.count(http.MethodPut, "/manifests/"); n != 0 {
			t.Errorf("%s: %d manifests were written after the end", when, n)
		}
	}
	w.answer(nil)
	w.holds(t)
}

// Evidence that is there but cannot be read is told, and never overwritten: it
// may be this signer's own.
func unreadableEvidence(t *testing.T, w world) {
	s, other := w.signer(t), w.signer(t)
	readable := w.encode(t, other.signs(t, review, "readable").Envelope)
	w.put(t, w.place,
		foreign{content: []byte("gone"), claims: sbom, missing: true},
		foreign{content: readable, claims: review},
	)
	before := w.entries(t)
	if len(before) != 2 {
		t.Fatalf("entries %+v", before)
	}
	for _, e := range before {
		gone := e.ClaimedType == sbom
		if gone != e.Unread || gone != (e.Err != nil) || !gone && string(e.Raw) != string(readable) {
			t.Errorf("entry %+v", e)
		}
	}
	_, err := w.store.Attach(t.Context(), w.subject, []store.Signed{s.signs(t, sbom, "1")}, s.mine)
	refused(t, err, "attaching to "+w.subject.String(), "reading the layer sha256:")
	// All of it may be evidence of others, so nobody is told to delete the tag.
	if hint := fault.HintOf(err); !strings.Contains(hint, "run again") || strings.Contains(hint, "delete") {
		t.Errorf("hint %q", hint)
	}
	if after := w.entries(t); len(after) != 2 || after[0].Digest != before[0].Digest || after[1].Digest != before[1].Digest {
		t.Errorf("entries %+v, were %+v", after, before)
	}
	// What its annotation claims to be is no reason to believe that it is nothing else.
	_, err = w.store.Attach(t.Context(), w.subject, []store.Signed{s.signs(t, vuln, "1")}, s.mine)
	refused(t, err, "reading the layer sha256:")
}

// A layer whose end does not come, or is another's, is read by nobody.
func brokenEvidence(t *testing.T, w world) {
	s := w.signer(t)
	signed := s.signs(t, sbom, "1")
	w.attach(t, s.mine, signed)
	w.store = w.open(w.place, nil) // one that has not read it yet
	content := w.encode(t, signed.Envelope)
	for says, body := range map[string][]byte{
		"cut":      content[:len(content)/2],
		"longer":   append(content[:len(content):len(content)], "more"...),
		"replaced": []byte(strings.Repeat(" ", len(content))),
	} {
		w.answer(func(answer http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				return false
			}
			_, _ = answer.Write(body)
			return true
		})
		entries := w.entries(t)
		if len(entries) != 1 || !entries[0].Unread || entries[0].Raw != nil {
			t.Errorf("%s: entries %+v", says, entries)
		}
		_, err := w.store.Attach(t.Context(), w.subject, []store.Signed{s.signs(t, sbom, "2")}, s.mine)
		refused(t, err, "attaching to "+w.subject.String(), "reading the layer ")
	}
	w.answer(nil)
	w.holds(t, signed)
}
