package filetree_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/gabriel-vasile/mimetype"

	"github.com/hallmark-ci/hallmark/internal/filetree"
	"github.com/hallmark-ci/hallmark/internal/sparsetest"
)

// What an image may not cost, and what comes of one that would.
func TestLimits(t *testing.T) {
	var many, same, deep []tar.Header
	for i := range 20 {
		many = append(many, file(fmt.Sprint("f", i)))
		same = append(same, file("f"))
	}
	deep = append(deep, file(strings.Repeat("d/", 20)+"f"))
	tests := []struct {
		name    string
		entries []tar.Header
		limits  filetree.Limits
		says    string
	}{
		{"files", many, filetree.Limits{Files: 19, Names: 1000}, "its layers have more than 19 files"},
		{"entries of one file", same, filetree.Limits{Files: 19, Names: 1000}, "its layers have more than 19 files"},
		{"folders without entries", deep, filetree.Limits{Files: 19, Names: 1000}, "its layers have more than 19 files"},
		{"names", many, filetree.Limits{Files: 100, Names: 20}, "its layers have paths of more than 20 bytes"},
		{"targets of links", []tar.Header{link("f", strings.Repeat("x", 30))}, filetree.Limits{Files: 100, Names: 20}, "its layers have paths of more than 20 bytes"},
		{"a long name", []tar.Header{file(strings.Repeat("x", 5000))}, filetree.DefaultLimits(), "a path of 5000 bytes, the limit is 4096"},
		{"a long target", []tar.Header{link("f", strings.Repeat("x", 5000))}, filetree.DefaultLimits(), "a path of 5000 bytes, the limit is 4096"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			temp := t.TempDir()
			_, err := filetree.Read(t.Context(), []filetree.Layer{layerOf(t, test.entries...)}, temp, test.limits)
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v, want one that says %q", err, test.says)
			}
			empty(t, temp)
		})
	}
}

// The first error ends the reading of all layers; nothing is left of them.
func TestAnErrorLeavesNothing(t *testing.T) {
	good := layerOf(t, withContent("f", 40<<20))
	broken := errors.New("the registry is gone")
	tests := map[string]filetree.Layer{
		"a layer that cannot be opened": {Open: func() (io.ReadCloser, error) { return nil, broken }},
		"a layer that breaks": {Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(begin(t, good), failing{broken})), nil
		}},
		"a layer whose end is wrong": {Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(whole(t, good), failing{broken})), nil
		}},
		"a layer that is no archive, and breaks": {Open: func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(strings.Repeat("no archive ", 100)), failing{broken})), nil
		}},
		"a layer that cannot be closed": {Open: func() (io.ReadCloser, error) { return closing{whole(t, good), broken}, nil }},
	}
	for name, bad := range tests {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			_, err := filetree.Read(t.Context(), []filetree.Layer{good, bad, good}, temp, filetree.DefaultLimits())
			if !errors.Is(err, broken) {
				t.Errorf("error %v, want %v", err, broken)
			}
			empty(t, temp)
		})
	}
}

func TestTheEndOfTheJobEndsTheReading(t *testing.T) {
	reason := errors.New("time is over")
	ctx, stop := context.WithCancelCause(t.Context())
	endless := filetree.Layer{Open: func() (io.ReadCloser, error) {
		header := withContent("f", 1<<50)
		return io.NopCloser(io.MultiReader(bytes.NewReader(archive(t, false, header)), telling{func() { stop(reason) }})), nil
	}}
	temp := t.TempDir()
	if _, err := filetree.Read(ctx, []filetree.Layer{endless}, temp, filetree.DefaultLimits()); !errors.Is(err, reason) {
		t.Errorf("error %v, want %v", err, reason)
	}
	empty(t, temp)
}

