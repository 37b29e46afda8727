package git_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/git"
)

// Whatever is wrong with a pack or its index: it is an error, and never another
// commit than the one that was asked for.
func TestDamagedPacks(t *testing.T) {
	whole := packed(t)
	head := whole.git("rev-parse", "HEAD")
	name, _ := hex.DecodeString(head)
	other, _ := hex.DecodeString(whole.git("rev-parse", "HEAD~3"))
	for about, c := range map[string]struct {
		spoil func(p *pair)
		says  string
	}{
		"no index":              {func(p *pair) { p.idx = nil }, "it is missing, and HEAD names it"},
		"no pack":               {func(p *pair) { p.pack = nil }, "no such file"},
		"an empty index":        {func(p *pair) { p.idx = []byte{} }, "the index of a pack is damaged: it ends early"},
		"an index cut short":    {func(p *pair) { p.idx = p.idx[:len(p.idx)-9] }, "do not fit"},
		"of another version":    {func(p *pair) { p.idx[7] = 1 }, "of another version than 2"},
		"no order in the table": {func(p *pair) { p.idx[8+200*4] = 0xff }, "its table is in no order"},
		"no order in the names": {func(p *pair) { clear(p.idx[1032 : 1032+20*p.count()]) }, "its names are in no order"},
		"a name is gone":        {func(p *pair) { p.idx[p.at(name)+19] ^= 1 }, "it is missing, and HEAD names it"},
		"another object":        {func(p *pair) { copy(p.place(name), p.place(other)) }, "is damaged: it is " + hex.EncodeToString(other)},
		"beyond the pack":       {func(p *pair) { copy(p.place(name), "\x7f\xff\xff\xff") }, "an object at 2147483647 of its pack"},
		"no wide place":         {func(p *pair) { copy(p.place(name), "\x80\x00\x00\x05") }, "it has no 6th wide place"},
		"another pack":          {func(p *pair) { p.idx[len(p.idx)-40] ^= 1 }, "it is that of another pack"},
		"a pack cut short":      {func(p *pair) { p.pack = p.pack[:len(p.pack)-7] }, "it is that of another pack"},
		"hardly a pack":         {func(p *pair) { p.pack = []byte("PACK") }, "reading its pack"},
		"a spoiled object":      {func(p *pair) { clear(p.pack[p.offset(name)+4:][:8]) }, "an object at "},
		"an object of no kind":  {func(p *pair) { p.pack[p.offset(name)] &= 0x8f }, "an object at 12 of its pack: it is of no kind"},
	} {
		r := whole.copy(t)
		p := r.pair()
		c.spoil(p)
		p.write()
		w, err := git.Read(r.folder, "")
		if err == nil || !strings.Contains(err.Error(), "reading the commit "+head) || !strings.Contains(err.Error(), c.says) || w.Commit != nil {
			t.Errorf("%s: %+v, %v", about, w, err)
		}
	}
}

// Wherever git keeps the objects, the same is told of them.
func TestWhereObjectsAre(t *testing.T) {
	borrows := func(r repo, to string) repo {
		r.git("clone", "-q", "--shared", ".", to)
		return repo{r.t, to}
	}
	whole := packed(t)
	for name, arrange := range map[string]func(r repo) repo{
		"files of their own": func(r repo) repo {
			pack := r.pair().pack
			r.must(os.RemoveAll(filepath.Join(r.folder, ".git", "objects", "pack")))
			run(r.t, r.folder, pack, "unpack-objects", "-q")
			return r
		},
		"a pack": func(r repo) repo { return r },
		"packs and files": func(r repo) repo {
			for _, file := range []string{"x", "y", "z"} {
				r.commit(file, file)
				r.git("repack", "-q")
			}
			r.commit("last", "last")
			return r
		},
		"packs with an index of all": func(r repo) repo {
			r.commit("x", "x")
			r.git("repack", "-q")
			r.git("multi-pack-index", "write")
			return r
		},
		"based on others by name": func(r repo) repo {
			r.git("-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq")
			return r
		},
		"wide places": func(r repo) repo {
			p := r.pair()
			r.must(os.Remove(p.name))
			r.git("index-pack", "--index-version=2,40", strings.TrimSuffix(p.name, ".idx")+".pack")
			return r
		},
		"borrowed": func(r repo) repo { return borrows(r, filepath.Join(r.t.TempDir(), "clone")) },
		"borrowed by a relative path": func(r repo) repo {
			clone := borrows(r, filepath.Join(r.folder, "clone"))
			clone.write(".git/objects/info/alternates", "# of the folder above\n\n../../../.git/objects\n")
			return clone
		},
		"borrowed twice": func(r repo) repo {
			clone := borrows(borrows(r, filepath.Join(r.t.TempDir(), "clone")), filepath.Join(r.t.TempDir(), "of the clone"))
			clone.commit("own", "own")
			return clone
		},
		"borrowed from itself": func(r repo) repo {
			r.write(".git/objects/info/alternates", "\""+filepath.Join(r.folder, ".git", "objects")+"\"\n")
			return r
		},
		"another worktree": func(r repo) repo {
			other := repo{r.t, filepath.Join(r.t.TempDir(), "tree")}
			r.git("worktree", "add", "-q", other.folder)
			return other
		},
		"elsewhere": func(r repo) repo {
			r.git("init", "-q", "--separate-git-dir", filepath.Join(r.t.TempDir(), "git"))
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := arrange(whole.copy(t))
			w := r.read("")
			says := r.git("log", "-1", "--format=%H %an %ae %cn %ce %B")
			c := w.Commit
			if got := strings.Join([]string{c.Hash, c.Author, c.AuthorEmail, c.Committer, c.CommitterEmail, c.Message}, " "); got != says {
				t.Errorf("have %q, git says %q", got, says)
			}
			if w.Dirty == nil || *w.Dirty {
				t.Errorf("dirty is %v", w.Dirty)
			}
		})
	}
}

