package catalog

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/anchore/syft/syft/file"
)

// An entry of a layer, as the tables below write it: "path", "path=content",
// "path -> link", "path => hard link" or "path/".
type layer []string

// The paths and patterns that both are asked for, besides every path of every
// layer.
var (
	askedPaths = []string{
		"/", "", "a", "/a/", "//a//b", "/a/../a/b", "/nothing", "/a/b/nothing", "/usr/lib/x.so", "/lib/x.so", "/l1", "/l2", "/up/a/b", "/loop/loop/loop",
	}
	askedGlobs = []string{
		"**/*", "**/*.jar", "**/*.so", "**/x.so", "**/x*", "/a/*", "/lib/*", "/lib/x*", "/usr/lib/*.so", "**/lib/*", "**/lib/x.so", "/lib/**",
		"/a/b", "a/b", "**/{x.so,b}", "**/a/{b,c*}", "/*/x.so", "**/l?", "**/.hidden", "*.jar", "/a/**/*.jar", "**/a*/**/*.jar", "/up/**",
	}
	askedTypes = [][]string{
		{"application/x-executable", "application/x-sharedlib", "application/x-elf", "application/x-mach-binary", "application/vnd.microsoft.portable-executable"},
		{"text/plain"},
		{"application/zip", "application/gzip"},
	}
)

