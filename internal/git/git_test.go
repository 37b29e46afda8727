package git_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/git"
)

// What is no repository says nothing; what is damaged says so.
func TestWhereThereIsNoCommit(t *testing.T) {
	for name, folder := range map[string]string{"no folder": "", "none such": filepath.Join(t.TempDir(), "none"), "no repository": t.TempDir()} {
		if w, err := git.Read(folder, ""); err != nil || w != (git.Workspace{}) {
			t.Errorf("%s: %+v, %v", name, w, err)
		}
	}
	empty := repository(t)
	if w := empty.read(""); !w.Found || w.Branch != "main" || w.Head != "" || w.Commit != nil {
		t.Errorf("nothing committed: %+v", w)
	}
	damaged := repository(t)
	damaged.commit("one", "a")
	damaged.write(".git/HEAD", "nonsense")
	if _, err := git.Read(damaged.folder, ""); err == nil || !strings.Contains(err.Error(), "reading HEAD in "+damaged.folder) {
		t.Errorf("a damaged HEAD: %v", err)
	}
}

// A commit can be as long as its author likes.
func TestACommitThatIsTooLong(t *testing.T) {
	r := repository(t)
	r.commit(strings.Repeat("long ", 300_000), "a")
	if _, err := git.Read(r.folder, ""); err == nil || !strings.Contains(err.Error(), "the limit is 1048576 (1 MiB)") {
		t.Errorf("got %v", err)
	}
	r.commit(strings.Repeat("long ", 10_000), "b")
	if w := r.read(""); len(w.Commit.Message) > 8<<10 {
		t.Errorf("a message of %d bytes", len(w.Commit.Message))
	}
}

func TestTheCommitThatWasBuilt(t *testing.T) {
	r := repository(t)
	first := r.commit("The first\n\nIts reason", "a")
	second := r.commit("The second", "b")

	w := r.read(first)
	want := git.Commit{
		Hash: first, Author: "Ada", AuthorEmail: "ada@example.com", Committer: "Bob", CommitterEmail: "bob@example.com",
		Message: "The first\n\nIts reason", CommittedAt: w.Commit.CommittedAt,
	}
	if *w.Commit != want || w.Commit.CommittedAt.IsZero() {
		t.Errorf("have %+v, want %+v", *w.Commit, want)
	}
	if w.Head != second || w.Branch != "main" || w.Detached || w.Dirty == nil || *w.Dirty {
		t.Errorf("the workspace is told as %+v", w)
	}
	if w := r.read(strings.Repeat("ab", 20)); w.Commit != nil {
		t.Errorf("a commit that is not there: %+v", w.Commit)
	}
	r.git("checkout", "-q", "--detach", first)
	if w := r.read(""); !w.Detached || w.Branch != "" || w.Commit.Hash != first {
		t.Errorf("detached: %+v", w)
	}
}

// The kind of a signature is told by its form. Whether it is right is asked of
// nobody here.
func TestSignatures(t *testing.T) {
	for kind, armour := range map[string]string{
		"gpg": "PGP SIGNATURE", "ssh": "SSH SIGNATURE", "x509": "SIGNED MESSAGE", "unknown": "SOMETHING",
	} {
		r := repository(t)
		parent := r.commit("one", "a")
		tree := r.git("rev-parse", "HEAD^{tree}")
		object := "tree " + tree + "\nparent " + parent + "\nauthor A <a@example.com> 1790000000 +0000\ncommitter A <a@example.com> 1790000000 +0000\n" +
			"gpgsig -----BEGIN " + armour + "-----\n \n abc\n -----END " + armour + "-----\n\nsigned\n"
		r.write("object", object)
		hash := r.git("hash-object", "-t", "commit", "-w", "--literally", "object")
		if w := r.read(hash); w.Commit == nil || w.Commit.Signature != kind || w.Commit.Message != "signed" {
			t.Errorf("%s: %+v", kind, w.Commit)
		}
	}
}