// Contents come back as they were, wherever they are kept.
func TestContents(t *testing.T) {
	sizes := []int64{0, 1, 3, 4, 511, 512, 513, 256<<10 - 1, 256 << 10, 256<<10 + 1, 1 << 20, 20 << 20, 5}
	var entries []tar.Header
	for i, size := range sizes {
		entries = append(entries, withContent(fmt.Sprint("f", i), size))
	}
	temp := t.TempDir()
	zeros := withContent("zeros", 17<<20)
	tree, err := filetree.Read(t.Context(), []filetree.Layer{layerOf(t, entries...), layerOf(t, withContent("again", 7), zeros)}, temp, filetree.DefaultLimits())
	must(t, err)
	for _, h := range append(entries, withContent("again", 7), zeros) {
		content, err := tree.Open(tree.Find(h.Name))
		must(t, err)
		got, err := io.ReadAll(content)
		must(t, err)
		if want := contentOf(h); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, which are not the %d that it has", h.Name, len(got), len(want))
		}
		if h.Size > 2 {
			part := make([]byte, 2)
			if _, err := content.ReadAt(part, h.Size-2); err != nil || !bytes.Equal(part, contentOf(h)[h.Size-2:]) {
				t.Errorf("%s: the end is %q, error %v", h.Name, part, err)
			}
		}
	}
	left, err := os.ReadDir(temp)
	must(t, err)
	if len(left) != 1 {
		t.Errorf("%d files hold the contents, want one", len(left))
	}
	must(t, tree.Close())
	empty(t, temp)
}

// A sparse file is read with its holes, in every form that there is.
func TestSparseFiles(t *testing.T) {
	content := make([]byte, 3<<20)
	copy(content, "\x7fELF and so on")
	for _, at := range []int{5000, 100_000, 300_000, 700_000, 1 << 20, 2<<20 + 17} {
		copy(content[at:], fmt.Sprintf("data at %d", at))
	}
	for i := range 60 { // more pieces than a header has room for
		content[1<<20+i*2048] = 'x'
	}
	for _, f := range sparsetest.Formats() {
		for name, want := range map[string][]byte{"whole": []byte("no hole"), "hollow": content, "hole": make([]byte, 600_000)} {
			tree, err := readRaw(t, filetree.DefaultLimits(), sparsetest.Entry(f, "dir/"+name, 0o755, want), sparsetest.Entry(f, "behind", 0o644, []byte("it")))
			must(t, err)
			found := tree.Find("/dir/" + name)
			if found == nil || found.Kind() != filetree.Regular || found.Size() != int64(len(want)) {
				t.Fatalf("%s, %s: the file is %+v", f, name, found)
			}
			read, err := tree.Open(found)
			must(t, err)
			got, err := io.ReadAll(read)
			must(t, err)
			if !bytes.Equal(got, want) || tree.Find("/behind") == nil {
				t.Errorf("%s, %s: %d bytes are not what it holds", f, name, len(got))
			}
			must(t, tree.Close())
		}
	}
}

// One that is larger than anybody can want is an error, however little there is of it in
// the archive.
func TestSparseFilesAreBounded(t *testing.T) {
	for _, f := range sparsetest.Formats() {
		for _, size := range []int64{16<<30 + 1, 1 << 60} {
			if _, err := readRaw(t, filetree.DefaultLimits(), sparsetest.Hole(f, "bomb", size)); err == nil || !strings.Contains(err.Error(), "sparse files of more than") {
				t.Errorf("%s of %d bytes: error %v", f, size, err)
			}
		}
		two := filetree.Limits{Files: 9, Names: 99, Sparse: 1 << 20}
		if _, err := readRaw(t, two, sparsetest.Hole(f, "a", 600_000), sparsetest.Hole(f, "b", 600_000)); err == nil {
			t.Errorf("%s: two are over the limit, and there is no error", f)
		}
	}
}

// readRaw reads one layer of entries as they are.
func readRaw(t *testing.T, limits filetree.Limits, entries ...[]byte) (*filetree.Tree, error) {
	t.Helper()
	stored := append(bytes.Join(entries, nil), sparsetest.End()...)
	layer := filetree.Layer{Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil }}
	return filetree.Read(t.Context(), []filetree.Layer{layer}, t.TempDir(), limits)
}

