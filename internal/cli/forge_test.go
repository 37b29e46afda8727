package cli_test

import (
	"bufio"
	"bytes"
	"cmp"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// forges FOLDER serves the interfaces of a host of sources on loopback and sets
// $FORGE to its address. The answer to GET /a/b is the file a/b.1 of the folder, that
// to its second page the file a/b.2; a file that begins with HTTP/1.1 is the whole
// answer. Who brings no token, or GitLab's token of the job, which may not ask who
// approved a change, is turned away, as the hosts' documentation says.
func forges(ts *testscript.TestScript, w *world, args []string) error {
	folder := ts.MkAbs(args[0])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" && r.Header.Get("Private-Token") == "" {
			http.Error(w, `{"message":"401 Unauthorized"}`, http.StatusUnauthorized)
			return
		}
		name := filepath.Join(folder, path.Clean(r.URL.EscapedPath()))
		page := cmp.Or(r.URL.Query().Get("page"), "1")
		if _, err := os.Stat(name + ".2"); err == nil && page == "1" {
			w.Header().Set("Link", "<http://"+r.Host+r.URL.EscapedPath()+`?per_page=100&page=2>; rel="next"`)
		}
		reply(w, r, name+"."+page)
	}))
	w.served = append(w.served, server)
	ts.Setenv("FORGE", server.URL)
	return nil
}

// reply answers with a file.
func reply(w http.ResponseWriter, r *http.Request, name string) {
	content, err := os.ReadFile(name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if !bytes.HasPrefix(content, []byte("HTTP/1.1 ")) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(content)
		return
	}
	whole := strings.ReplaceAll(string(content), "\n", "\r\n") + "\r\n"
	answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(whole)), r)
	if err != nil {
		panic(err) // the script is wrong
	}
	defer answer.Body.Close() //nolint:errcheck // of a text
	for field, values := range answer.Header {
		w.Header()[field] = values
	}
	w.WriteHeader(answer.StatusCode)
}
