package filetree

import (
	"cmp"
	"slices"
	"strings"
)

// index answers which files have a name, and which links point where.
type index struct {
	files      []*File            // all but folders, in the order of paths
	names      map[string][]*File // the same by name
	extensions map[string][]*File // the same by each ending that begins with a dot
	folders    map[string][]*File // folders by name
	links      map[*File][]*File  // to a file that a link names, the links
}

// whole makes a tree of what the layers have left.
func (s *squash) whole(t *Tree) {
	s.files = nil
	t.root = s.root
	t.index = index{
		names: map[string][]*File{}, extensions: map[string][]*File{}, folders: map[string][]*File{}, links: map[*File][]*File{},
	}
	t.order(t.root)
	for _, f := range t.index.files {
		if !f.isLink() {
			continue
		}
		if to := resolve(t.root, f.parent, f.destination(), false, child); to != nil {
			t.index.links[to] = append(t.index.links[to], f)
		}
	}
	t.mark(t.root, false)
}

// order sorts what is in a folder, and takes it into the index.
func (t *Tree) order(dir *File) {
	dir.children = slices.DeleteFunc(dir.children, func(f *File) bool { return f.gone })
	slices.SortFunc(dir.children, func(a, b *File) int { return cmp.Compare(a.name, b.name) })
	for _, f := range dir.children {
		if f.isDir() {
			t.index.folders[f.name] = append(t.index.folders[f.name], f)
			t.order(f)
			continue
		}
		t.index.files = append(t.index.files, f)
		t.index.names[f.name] = append(t.index.names[f.name], f)
		for rest := strings.TrimLeft(f.name, "."); ; {
			dot := strings.IndexByte(rest, '.')
			if dot < 0 {
				break
			}
			t.index.extensions[rest[dot:]] = append(t.index.extensions[rest[dot:]], f)
			rest = rest[dot+1:]
		}
	}
}

// mark notes which files can be reached by way of a link to them or to a folder that
// they are in.
func (t *Tree) mark(f *File, aliased bool) {
	f.aliased = aliased || len(t.index.links[f]) > 0
	for _, c := range f.children {
		t.mark(c, f.aliased)
	}
}