// A hard link is the program that it was bound to, with what is in that: through other
// links, across layers, and also when the target is replaced later.
func TestHardLinksKeepMarks(t *testing.T) {
	program := func(name, mark string) (tar.Header, []byte) {
		content := []byte("\x7fELF" + mark)
		h := withContent(name, int64(len(content)))
		h.Mode = 0o755
		return h, content
	}
	hard := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeLink, Mode: 0o755}
	}
	contents := map[string][]byte{}
	layer := func(entries ...tar.Header) filetree.Layer {
		for _, h := range entries {
			if contents[h.Name] == nil {
				contents[h.Name] = []byte{}
			}
		}
		stored := archiveOf(t, entries, contents)
		return filetree.Layer{ID: entries[0].Name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil }}
	}
	first, text := program("app/program", "one")
	contents["app/program"] = text
	lower := layer(first, hard("app/same", "app/program"), hard("app/chain", "app/same"), link("bin", "app"), hard("via", "bin/program"))
	second, text := program("app/program", "two")
	contents["app/program"] = text
	upper := layer(hard("app/across", "app/chain"), hard("app/old", "app/program"), second, hard("app/new", "app/program"), file("app/.wh.same"))
	tree, err := filetree.Read(t.Context(), []filetree.Layer{lower, upper}, t.TempDir(), filetree.DefaultLimits(), "one", "two")
	must(t, err)
	for path, mark := range map[string]string{
		"/app/program": "two", "/app/chain": "one", "/via": "one", "/app/across": "one", "/app/old": "one", "/app/new": "two",
	} {
		for _, m := range []string{"one", "two"} {
			if got := tree.Marked(tree.Find(path), m); got != (m == mark) {
				t.Errorf("%s has the mark %s: %t", path, m, got)
			}
		}
	}
	if tree.Find("/app/same") != nil {
		t.Error("/app/same is there, and was removed")
	}
	must(t, tree.Close())
}

// Whoever looks for facts or secrets walks the same tree.
func TestWalk(t *testing.T) {
	shell := withContent("bin/sh", 10)
	shell.Mode = 0o4755
	tree, err := filetree.Read(t.Context(), []filetree.Layer{layerOf(t, withContent("z", 1), shell, link("bin/bash", "sh"))}, t.TempDir(), filetree.DefaultLimits())
	must(t, err)
	var seen []string
	must(t, tree.Walk(func(f *filetree.File) error {
		seen = append(seen, fmt.Sprintf("%s %s %d", f.Path(), f.Mode(), f.Size()))
		return nil
	}))
	want := "/ drwxr-xr-x 0, /bin drwxr-xr-x 0, /bin/bash Lrwxrwxrwx 0, /bin/sh urwxr-xr-x 10, /z -rw-r--r-- 1"
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("the tree is\n%s, want\n%s", got, want)
	}
}

// Only what begins like a program is looked at for programs, so nothing else may be
// one.
func TestAProgramBeginsLikeOne(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	heads := [][]byte{[]byte("MZ"), []byte("\x7fELF"), []byte("\xca\xfe\xba\xbe\x00\x00\x00\x02"), []byte("\xfe\xed\xfa\xce"), []byte("\xcf\xfa\xed\xfe"), nil}
	var entries []tar.Header
	contents := map[string][]byte{}
	for i := range 3000 {
		head := bytes.Clone(heads[i%len(heads)])
		if len(head) > 0 && i%5 == 0 {
			head[random.IntN(len(head))] = byte(random.IntN(256))
		}
		content := append(head, make([]byte, 300)...)
		for j := len(head); j < len(content); j++ {
			content[j] = byte(random.IntN(256))
		}
		name := fmt.Sprint("f", i)
		contents[name] = content
		entries = append(entries, tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(content))})
	}
	tree, err := filetree.Read(t.Context(), []filetree.Layer{{Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(archiveOf(t, entries, contents))), nil
	}}}, t.TempDir(), filetree.DefaultLimits())
	must(t, err)
	for _, kind := range []string{
		"application/x-elf", "application/x-object", "application/x-executable", "application/x-sharedlib", "application/x-coredump",
		"application/vnd.microsoft.portable-executable", "application/x-mach-binary",
	} {
		found, err := tree.ByType(kind)
		must(t, err)
		want := 0
		for _, content := range contents {
			if mimetype.Detect(content).String() == kind {
				want++
			}
		}
		if len(found) != want {
			t.Errorf("%d files are of the type %s, want %d", len(found), kind, want)
		}
	}
}

