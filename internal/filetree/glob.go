package filetree

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// maxAliases is the number of paths by way of links that are tried for one file and
// one pattern, at most.
const maxAliases = 64

// Match is a file that was found, and the path that it was found at.
type Match struct {
	Path string // may lead through links
	File *File  // no link and no folder
}

// special are the characters that have a meaning in a pattern.
const special = "*?[]{}"

// Glob returns the files with a path that a pattern matches: * stands for a part of a
// name, ** for any number of folders, ? for a character, [ab] for one of several
// and {a,b} for one of several words. Each file is returned once: by its own path if
// that matches, else by one that leads to it through links. Those found by their own
// paths come first, each in the order of paths.
func (t *Tree) Glob(pattern string) ([]Match, error) {
	if !doublestar.ValidatePattern(pattern) {
		return nil, fmt.Errorf("the pattern %q is malformed", pattern)
	}
	g := parseGlob(pattern)
	var found []Match
	switch {
	case !strings.ContainsAny(g.pattern, special):
		found = t.add(found, g.pattern, t.Find(g.pattern))
	case g.folder != "":
		found = t.inFolder(g)
	default:
		for _, f := range t.candidates(g) {
			if p, ok := t.matching(f, g.pattern); ok {
				found = t.add(found, p, t.target(f))
			}
		}
	}
	return once(found), nil
}

// add adds a file, if it is there and is no folder.
func (t *Tree) add(found []Match, p string, f *File) []Match {
	if f == nil || f.isDir() {
		return found
	}
	return append(found, Match{p, f})
}

// once leaves each file once, by its best path.
func once(found []Match) []Match {
	slices.SortFunc(found, func(a, b Match) int {
		if own, other := a.Path == a.File.Path(), b.Path == b.File.Path(); own != other {
			if own {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Path, b.Path)
	})
	seen := make(map[*File]bool, len(found))
	return slices.DeleteFunc(found, func(m Match) bool {
		again := seen[m.File]
		seen[m.File] = true
		return again
	})
}

// glob is a pattern and what it says of the names that match.
type glob struct {
	pattern string // clean
	folder  string // that all matches are directly in; empty: not known
	name    string // pattern of the last name; empty: not known
	within  string // name of the folder that all matches are directly in; empty: not known
}

func parseGlob(pattern string) glob {
	g := glob{pattern: strings.TrimSpace(pattern)}
	for strings.Contains(g.pattern, "//") {
		g.pattern = strings.ReplaceAll(g.pattern, "//", "/")
	}
	if len(g.pattern) > 1 {
		g.pattern = strings.TrimSuffix(g.pattern, "/")
	}
	if !strings.HasPrefix(g.pattern, "/") && !strings.HasPrefix(g.pattern, "**") {
		g.pattern = "/" + g.pattern
	}
	if open := strings.IndexByte(g.pattern, '{'); open >= 0 && strings.LastIndexByte(g.pattern, '/') > open {
		return g // the words of a choice may have folders of their own
	}
	folder, name := path.Split(g.pattern)
	if name == "**" {
		return g
	}
	g.name = name
	if !strings.ContainsAny(folder, special+`\`) {
		g.folder = folder
	}
	if within := path.Base(folder); !strings.ContainsAny(within, special+`\`) {
		g.within = within
	}
	return g
}

// inFolder looks through the one folder that matches can be in.
func (t *Tree) inFolder(g glob) []Match {
	dir := t.Find(g.folder)
	if dir == nil {
		return nil
	}
	var found []Match
	first, _ := slices.BinarySearchFunc(dir.children, literal(g.name), func(f *File, name string) int { return cmp.Compare(f.name, name) })
	for _, f := range dir.children[first:] {
		if !strings.HasPrefix(f.name, literal(g.name)) {
			break
		}
		if doublestar.MatchUnvalidated(g.name, f.name) {
			found = t.add(found, path.Join(g.folder, f.name), t.target(f))
		}
	}
	return found
}

// literal returns what every name that matches begins with.
func literal(pattern string) string {
	if i := strings.IndexAny(pattern, special+`\`); i >= 0 {
		return pattern[:i]
	}
	return pattern
}

// candidates returns the files that may match, by their names.
func (t *Tree) candidates(g glob) []*File {
	if g.name == "" || strings.Trim(g.name, "*") == "" {
		if g.within != "" {
			return t.filesWithin(g.within)
		}
		return t.index.files
	}
	if !strings.ContainsAny(g.name, special+`\`) {
		return t.index.names[g.name]
	}
	if extension, ok := strings.CutPrefix(g.name, "*"); ok && strings.HasPrefix(extension, ".") && !strings.ContainsAny(extension, special+`\`) {
		return t.index.extensions[extension]
	}
	var files []*File
	for name, having := range t.index.names {
		if strings.HasPrefix(name, literal(g.name)) && doublestar.MatchUnvalidated(g.name, name) {
			files = append(files, having...)
		}
	}
	return files
}

// filesWithin returns the files in folders of a name, which may be that of a link.
func (t *Tree) filesWithin(name string) []*File {
	var files []*File
	for _, dir := range t.index.folders[name] {
		files = append(files, dir.children...)
	}
	for _, f := range t.index.names[name] {
		if dir := t.target(f); dir != nil {
			files = append(files, dir.children...)
		}
	}
	return files
}

// matching returns a path of a file that a pattern matches: its own, or one by way of
// links to the folders that it is in.
func (t *Tree) matching(f *File, pattern string) (string, bool) {
	own := f.Path()
	if doublestar.MatchUnvalidated(pattern, own) {
		return own, true
	}
	if !f.parent.aliased {
		return "", false
	}
	a := aliases{index: t.index, pattern: pattern, left: maxAliases, followed: map[*File]bool{}}
	return a.of(f.parent, "/"+f.name)
}

// aliases looks for a path by way of links that a pattern matches.
type aliases struct {
	index
	pattern  string
	left     int            // paths that may still be tried
	followed map[*File]bool // links, each of which is followed once
}

// of tries the paths of what lies below a folder.
func (a *aliases) of(dir *File, below string) (string, bool) {
	if dir == nil || !dir.aliased {
		return "", false
	}
	if found, ok := a.of(dir.parent, "/"+dir.name+below); ok { // links high up come first
		return found, true
	}
	for _, link := range a.links[dir] {
		if a.followed[link] {
			continue
		}
		if a.left--; a.left < 0 {
			return "", false
		}
		a.followed[link] = true
		if p := link.Path() + below; doublestar.MatchUnvalidated(a.pattern, p) {
			return p, true
		}
		if found, ok := a.of(link, below); ok {
			return found, true
		}
	}
	return "", false
}