// What stereoscope answers, which syft brings, and what ours does: the same, for every
// trick with links and whiteouts.
func TestTheTreeAnswersAsStereoscopeDoes(t *testing.T) {
	const elf = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00 a library"
	tests := []struct {
		name   string
		layers []layer
	}{
		{"files", []layer{{"a/", "a/b=1", "a/c.jar=PK\x03\x04", "x.so=" + elf, ".hidden=h", "empty=", "a/y.so=text"}}},
		{"folders that no entry is for", []layer{{"a/b/c/x.so=" + elf, "usr/share/x.jar=1"}}},
		{"a file that is replaced", []layer{{"a/", "a/b=old", "x.so=" + elf}, {"a/", "a/b=new", "x.so=" + elf + " again"}}},
		{"whiteouts", []layer{{"a/", "a/b=1", "a/c.jar=1", "d/", "d/e=1"}, {"a/.wh.b=", ".wh.d="}, {"d/f=2"}}},
		{"a whiteout of what is not there", []layer{{"a/", "a/b=1"}, {"a/.wh.c=", "z/.wh.y="}}},
		{"a whiteout in the lowest layer", []layer{{"a/", "a/.wh.b=", "a/b=1", "a/.wh..wh..opq="}}},
		{"a whiteout and the same name again", []layer{{"d/", "d/e=1"}, {".wh.d=", "d/", "d/new=1"}}},
		{"an opaque folder", []layer{{"a/", "a/b=1", "a/s/", "a/s/t=1"}, {"a/", "a/.wh..wh..opq=", "a/new=1"}}},
		{"an opaque folder below a link", []layer{{"a/", "a/b=1", "l1 -> a"}, {"l1/", "l1/.wh..wh..opq=", "l1/new=1"}}},
		{"the root is opaque", []layer{{"a/", "a/b=1", "x.so=" + elf}, {".wh..wh..opq=", "c=1"}}},
		{"a name of the whiteouts' prefix alone", []layer{{"a/", "a/.wh.=1", "a/b=1"}, {"c/.wh.=1"}}},
		{"a file in a whiteout", []layer{{"a/", "a/b=1"}, {".wh.a/c=1"}}},
		{"symbolic links", []layer{{"a/", "a/b=1", "l1 -> a/b", "l2 -> /a/b", "a/l3 -> b", "a/l4 -> ../a/b", "l5 -> l1", "dead -> nowhere"}}},
		{"links to folders", []layer{{"usr/", "usr/lib/", "usr/lib/x.so=" + elf, "usr/lib/y.jar=1", "lib -> usr/lib", "a -> /lib"}}},
		{"links in folders of links", []layer{{"usr/lib/", "usr/lib/x.so -> real.so", "usr/lib/real.so=" + elf, "lib -> usr/lib", "up -> lib"}}},
		{"links that loop", []layer{{"l1 -> l2", "l2 -> l1", "self -> self", "a/", "a/b=1", "a/loop -> ../a", "loop -> ."}}},
		{"a long row of links", []layer{rowOfLinks(60)}},
		{"a link that a layer above makes whole", []layer{{"l1 -> a/b"}, {"a/", "a/b=1"}}},
		{"a link that a layer above breaks", []layer{{"a/", "l1 -> a/b", "a/b=1"}, {"a/.wh.b="}}},
		{"a link instead of a folder", []layer{{"lib/", "lib/x.so=old", "usr/lib/", "usr/lib/x.so=new"}, {"lib -> usr/lib"}}},
		{"a folder instead of a link", []layer{{"usr/lib/", "usr/lib/x.so=" + elf, "lib -> usr/lib"}, {"lib/", "lib/y.so=1"}}},
		{"a file put on a link of a layer below", []layer{{"usr/lib/", "usr/lib/x.so=" + elf, "lib -> usr/lib"}, {"lib/y.so=1"}}},
		{"a file instead of a folder", []layer{{"a/", "a/b=1"}, {"a=1"}}},
		{"a folder instead of a file", []layer{{"a="}, {"a/", "a/b=1"}}},
		{"hard links", []layer{{"a/", "a/b=1", "l1 => a/b", "l2 => l1", "x.so=" + elf, "y.so => x.so"}}},
		{"a hard link whose file is replaced", []layer{{"a/", "a/b=old", "l1 => a/b"}, {"a/", "a/b=new"}}},
		{"a hard link whose file is removed", []layer{{"a/", "a/b=old", "l1 => a/b"}, {"a/.wh.b="}}},
		{"a hard link to a link", []layer{{"a/", "a/b=1", "l1 -> a/b", "l2 => l1"}}},
		{"a hard link to nothing", []layer{{"a/", "l1 => nowhere", "a/b=1"}}},
		{"a hard link to what comes later", []layer{{"a/", "l1 => a/b", "a/b=1"}}},
		{"a hard link to a folder", []layer{{"a/", "a/b=1", "l1 => a"}}},
		{"the same entry twice", []layer{{"a/", "a/b=old", "a/b=newer", "a/", "a/"}}},
		{"names that lead out", []layer{{"../a/", "../a/b=1", "/x.so=" + elf, "a/../c=1", "./d=1", "l1 -> ../../a/b"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			img := imageOfLayers(t, test.layers)
			compare(t, questions(t, stereoscope(t, img), test.layers), questions(t, ours(t, img), test.layers))
		})
	}
}

// Where ours differs, it is as a container runtime does.
func TestWhereTheTreeKnowsBetter(t *testing.T) {
	tests := []struct {
		name, why string
		layers    []layer
		path      string
		content   string // empty: nothing may be there
	}{
		{"an entry of another type twice", "the last one counts; stereoscope refuses the image", []layer{{"a/", "a=1"}}, "/a", "1"},
		{
			"a hard link to a file of a layer below", "it is the file that is there when it is made, whatever happens to its path",
			[]layer{{"a/b.jar=old"}, {"c.jar => a/b.jar"}, {"a/.wh.b.jar="}},
			"/c.jar", "old",
		},
		{
			"a whiteout after what it does not mean", "whiteouts are about the layers below, in whatever order",
			[]layer{{"a/b=old"}, {"a/b=new", "a/.wh.b="}},
			"/a/b", "new",
		},
		{
			"a whiteout of a name that sorts before a dot", "stereoscope goes by names, and removes what is of the same layer",
			[]layer{{"a/+b=old"}, {"a/.wh.+b=", "a/+b=new"}},
			"/a/+b", "new",
		},
		{"a whiteout of the folder itself", "a runtime refuses it; to stereoscope it removes the folder", []layer{{"a/b=1"}, {"a/.wh..="}}, "/a/b", "1"},
		{"a whiteout of the folder above", "as before", []layer{{"a/b=1", "c=1"}, {"a/.wh...="}}, "/c", "1"},
		{
			"a link by way of a link and back", "a kernel goes up from where a link leads, not from its name",
			[]layer{{"a/deep/x=no", "l -> a/deep", "up -> l/../b", "a/b=yes", "b=no"}},
			"/up", "yes",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := ours(t, imageOfLayers(t, test.layers))
			got, err := r.FilesByPath(test.path)
			must(t, err)
			if len(got) != 1 {
				t.Fatalf("%s is found %d times: %s", test.path, len(got), test.why)
			}
			if content := read(t, r, got[0]); content != test.content {
				t.Errorf("%s holds %q, want %q: %s", test.path, content, test.content, test.why)
			}
		})
	}
}