func TestObjectsThatCannotBeBorrowed(t *testing.T) {
	whole := packed(t)
	clone := repo{t, filepath.Join(t.TempDir(), "clone")}
	whole.git("clone", "-q", "--shared", ".", clone.folder)
	clone.write(".git/objects/info/alternates", "/none/such\n")
	if w, err := git.Read(clone.folder, ""); err == nil || !strings.Contains(err.Error(), "it is missing, and HEAD names it") || w.Commit != nil {
		t.Errorf("from a folder that is gone: %+v, %v", w, err)
	}
	clone.write(".git/objects/info/alternates", strings.Repeat("x", 70_000))
	if _, err := git.Read(clone.folder, ""); err == nil || !strings.Contains(err.Error(), "opening the repository in "+clone.folder) {
		t.Errorf("a path without an end: %v", err)
	}
	many := ""
	for range 40 {
		many += t.TempDir() + "\n"
	}
	clone.write(".git/objects/info/alternates", many)
	if _, err := git.Read(clone.folder, ""); err == nil || !strings.Contains(err.Error(), "it borrows objects from more than 31 folders") {
		t.Errorf("from many: %v", err)
	}
}

// packed returns a repository of which everything is in one pack.
func packed(t *testing.T) repo {
	t.Helper()
	r := repository(t)
	run(t, r.folder, commits(300), "fast-import", "--quiet")
	r.git("reset", "-q", "--hard")
	r.git("repack", "-adfq")
	return r
}

func (r repo) copy(t *testing.T) repo {
	t.Helper()
	c := repo{t, t.TempDir()}
	c.must(os.CopyFS(c.folder, os.DirFS(r.folder)))
	return c
}

// pair is a pack and its index; nil: there is none.
type pair struct {
	r         repo
	name      string // of the index
	idx, pack []byte
}

func (r repo) pair() *pair {
	r.t.Helper()
	names, err := filepath.Glob(filepath.Join(r.folder, ".git", "objects", "pack", "*.idx"))
	r.must(err)
	if len(names) != 1 {
		r.t.Fatalf("there are the indexes %v", names)
	}
	p := &pair{r: r, name: names[0]}
	p.idx, err = os.ReadFile(p.name)
	r.must(err)
	p.pack, err = os.ReadFile(strings.TrimSuffix(p.name, ".idx") + ".pack")
	r.must(err)
	return p
}

func (p *pair) write() {
	for name, content := range map[string][]byte{p.name: p.idx, strings.TrimSuffix(p.name, ".idx") + ".pack": p.pack} {
		p.r.must(os.Remove(name))
		if content != nil {
			p.r.must(os.WriteFile(name, content, 0o600))
		}
	}
}

func (p *pair) count() int { return int(binary.BigEndian.Uint32(p.idx[8+255*4:])) }

// at returns where the index has a name.
func (p *pair) at(name []byte) int {
	at := bytes.Index(p.idx[1032:], name)
	if at < 0 || at%20 != 0 {
		p.r.t.Fatalf("the index does not have %x", name)
	}
	return 1032 + at
}

// place returns where the index says where an object is.
func (p *pair) place(name []byte) []byte {
	return p.idx[1032+24*p.count()+(p.at(name)-1032)/20*4:][:4]
}

func (p *pair) offset(name []byte) int { return int(binary.BigEndian.Uint32(p.place(name))) }