func TestDirty(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r repo)
		want   bool
	}{
		"clean":             {func(repo) {}, false},
		"an untracked file": {func(r repo) { r.write("new", "x") }, false},
		"touched only":      {func(r repo) { r.touch("a") }, false},
		"changed":           {func(r repo) { r.write("a", "other") }, true},
		"same size": {func(r repo) {
			r.write("a", "A")
			r.touch("a")
		}, true},
		"removed": {func(r repo) { r.remove("a") }, true},
		"staged": {func(r repo) {
			r.write("new", "x")
			r.git("add", "new")
		}, true},
		"staged removal":    {func(r repo) { r.git("rm", "-q", "--cached", "a") }, true},
		"a link now":        {func(r repo) { r.remove("a"); r.link("b", "a") }, true},
		"a folder now":      {func(r repo) { r.remove("a"); r.write("a/file", "x") }, true},
		"an unchanged link": {func(r repo) { r.link("a", "l"); r.git("add", "l"); r.git("commit", "-qm", "link"); r.touch("l") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := repository(t)
			r.commit("one", "a")
			r.commit("two", "b")
			c.change(r)
			if w := r.read(""); w.Dirty == nil || *w.Dirty != c.want {
				t.Errorf("dirty is %v, want %v", w.Dirty, c.want)
			}
		})
	}
	r := repository(t)
	r.commit("one", "a")
	r.write(".git/index", "nonsense")
	if w := r.read(""); w.Dirty != nil || w.Commit == nil {
		t.Errorf("a damaged index: %+v", w)
	}
}

func TestAShallowCloneSaysTheSame(t *testing.T) {
	r := repository(t)
	for i := range 3 {
		r.commit("commit "+strconv.Itoa(i), "a"+strconv.Itoa(i))
	}
	shallow := repo{t, filepath.Join(t.TempDir(), "clone")}
	r.git("clone", "-q", "--depth=1", "file://"+r.folder, shallow.folder)
	whole, one := r.read(""), shallow.read("")
	if *whole.Commit != *one.Commit || *one.Dirty {
		t.Errorf("whole: %+v\nshallow: %+v", whole.Commit, one.Commit)
	}
}

type repo struct {
	t      *testing.T
	folder string
}

func repository(t *testing.T) repo {
	t.Helper()
	r := repo{t, t.TempDir()}
	r.git("init", "-q", "-b", "main")
	return r
}

func (r repo) git(args ...string) string {
	r.t.Helper()
	c := exec.Command("git", args...)
	c.Dir = r.folder
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Bob", "GIT_COMMITTER_EMAIL=bob@example.com")
	out, err := c.CombinedOutput()
	if err != nil {
		r.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit commits a file of that name and content, and returns the hash.
func (r repo) commit(message, file string) string {
	r.t.Helper()
	r.write(file, file)
	r.git("add", file)
	r.write(".git/message", message)
	r.git("commit", "-q", "-F", ".git/message")
	return r.git("rev-parse", "HEAD")
}

func (r repo) read(commit string) git.Workspace {
	r.t.Helper()
	w, err := git.Read(r.folder, commit)
	r.must(err)
	return w
}

func (r repo) write(name, content string) {
	r.t.Helper()
	path := filepath.Join(r.folder, name)
	r.must(os.MkdirAll(filepath.Dir(path), 0o755))
	r.must(os.WriteFile(path, []byte(content), 0o600))
}

func (r repo) touch(name string) {
	r.t.Helper()
	if info, err := os.Lstat(filepath.Join(r.folder, name)); err == nil && info.Mode()&os.ModeSymlink != 0 {
		r.must(os.Remove(filepath.Join(r.folder, name)))
		r.link("a", name)
		return
	}
	r.must(os.Chtimes(filepath.Join(r.folder, name), time.Time{}, time.Unix(1_700_000_000, 0)))
}

func (r repo) remove(name string) { r.must(os.Remove(filepath.Join(r.folder, name))) }

func (r repo) link(to, name string) { r.must(os.Symlink(to, filepath.Join(r.folder, name))) }

func (r repo) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}