// Whatever an archive says, reading it ends, and what comes of it is a tree: each
// path is clean, leads to its file, and is found by its name.
func FuzzRead(f *testing.F) {
	f.Add([]byte("garbage"), []byte{})
	f.Add(archive(f, true, file("../a"), link("b", "../../a"), link("c", "c"), file("a/.wh..wh..opq")), archive(f, true, file(".wh.a"), file("a/.wh..")))
	f.Add(archive(f, true, tar.Header{Name: "h", Linkname: "h", Typeflag: tar.TypeLink}, tar.Header{Name: "d", Typeflag: tar.TypeChar, Devmajor: 1}), archive(f, true, file("h/x")))
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		layers := make([]filetree.Layer, 2)
		for i, stored := range [][]byte{lower, upper} {
			layers[i] = filetree.Layer{Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil }}
		}
		tree, err := filetree.Read(t.Context(), layers, t.TempDir(), filetree.Limits{Files: 1000, Names: 100_000})
		if err != nil {
			return
		}
		must(t, tree.Walk(func(f *filetree.File) error {
			p := f.Path()
			if p != path.Clean("/"+p) {
				t.Errorf("the path %q is not clean", p)
			}
			if tree.Lookup(p) != f {
				t.Errorf("%q does not lead to its file", p)
			}
			if _, err := tree.Glob(strings.ReplaceAll(path.Base(p), "**", "*")); err != nil && !strings.Contains(err.Error(), "malformed") {
				t.Errorf("looking for %q: %v", p, err)
			}
			tree.Find(p)
			_, _ = tree.Type(f)
			return nil
		}))
		must(t, tree.Close())
	})
}

// A mark is found in programs and nowhere else, also where it lies across two parts
// that they are read in.
func TestMarks(t *testing.T) {
	const part, mark = 256 << 10, "the mark"
	at := func(offset, size int) []byte {
		content := append([]byte("\x7fELF"), make([]byte, size-4)...)
		copy(content[offset:], mark)
		return content
	}
	tests := map[string]struct {
		content []byte
		want    bool
	}{
		"small":                     {at(10, 100), true},
		"at the end of a small one": {at(92, 100), true},
		"first part":                {at(part-len(mark), 3*part), true},
		"across parts":              {at(part-1, 3*part), true},
		"across the next":           {at(2*part-7, 3*part), true},
		"at the end":                {at(2*part+100-len(mark), 2*part+100), true},
		"a short end":               {at(2*part-4, 2*part+4), true},
		"none":                      {at(10, 100)[:16], false},
		"apart":                     {append(at(92, 100)[:96], at(10, 100)...)[:104], false},
		"no program":                {append([]byte("text"), at(10, 100)...), false},
		"the next file's":           {append([]byte("\x7fELF"), make([]byte, 3*part)...), false},
	}
	var headers []tar.Header
	contents := map[string][]byte{}
	for name, test := range tests {
		contents[name] = test.content
		headers = append(headers, tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(test.content))})
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range headers {
		must(t, w.WriteHeader(&h))
		_, err := w.Write(contents[h.Name])
		must(t, err)
	}
	must(t, w.Close())
	layer := filetree.Layer{Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }}
	tree, err := filetree.Read(t.Context(), []filetree.Layer{layer}, t.TempDir(), filetree.DefaultLimits(), "another", mark)
	must(t, err)
	for name, test := range tests {
		if got := tree.Marked(tree.Find(name), mark); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
		if tree.Marked(tree.Find(name), "another") {
			t.Errorf("%s has another mark", name)
		}
	}
	if !tree.Marked(tree.Find("small"), "unasked") || tree.Marked(tree.Find("no program"), "unasked") {
		t.Error("of a mark that was not looked for, every program may have it")
	}
	must(t, tree.Close())
	if _, err := filetree.Read(t.Context(), nil, t.TempDir(), filetree.DefaultLimits(), make([]string, 9)...); err == nil {
		t.Error("more marks are looked for than can be noted")
	}
}