// What stereoscope's index does not know, or does not forget.
func TestWhatTheIndexKnowsBetter(t *testing.T) {
	const elf = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x00 a library"
	r := ours(t, imageOfLayers(t, []layer{{"implied/b=1", "x.so=" + elf, "y.so=" + elf}, {"x.so=text"}}))
	for pattern, want := range map[string]string{
		"/implied/*":   "/implied/b", // a folder without an entry of its own
		"**/implied/*": "/implied/b",
		"**/[xy].so":   "/x.so /y.so", // one of several characters
	} {
		found, err := r.FilesByGlob(pattern)
		must(t, err)
		if got := pathsOf(found); got != want {
			t.Errorf("%s finds %q, want %q", pattern, got, want)
		}
	}
	found, err := r.FilesByMIMEType("application/x-sharedlib")
	must(t, err)
	if got := pathsOf(found); got != "/y.so" { // x.so is a text by now
		t.Errorf("the libraries are %q", got)
	}
}

func pathsOf(found []file.Location) string {
	var paths []string
	for _, l := range found {
		paths = append(paths, l.RealPath)
	}
	return strings.Join(paths, " ")
}

func rowOfLinks(n int) layer {
	row := layer{"l1=the end"}
	for i := range n {
		row = append(row, fmt.Sprintf("l%d -> l%d", i+2, i+1))
	}
	return row
}

// questions asks a resolver everything that a cataloger can, and writes down what it
// answers.
func questions(t *testing.T, r file.Resolver, layers []layer) map[string]string {
	t.Helper()
	answers := map[string]string{}
	paths := slices.Clone(askedPaths)
	for location := range r.AllLocations(t.Context()) {
		paths = append(paths, location.RealPath)
	}
	for _, l := range layers {
		for _, e := range l {
			paths = append(paths, "/"+strings.FieldsFunc(e, func(r rune) bool { return r == '=' || r == ' ' })[0])
		}
	}
	for _, p := range paths {
		found, err := r.FilesByPath(p)
		answers["path "+p] = told(t, r, found, err)
		answers["has "+p] = fmt.Sprint(r.HasPath(p))
		answers["beside "+p] = ""
		if l := r.RelativeFileByPath(file.Location{}, p); l != nil {
			answers["beside "+p] = told(t, r, []file.Location{*l}, nil)
		}
	}
	for _, g := range askedGlobs {
		found, err := r.FilesByGlob(g)
		answers["glob "+g] = told(t, r, found, err)
	}
	for _, types := range askedTypes {
		found, err := r.FilesByMIMEType(types...)
		answers[fmt.Sprint("types ", types)] = told(t, r, found, err)
	}
	all, err := r.FilesByGlob("**/x.so", "**/*.so", "/a/*")
	answers["several globs"] = told(t, r, all, err)
	answers["everything"] = everything(t, r)
	return answers
}

func everything(t *testing.T, r file.Resolver) string {
	t.Helper()
	var all []file.Location
	for location := range r.AllLocations(t.Context()) {
		all = append(all, location)
	}
	slices.SortFunc(all, func(a, b file.Location) int { return cmp.Compare(a.RealPath, b.RealPath) })
	return told(t, r, all, nil)
}

// told writes down locations, with what there is to know of their files.
func told(t *testing.T, r file.Resolver, found []file.Location, err error) string {
	t.Helper()
	if err != nil {
		return "an error"
	}
	var b strings.Builder
	for _, l := range found {
		m, err := r.FileMetadataByLocation(l)
		must(t, err)
		fmt.Fprintf(&b, "%s by %s in %.15s: %s %s %d %d:%d %q %q %q, holds %q\n", l.RealPath, l.AccessPath, l.FileSystemID,
			m.Type, m.Mode(), m.Size(), m.UserID, m.GroupID, m.Name(), m.LinkDestination, m.MIMEType, read(t, r, l))
	}
	return b.String()
}

func read(t *testing.T, r file.Resolver, l file.Location) string {
	t.Helper()
	content, err := r.FileContentsByLocation(l)
	if err != nil {
		return "no content"
	}
	defer content.Close()
	all, err := io.ReadAll(content)
	must(t, err)
	return string(all)
}

func compare(t *testing.T, want, got map[string]string) {
	t.Helper()
	for _, question := range slices.Sorted(maps.Keys(want)) {
		if _, asked := got[question]; !asked {
			t.Errorf("%s: only stereoscope knows of it:\n%s", question, want[question])
		} else if got[question] != want[question] {
			t.Errorf("%s: we answer\n%sand stereoscope\n%s", question, got[question], want[question])
		}
	}
	for question := range got {
		if _, asked := want[question]; !asked {
			t.Errorf("%s: only we know of it:\n%s", question, got[question])
		}
	}
}
