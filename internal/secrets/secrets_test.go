package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/hallmark-ci/hallmark/internal/secrets"
)

// Things that look like secrets and open nothing. They are put together here so that
// no tool takes this file for a leak.
func token() string { return "ghp_" + "1234567890abcdefghijABCDEFGHIJ123456" }

func key() string {
	return "-----BEGIN RSA PRIVATE " + "KEY-----\n" + strings.Repeat(strings.Repeat("MIIEowIBAAKCAQEA", 4)+"\n", 20) + "-----END RSA PRIVATE " + "KEY-----\n"
}

const layer = "sha256:aa"

func TestALookThatFails(t *testing.T) {
	s := search(t, secrets.DefaultLimits())
	broken := errors.New("the disk is gone")
	if err := s.Look(t.Context(), "/etc/\x1b[2Jx", layer, iotest.ErrReader(broken)); !errors.Is(err, broken) || strings.ContainsRune(err.Error(), '\x1b') {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Look(ctx, "/x", layer, strings.NewReader("text")); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end the job goes on: %v", err)
	}
}

// What is not looked at to its end is counted, and the report is not complete: that
// nothing was found then says nothing.
func TestBounds(t *testing.T) {
	text := strings.Repeat("nothing to see here\n", 5000) // 100 kB
	hidden := text + "token = " + token() + "\n"
	late := time.Now()
	for name, c := range map[string]struct {
		limits secrets.Limits
		files  []string
		cut    int
	}{
		"a long file":     {secrets.Limits{File: 90_000, Total: 1 << 30, Time: time.Hour}, []string{hidden, "short"}, 1},
		"many files":      {secrets.Limits{File: 1 << 20, Total: 150_000, Time: time.Hour}, []string{text, hidden, "short"}, 2},
		"no time is left": {secrets.Limits{File: 1 << 20, Total: 1 << 30}, []string{hidden}, 1},
		"exactly as much": {secrets.Limits{File: int64(len(text)), Total: int64(len(text)), Time: time.Hour}, []string{text}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := secrets.New(c.limits, func() time.Time { return late })
			must(t, err)
			for _, content := range c.files {
				must(t, s.Look(t.Context(), "/f", layer, strings.NewReader(content)))
			}
			r := s.Report()
			if r.Cut != c.cut || r.Complete != (c.cut == 0) || len(r.Findings) > 0 || r.Bytes > c.limits.Total {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Whatever an image says of itself, it is looked at.
func TestFound(t *testing.T) {
	for name, c := range map[string]struct {
		content, rule string
		line          int
	}{
		"a token":                   {"a\nb\ntoken = " + token() + "\n", "github-pat", 3},
		"without an end of line":    {token(), "github-pat", 1},
		"that asks to be spared":    {"token = " + token() + " # gitleaks:allow\n", "github-pat", 1},
		"on the border of pieces":   {strings.Repeat("x", 16<<10-20) + "\ntoken = " + token() + "\n", "github-pat", 2},
		"far down":                  {strings.Repeat("some line\n", 50_000) + "token = " + token() + "\n", "github-pat", 50_001},
		"a key of many lines":       {"\n\n" + key(), "private-key", 3},
		"a key that lies on it":     {strings.Repeat("some line\n", 1600) + key(), "private-key", 1601},
		"in a line of a great size": {strings.Repeat("y", 100_000) + " " + token() + "\n", "github-pat", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := search(t, secrets.DefaultLimits())
			must(t, s.Look(t.Context(), "/app/.env", layer, strings.NewReader(c.content)))
			r := s.Report()
			want := secrets.Finding{Rule: c.rule, Path: "/app/.env", Layer: layer, Line: c.line}
			if len(r.Findings) != 1 || r.Findings[0] != want || r.Rules[c.rule] != 1 || !r.Complete || r.Files != 1 || r.Bytes != int64(len(c.content)) {
				t.Errorf("have %+v, want %+v", r, want)
			}
		})
	}
}

// The version that a report names is the one that is built with.
func TestTheReportSaysWhatSearched(t *testing.T) {
	required, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	must(t, err)
	r := search(t, secrets.DefaultLimits()).Report()
	if !strings.Contains(string(required), "github.com/zricethezav/gitleaks/v8 v"+r.Version+"\n") || !strings.HasSuffix(r.URI, "@v"+r.Version) {
		t.Errorf("it is %s %s", r.URI, r.Version)
	}
}

// What is no text is not looked into, and counted. The name of a file tells some.
func TestBinaries(t *testing.T) {
	s := search(t, secrets.DefaultLimits())
	must(t, s.Look(t.Context(), "/bin/true", layer, strings.NewReader("\x7fELF\x00"+token())))
	must(t, s.Look(t.Context(), "/empty", layer, strings.NewReader("")))
	if r := s.Report(); r.Binary != 1 || r.Files != 0 || len(r.Findings) != 0 || !r.Complete {
		t.Errorf("%+v", r)
	}
}

func TestAFileThatIsASecretByItsName(t *testing.T) {
	s := search(t, secrets.DefaultLimits())
	must(t, s.Look(t.Context(), "/app/server.p12", layer, strings.NewReader("\x30\x82\x00")))
	want := secrets.Finding{Rule: "pkcs12-file", Path: "/app/server.p12", Layer: layer, Line: 1}
	if r := s.Report(); len(r.Findings) != 1 || r.Findings[0] != want {
		t.Errorf("%+v", r)
	}
}

// A thousand findings are listed, by path, and all are counted. The path is harmless.
func TestManyFindings(t *testing.T) {
	s := search(t, secrets.DefaultLimits())
	for i := range 1001 {
		must(t, s.Look(t.Context(), fmt.Sprintf("/%04d\x1b", 1001-i), layer, strings.NewReader(token())))
	}
	r := s.Report()
	if len(r.Findings) != 1000 || r.Rules["github-pat"] != 1001 || r.Findings[0].Path > r.Findings[1].Path || strings.ContainsRune(r.Findings[0].Path, '\x1b') {
		t.Errorf("%d findings of %v, first %+v", len(r.Findings), r.Rules, r.Findings[0])
	}
}

// The secret is nowhere in the report, whatever is looked at.
func FuzzLook(f *testing.F) {
	f.Add("token = " + token())
	f.Add(key())
	f.Fuzz(func(t *testing.T, content string) {
		s := search(t, secrets.Limits{File: 1 << 20, Total: 1 << 20, Time: time.Hour})
		must(t, s.Look(t.Context(), "/f", layer, strings.NewReader(content)))
		r := s.Report()
		for _, finding := range r.Findings {
			if finding.Line < 1 || finding.Line > strings.Count(content, "\n")+1 || finding.Path != "/f" {
				t.Errorf("%+v of %q", finding, content)
			}
		}
	})
}

func search(t *testing.T, limits secrets.Limits) *secrets.Search {
	t.Helper()
	s, err := secrets.New(limits, time.Now)
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
