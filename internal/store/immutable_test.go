package store_test

import (
	"io"
	"net/http"
)

// refusal is how a registry refuses to overwrite a tag.
type refusal struct {
	says   string // as the error has it
	answer func(w http.ResponseWriter, r *http.Request) bool
}

// immutables are the refusals of Amazon ECR, Harbor and others.
func immutables() []refusal {
	var out []refusal
	for _, r := range []struct {
		status     int
		body, says string
	}{
		{http.StatusBadRequest, `{"errors":[{"code":"TAG_INVALID","message":"The tag is there already"}]}`, "the registry answered 400 Bad Request: TAG_INVALID The tag is there already"},
		{http.StatusMethodNotAllowed, `{"errors":[{"code":"TAG_INVALID","message":"no"}]}`, "the registry answered 405 Method Not Allowed: TAG_INVALID no"},
		{http.StatusPreconditionFailed, `{"errors":[{"code":"PRECONDITION","message":"configured as immutable"}]}`, "412 Precondition Failed: PRECONDITION configured as immutable"},
		{http.StatusPreconditionFailed, ``, "412 Precondition Failed"},
		{http.StatusConflict, `{"errors":[{"code":"DENIED","message":"Immutable tag"}]}`, "409 Conflict: DENIED Immutable tag"},
	} {
		out = append(out, refusal{says: r.says, answer: func(w http.ResponseWriter, request *http.Request) bool {
			if request.Method != http.MethodPut || !lists(request) {
				return false
			}
			w.WriteHeader(r.status)
			_, _ = io.WriteString(w, r.body)
			return true
		}})
	}
	return out
}
