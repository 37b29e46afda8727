package git_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/git"
)

// The history is not read: where all of it is gone or spoiled, a commit is told
// as where it is whole.
func TestNoHistoryIsRead(t *testing.T) {
	r := repository(t)
	r.git("config", "gc.auto", "0")
	for i := range 30 {
		r.commit("commit "+strconv.Itoa(i), "file"+strconv.Itoa(i%3))
		r.write("file"+strconv.Itoa(i%3), "content "+strconv.Itoa(i))
		r.git("commit", "-qam", "change "+strconv.Itoa(i))
	}
	whole := r.read("")
	needed := map[string]bool{whole.Head: true, r.git("rev-parse", "HEAD^{tree}"): true}
	for line := range strings.Lines(r.git("ls-tree", "-r", "HEAD")) {
		needed[strings.Fields(line)[2]] = true
	}
	spoiled := 0
	for i, object := range r.objects() {
		if needed[strings.ReplaceAll(object, "/", "")] {
			continue
		}
		spoiled++
		if r.remove(".git/objects/" + object); i%2 == 0 {
			r.write(".git/objects/"+object, "spoiled")
		}
	}
	if spoiled < 100 {
		t.Fatalf("only %d objects were spoiled", spoiled)
	}
	w := r.read("")
	if *w.Commit != *whole.Commit || w.Head != whole.Head || w.Dirty == nil || *w.Dirty {
		t.Errorf("have %+v\nwant %+v", w, whole)
	}
}

// objects returns the loose objects of the repository, as folder/rest.
func (r repo) objects() []string {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.folder, ".git", "objects", "??", "*"))
	r.must(err)
	for i, path := range paths {
		paths[i] = filepath.Base(filepath.Dir(path)) + "/" + filepath.Base(path)
	}
	return paths
}

// BenchmarkRead reads repositories with more and less of a history, packed as git
// packs what it clones, and a clone of depth one. All cost the same.
func BenchmarkRead(b *testing.B) {
	folders := map[string]string{}
	for _, n := range []int{1_000, 100_000} {
		long := filepath.Join(b.TempDir(), strconv.Itoa(n))
		run(b, "", nil, "init", "-q", "-b", "main", long)
		run(b, long, commits(n), "fast-import", "--quiet")
		run(b, long, nil, "reset", "-q", "--hard")
		folders[fmt.Sprintf("commits=%d", n)] = long
	}
	folders["depth=1"] = filepath.Join(b.TempDir(), "shallow")
	run(b, "", nil, "clone", "-q", "--depth=1", "file://"+folders["commits=100000"], folders["depth=1"])
	for _, name := range []string{"commits=1000", "commits=100000", "depth=1"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w, err := git.Read(folders[name], "")
				if err != nil || w.Commit == nil || *w.Dirty {
					b.Fatalf("%+v, %v", w, err)
				}
			}
		})
	}
}

// commits returns what git fast-import makes so many commits of: each changes one
// of a hundred files.
func commits(n int) []byte {
	var out bytes.Buffer
	for i := range n {
		message, content := fmt.Sprintf("commit %d", i), fmt.Sprintf("content %d", i)
		fmt.Fprintf(&out, "commit refs/heads/main\ncommitter Ada <ada@example.com> %d +0000\ndata %d\n%s\nM 644 inline file%d\ndata %d\n%s\n",
			1_700_000_000+i, len(message), message, i%100, len(content), content)
	}
	return out.Bytes()
}

func run(b testing.TB, folder string, input []byte, args ...string) {
	b.Helper()
	c := exec.Command("git", args...)
	c.Dir, c.Stdin = folder, bytes.NewReader(input)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	if out, err := c.CombinedOutput(); err != nil {
		b.Fatalf("git %v: %v\n%s", args, err, out)
	}
}
